/*
 * match.c
 *	  Does a subscription want an event?
 *
 * Worker, inside own work (a filter reads the event as jsonb); the filter
 *	  alone in any backend too.  An error
 * in a filter is no match; it is counted and shown in subscription_status.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "deliver/internal.h"

#define OE_PING "odoo.platform.subscription.pinged.v1"
#define OE_PLATFORM "odoo.platform."

static dlist_head oe_filters = DLIST_STATIC_INIT(oe_filters);
static MemoryContext oe_scratch = NULL;

/*
 * Does the pattern, in which '*' stands for any characters, match?
 */
static bool
oe_glob(const char *pattern, const char *s, int len)
{
	const char *star = NULL;
	int			i = 0;
	int			back = 0;

	while (i < len)
	{
		if (*pattern == '*')
		{
			star = ++pattern;
			back = i;
			if (*pattern == '\0')
				return true;
		}
		else if (*pattern != '\0' && *pattern == s[i])
		{
			pattern++;
			i++;
		}
		else if (star != NULL)
		{
			pattern = star;
			i = ++back;
		}
		else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
oe_listed(const int *list, int n, bool has, int value)
{
	if (list == NULL)
		return true;
	for (int i = 0; has && i < n; i++)
		if (list[i] == value)
			return true;
	return false;
}

/*
 * The event as jsonb, made once per row; false if it cannot be read as such
 * (\u0000 is valid JSON, but not in jsonb).  jsonb_in() keeps nothing but
 * memory, so that its error can be caught without a subtransaction.
 */
static bool
oe_row_jsonb(OeRow *row)
{
	MemoryContext cxt = CurrentMemoryContext;

	if (row->jsonb != (Datum) 0 || row->jsonb_failed)
		return !row->jsonb_failed;
	PG_TRY();
	{
		char	   *text = pnstrdup(row->body, row->body_len);

		row->jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		if (code != ERRCODE_UNTRANSLATABLE_CHARACTER && code != ERRCODE_INVALID_TEXT_REPRESENTATION)
			PG_RE_THROW();
		MemoryContextSwitchTo(cxt);
		FlushErrorState();
		row->jsonb_failed = true;
	}
	PG_END_TRY();
	return !row->jsonb_failed;
}

/*
 * Does the filter match?  *failed is set where that cannot be said.
 */
bool
oe_filter_matches(JsonPath *filter, OeRow *row, bool *failed)
{
	LOCAL_FCINFO(fcinfo, 4);
	static Datum empty = (Datum) 0;
	Datum		result;

	*failed = !oe_row_jsonb(row);
	if (*failed)
		return false;
	if (empty == (Datum) 0)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		empty = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		MemoryContextSwitchTo(old);
	}
	InitFunctionCallInfoData(*fcinfo, NULL, 4, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = row->jsonb;
	fcinfo->args[1].value = PointerGetDatum(filter);
	fcinfo->args[2].value = empty;
	fcinfo->args[3].value = BoolGetDatum(true);
	for (int i = 0; i < 4; i++)
		fcinfo->args[i].isnull = false;
	result = jsonb_path_match(fcinfo);
	*failed = fcinfo->isnull;
	return !fcinfo->isnull && DatumGetBool(result);
}

/*
 * The filter, shared with those who have the same one: a thousand
 * subscriptions rarely have a thousand.
 */
OeFilter *
oe_filter_get(const JsonPath *path)
{
	OeFilter   *filter;
	dlist_iter	it;

	dlist_foreach(it, &oe_filters)
	{
		filter = dlist_container(OeFilter, node, it.cur);
		if (VARSIZE(filter->path) == VARSIZE(path) && memcmp(filter->path, path, VARSIZE(path)) == 0)
		{
			filter->refs++;
			return filter;
		}
	}
	filter = MemoryContextAllocZero(oe_deliver_cxt, sizeof(OeFilter));
	filter->path = MemoryContextAlloc(oe_deliver_cxt, VARSIZE(path));
	memcpy(filter->path, path, VARSIZE(path));
	filter->refs = 1;
	dlist_push_tail(&oe_filters, &filter->node);
	return filter;
}

void
oe_filter_release(OeFilter *filter)
{
	if (filter == NULL || --filter->refs > 0)
		return;
	dlist_delete(&filter->node);
	pfree(filter->path);
	pfree(filter);
}

static void
oe_filter_judge(OeFilter *filter, OeRow *row)
{
	MemoryContext old;

	if (oe_scratch == NULL)
		oe_scratch = AllocSetContextCreate(oe_deliver_cxt, "odoo_events filters", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(oe_scratch);
	filter->matches = oe_filter_matches(filter->path, row, &filter->failed);
	filter->position = row->position;
	MemoryContextSwitchTo(old);
}

/*
 * The row has been shown to all who might want it.  What their filters left
 * behind goes: with many subscriptions it would be most of the worker's memory.
 */
void
oe_row_done(OeRow *row)
{
	if (row->jsonb == (Datum) 0 && !row->jsonb_failed)
		return;
	MemoryContextReset(oe_scratch);
	row->jsonb = (Datum) 0;
	row->jsonb_failed = false;
}

static bool
oe_filter_passes(OeSub *sub, OeRow *row)
{
	OeFilter   *filter = sub->conf->filter;

	if (filter == NULL)
		return true;
	if (filter->position != row->position)
		oe_filter_judge(filter, row);
	sub->filter_errors += filter->failed;
	return filter->matches;
}

/*
 * A ping goes to the subscription its subject names, whatever that filters,
 * and to no other.
 */
static bool
oe_is_ping_for(OeSub *sub, OeRow *row)
{
	static const char prefix[] = "subscription/";
	int			n = sizeof(prefix) - 1;

	return row->subject_len > n && memcmp(row->subject, prefix, n) == 0 &&
		row->subject_len - n == (int) strlen(sub->conf->name) &&
		memcmp(row->subject + n, sub->conf->name, row->subject_len - n) == 0;
}

/*
 * Events about delivery itself go to those who ask for them by name: "*"
 * means the business, and nobody's webhook learns by it of the others.
 */
static bool
oe_about_delivery(OeRow *row)
{
	static const char *const entities[] = {OE_PLATFORM "subscription.", OE_PLATFORM "event."};

	for (int i = 0; i < lengthof(entities); i++)
		if (row->type_len > (int) strlen(entities[i]) && memcmp(row->type, entities[i], strlen(entities[i])) == 0)
			return true;
	return false;
}

/*
 * Does a subscription of some companies want an event of a record that all
 * share?  Judged by what it may see of it.
 */
static bool
oe_company_passes(OeSub *sub, OeRow *row)
{
	OeConf	   *conf = sub->conf;
	MemoryContext cxt = AllocSetContextCreate(oe_deliver_cxt, "odoo_events company", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	OeRow		seen = *row;
	bool		failed = false;
	bool		passes;

	seen.body = oe_company_event(pnstrdup(row->body, row->body_len), pnstrdup(row->classes, row->classes_len),
								 conf->companies, conf->ncompanies, &passes);
	seen.body_len = strlen(seen.body);
	seen.jsonb = (Datum) 0;
	seen.jsonb_failed = false;
	if (passes && conf->filter != NULL)
		passes = oe_filter_matches(conf->filter->path, &seen, &failed);
	sub->filter_errors += failed;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return passes;
}

bool
oe_sub_wants(OeSub *sub, OeRow *row)
{
	OeConf	   *conf = sub->conf;
	bool		typed = false;
	bool		by_name;

	if (row->type_len == sizeof(OE_PING) - 1 && memcmp(row->type, OE_PING, row->type_len) == 0)
		return oe_is_ping_for(sub, row);
	by_name = oe_about_delivery(row);
	for (int i = 0; i < conf->ntypes && !typed; i++)
		typed = (!by_name || strncmp(conf->types[i], OE_PLATFORM, strlen(OE_PLATFORM)) == 0) &&
			oe_glob(conf->types[i], row->type, row->type_len);
	return typed &&
		((conf->shared_rows && !row->has_company) ||
		 oe_listed(conf->companies, conf->ncompanies, row->has_company, row->company)) &&
		oe_listed(conf->warehouses, conf->nwarehouses, row->has_warehouse, row->warehouse) &&
		(conf->companies != NULL && row->classes != NULL && memchr(row->classes, '@', row->classes_len) != NULL ?
		 oe_company_passes(sub, row) : oe_filter_passes(sub, row));
}
