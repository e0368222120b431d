/*
 * filter.c
 *	  Does a subscription want an event?
 *
 * Worker, within a trusted transaction, since a filter reads the event as
 * jsonb; filter_passes() in any backend.  An event on which the filter fails
 * does not match; that is counted and shown in subscription_status.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/glob.h"
#include "base/guc.h"
#include "base/watch.h"
#include "deliver/message/company.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/acknowledged.h"
#include "deliver/queue/breaker.h"
#include "deliver/queue/filter.h"

#define OE_PING "odoo.platform.subscription.pinged.v1"
#define OE_PLATFORM "odoo.platform."
#define OE_PROCESS "odoo.process."
#define OE_JUDGED_BYTES (64 * 1024 * 1024)
#define OE_SLOW_WEIGHT 20		/* judgements that make up for a slow one */

static dlist_head oe_filters = DLIST_STATIC_INIT(oe_filters);
static MemoryContext oe_scratch = NULL;

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
 * Notes why an event cannot be judged.
 */
static void
oe_unjudged(OeJudgement *j, const char *reason)
{
	int			len;

	j->verdict = OE_UNJUDGED;
	len = snprintf(j->reason, sizeof(j->reason), OE_UNJUDGED_TEXT "%s", reason);
	if (len >= (int) sizeof(j->reason))
		j->reason[pg_mbcliplen(j->reason, sizeof(j->reason) - 1, sizeof(j->reason) - 1)] = '\0';
}

/*
 * An error of a judgement: what it says of the event is noted, so that nobody
 * but this subscription suffers from it.  Everything else is raised again.
 */
static void
oe_judgement_failed(OeJudgement *j, MemoryContext cxt)
{
	bool		expired = oe_watch_end();
	ErrorData  *err = oe_watch_caught(cxt, expired);

	j->slow = expired && err->sqlerrcode == ERRCODE_QUERY_CANCELED;
	oe_unjudged(j, j->slow ? psprintf("it took more than %d ms of processor time", oe_guc_filter_timeout) : err->message);
	FreeErrorData(err);
}

/*
 * Makes jsonb of the event, once per row; false if it cannot be jsonb (\u0000
 * is valid JSON, but not valid jsonb).  jsonb_in() leaves nothing behind but
 * memory, so its error can be caught without a subtransaction.
 */
static Datum
oe_row_jsonb(OeOutboxRow *row)
{
	if (row->jsonb == (Datum) 0)
		row->jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(row->body, row->body_len)));
	return row->jsonb;
}

/*
 * What the filter answers: true, false, or neither (null).
 */
static void
oe_filter_answer(JsonPath *filter, Datum event, OeJudgement *j)
{
	LOCAL_FCINFO(fcinfo, 4);
	static Datum empty = (Datum) 0;
	Datum		result;

	if (empty == (Datum) 0)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		empty = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		MemoryContextSwitchTo(old);
	}
	InitFunctionCallInfoData(*fcinfo, NULL, 4, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = event;
	fcinfo->args[1].value = PointerGetDatum(filter);
	fcinfo->args[2].value = empty;
	fcinfo->args[3].value = BoolGetDatum(true);
	for (int i = 0; i < 4; i++)
		fcinfo->args[i].isnull = false;
	result = jsonb_path_match(fcinfo);
	j->unknown = fcinfo->isnull;
	j->verdict = !fcinfo->isnull && DatumGetBool(result) ? OE_WANTED : OE_REFUSED;
}

/*
 * What the filter says of the event, in a bounded time, whatever the event and
 * the filter are.  Reading jsonb and matching a path keep nothing but memory,
 * so that their errors can be caught without a subtransaction.
 */
void
oe_filter_judge(JsonPath *filter, OeOutboxRow *row, OeJudgement *j)
{
	MemoryContext cxt = CurrentMemoryContext;

	memset(j, 0, sizeof(*j));
	if (row->unreadable != NULL)
	{
		oe_unjudged(j, row->unreadable);
		return;
	}
	/* what is larger would be read for seconds, which nothing interrupts */
	if (row->body_len > OE_JUDGED_BYTES)
	{
		oe_unjudged(j, psprintf("the event has more than %d MB", OE_JUDGED_BYTES / 1024 / 1024));
		return;
	}
	oe_watch_begin();
	PG_TRY();
	{
		oe_filter_answer(filter, oe_row_jsonb(row), j);
		(void) oe_watch_end();
	}
	PG_CATCH();
	{
		oe_judgement_failed(j, cxt);
		/* no other filter needs to try */
		if (row->jsonb == (Datum) 0)
			row->unreadable = pstrdup(j->reason + strlen(OE_UNJUDGED_TEXT));
	}
	PG_END_TRY();
}

/*
 * Returns the shared filter: many subscriptions have the same one.
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
	filter = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeFilter));
	filter->path = MemoryContextAlloc(oe_delivery.cxt, VARSIZE(path));
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

/*
 * The same for a filter that several subscriptions share: the judgement of the
 * latest event is kept.
 */
static const OeJudgement *
oe_filter_judged(OeFilter *filter, OeOutboxRow *row)
{
	MemoryContext old;

	if (filter->position == row->position)
		return &filter->judgement;
	if (oe_scratch == NULL)
		oe_scratch = AllocSetContextCreate(oe_delivery.cxt, "odoo_events filters", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(oe_scratch);
	/* not before it is judged: that may raise */
	filter->position = 0;
	oe_filter_judge(filter->path, row, &filter->judgement);
	filter->position = row->position;
	MemoryContextSwitchTo(old);
	return &filter->judgement;
}

/*
 * All subscriptions have looked at the row: frees what their filters left
 * behind.
 */
void
oe_outbox_row_done(OeOutboxRow *row)
{
	if (row->jsonb == (Datum) 0 && row->unreadable == NULL)
		return;
	MemoryContextReset(oe_scratch);
	row->jsonb = (Datum) 0;
	row->unreadable = NULL;
}

/*
 * A filter that exceeds its time again and again costs everybody: the
 * subscription is set aside.  An event too many within twenty is forgiven.
 */
static void
oe_filter_cost(OeSub *sub, bool slow)
{
	sub->slow = slow ? sub->slow + OE_SLOW_WEIGHT : Max(sub->slow - 1, 0);
	if (sub->slow > 2 * OE_SLOW_WEIGHT)
		oe_sub_disable(sub, NULL, psprintf("its filter took more than %d ms of processor time again and again", oe_guc_filter_timeout));
}

/*
 * What follows from a judgement for the subscription's figures.
 */
static OeVerdict
oe_filter_counted(OeSub *sub, const OeOutboxRow *row, const OeJudgement *j)
{
	oe_filter_cost(sub, j->slow);
	if (j->unknown || j->verdict == OE_UNJUDGED)
	{
		sub->filter_errors++;
		sub->filter_error_at = oe_delivery.now;
		sub->filter_error_position = row->position;
	}
	if (j->verdict == OE_WANTED)
		sub->filter_passed++;
	else
		sub->filter_refused++;
	return j->verdict;
}

static OeVerdict
oe_filter_verdict(OeSub *sub, OeOutboxRow *row)
{
	if (sub->conf->filter == NULL)
		return OE_WANTED;
	return oe_filter_counted(sub, row, oe_filter_judged(sub->conf->filter, row));
}

/*
 * An event that could not be judged becomes a dead letter of this subscription,
 * committed together with the cursor that passes it.
 */
void
oe_row_dies(OeSub *sub, const OeOutboxRow *row)
{
	OeDeadLetter *d = oe_dead_letter_add();

	d->sub = sub->id;
	d->position = row->position;
	d->id = *row->id;
	d->first_at = d->last_at = oe_delivery.now;
	d->error = MemoryContextStrdup(oe_delivery.cxt, sub->conf->filter->judgement.reason);
	sub->dirty = true;
}

/*
 * A ping goes to the subscription its subject names, whatever that filters,
 * and to no other.
 */
static bool
oe_is_ping_for(OeSub *sub, OeOutboxRow *row)
{
	static const char prefix[] = "subscription/";
	int			n = sizeof(prefix) - 1;

	return row->subject_len > n && memcmp(row->subject, prefix, n) == 0 &&
		row->subject_len - n == (int) strlen(sub->conf->name) &&
		memcmp(row->subject + n, sub->conf->name, row->subject_len - n) == 0;
}

/*
 * Events about delivery itself and about promises go to those who ask for them
 * by name: "*" means the business, and nobody's webhook learns by it of the
 * others, or gets events that it did not get before.  Answers how a pattern that
 * names it begins; NULL: any pattern means it.
 */
static const char *
oe_must_be_named(OeOutboxRow *row)
{
	static const char *const types[][2] = {{OE_PLATFORM "subscription.", OE_PLATFORM}, {OE_PLATFORM "event.", OE_PLATFORM},
	{OE_PLATFORM "outcome.", OE_PLATFORM}, {OE_PLATFORM "exception.", OE_PLATFORM}, {OE_PLATFORM "flow.", OE_PLATFORM},
	{OE_PLATFORM "configuration.", OE_PLATFORM}, {OE_PLATFORM "seal.", OE_PLATFORM}, {OE_PROCESS "promise.", OE_PROCESS}};

	for (int i = 0; i < lengthof(types); i++)
		if (row->type_len > (int) strlen(types[i][0]) && memcmp(row->type, types[i][0], strlen(types[i][0])) == 0)
			return types[i][1];
	return NULL;
}

/*
 * Does a subscription of some companies want an event of a record that all
 * share?  Judged by what it may see of it.
 */
static OeVerdict
oe_company_verdict(OeSub *sub, OeOutboxRow *row)
{
	OeConfiguration *conf = sub->conf;
	MemoryContext cxt = AllocSetContextCreate(oe_delivery.cxt, "odoo_events company", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	OeOutboxRow seen = *row;
	OeVerdict	verdict;
	bool		passes;

	seen.body = oe_company_event(pnstrdup(row->body, row->body_len), pnstrdup(row->classes, row->classes_len),
								 conf->companies, conf->ncompanies, &passes);
	seen.body_len = strlen(seen.body);
	seen.jsonb = (Datum) 0;
	seen.unreadable = NULL;
	verdict = passes ? OE_WANTED : OE_REFUSED;
	if (passes && conf->filter != NULL)
	{
		/* others may see something else of it */
		conf->filter->position = 0;
		oe_filter_judge(conf->filter->path, &seen, &conf->filter->judgement);
		verdict = oe_filter_counted(sub, row, &conf->filter->judgement);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return verdict;
}

/*
 * Is the event for other subscriptions alone?  Its classes begin with ">:7,9"
 * then.
 */
static bool
oe_is_for_others(const OeSub *sub, const OeOutboxRow *row)
{
	const char *p = row->classes;
	const char *end = p + row->classes_len;

	if (p == NULL || row->classes_len < 2 || *p != '>')
		return false;
	for (p++; p < end && (*p == ':' || *p == ',');)
	{
		int			id = 0;

		for (p++; p < end && *p >= '0' && *p <= '9'; p++)
			id = id * 10 + (*p - '0');
		if (id == sub->id)
			return false;
	}
	return true;
}

/*
 * Does the subscription want the event, as far as that can be said?  It may be
 * inactive afterwards, if judging took too long too often: then the event is
 * left for later.
 */
OeVerdict
oe_sub_judges(OeSub *sub, OeOutboxRow *row)
{
	OeConfiguration *conf = sub->conf;
	bool		typed = false;
	const char *named;

	if (row->type_len == sizeof(OE_PING) - 1 && memcmp(row->type, OE_PING, row->type_len) == 0)
		return oe_is_ping_for(sub, row) ? OE_WANTED : OE_REFUSED;
	if ((sub->nacknowledged > 0 && oe_is_acknowledged(sub, row->position)) || oe_is_for_others(sub, row))
		return OE_REFUSED;
	named = oe_must_be_named(row);
	for (int i = 0; i < conf->ntypes && !typed; i++)
		typed = (!named || strncmp(conf->types[i], named, strlen(named)) == 0) &&
			oe_glob(conf->types[i], row->type, row->type_len);
	if (!typed ||
		(!(conf->shared_rows && !row->has_company) &&
		 !oe_listed(conf->companies, conf->ncompanies, row->has_company, row->company)) ||
		!oe_listed(conf->warehouses, conf->nwarehouses, row->has_warehouse, row->warehouse))
		return OE_REFUSED;
	if (conf->companies != NULL && row->classes != NULL && memchr(row->classes, '@', row->classes_len) != NULL)
		return oe_company_verdict(sub, row);
	return oe_filter_verdict(sub, row);
}
