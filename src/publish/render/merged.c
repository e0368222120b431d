/*
 * merged.c
 *	  Documents that Odoo merged: which one took the others in.
 *
 * Reads nothing but the transaction.  Odoo keeps no column for it.  It makes a
 * new manufacturing order whose origin has the names of the old ones, and
 * cancels these; of requests for quotation it keeps one, whose total grows, and
 * cancels the others of the same vendor.
 */
#include "postgres.h"

#include <ctype.h>

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

#include "base/json.h"
#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/render/lines.h"
#include "publish/render/merged.h"

/* The text of a column, not quoted; NULL: none. */
static const char *
oe_plain(const OeJsonRow *row, const char *column)
{
	const OeText *t = oe_row_find(row, column);

	return oe_text_null(t) ? NULL : oe_text_cstring(t);
}

static double
oe_total(const OeJsonRow *row)
{
	const char *s = oe_plain(row, "amount_total");

	return s ? strtod(s, NULL) : 0;
}

/* Does a change look like that of a document that took others in? */
static bool
oe_may_survive(OeChange *c)
{
	const char *origin;

	if ((c->op != 'I' && c->op != 'U') || !oe_change_parse(c))
		return false;
	if (c->op == 'U')
		return oe_row_find(&c->new, "amount_total") && oe_total(&c->new) > oe_total(&c->old);
	origin = oe_plain(&c->new, "origin");
	return origin && strchr(origin, ',');
}

/*
 * Those of the transaction, found once: a transaction may cancel thousands.
 */
static List *
oe_survivors(OeCycle *cy, OeTx *tx, OeCatalogRule *rule)
{
	MemoryContext save;

	if (tx->survivors_of == rule)
		return tx->survivors;
	tx->survivors_of = rule;
	tx->survivors = NIL;
	for (int i = 0; i < tx->n; i++)
	{
		if (tx->changes[i].rule != rule || !oe_may_survive(&tx->changes[i]))
			continue;
		save = MemoryContextSwitchTo(cy->cxt);
		tx->survivors = lappend(tx->survivors, &tx->changes[i]);
		MemoryContextSwitchTo(save);
	}
	return tx->survivors;
}

/* Is a name one of those in a list, 'WH/MO/00003,WH/MO/00004'? */
static bool
oe_listed(const char *list, const char *name)
{
	size_t		n = strlen(name);

	for (const char *p = list; n > 0 && p && (p = strstr(p, name)) != NULL; p += n)
	{
		const char *end = p + n;

		while (end[0] != '\0' && isspace((unsigned char) end[0]))
			end++;
		if ((p == list || p[-1] == ',' || isspace((unsigned char) p[-1])) && (*end == ',' || *end == '\0'))
			return true;
	}
	return false;
}

static bool
oe_cancelled(OeEntity *e, const OeJsonRow *row)
{
	return e->state_column && oe_text_in(oe_row_find(row, e->state_column), e->ncancelled, e->cancelled);
}

/* Was a document that is cancelled now merged into this one? */
static bool
oe_took_in(OeEntity *e, OeChange *survivor, OeChange *c)
{
	const char *name = e->name_column ? oe_plain(&c->new, e->name_column) : NULL;

	if (survivor->rule != c->rule || survivor->record_id == c->record_id || oe_cancelled(e, &survivor->new))
		return false;
	if (survivor->op == 'I')
		return name && oe_listed(oe_plain(&survivor->new, "origin"), name);
	return !oe_text_null(oe_row_find(&c->new, "partner_id")) &&
		oe_text_equal(oe_row_find(&c->new, "partner_id"), oe_row_find(&survivor->new, "partner_id"));
}

static void
oe_write_named(OeEntity *e, StringInfo buf, OeChange *c)
{
	const OeText *name = e->name_column ? oe_row_find(&c->new, e->name_column) : NULL;

	appendStringInfoString(buf, "{\"id\":");
	oe_json_id(buf, c->record_id);
	if (!oe_text_null(name))
	{
		appendStringInfoString(buf, ",\"name\":");
		oe_text_write(buf, name);
	}
	appendStringInfoChar(buf, '}');
}

/* Of a document that this transaction cancelled. */
void
oe_write_merged_into(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, bool *first, const char *member)
{
	ListCell   *lc;

	if (ev->change->rule != ev->e->rule || ev->change->op != 'U' || !oe_cancelled(ev->e, &ev->change->new))
		return;
	foreach(lc, oe_survivors(cy, ev->tx, ev->e->rule))
	{
		if (!oe_took_in(ev->e, lfirst(lc), ev->change))
			continue;
		oe_write_member(buf, first, member);
		oe_write_named(ev->e, buf, lfirst(lc));
		return;
	}
}

/* Of a document that this transaction made from others. */
void
oe_write_merged_from(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, bool *first, const char *member)
{
	bool		any = false;

	if (ev->change->rule != ev->e->rule || ev->change->op != 'I' || !list_member_ptr(oe_survivors(cy, ev->tx, ev->e->rule), ev->change))
		return;
	for (int i = 0; i < ev->tx->n; i++)
	{
		OeChange   *c = &ev->tx->changes[i];

		if (c->rule != ev->e->rule || !oe_change_parse(c) || !oe_cancelled(ev->e, &c->new) || !oe_took_in(ev->e, ev->change, c))
			continue;
		if (!any)
			oe_write_member(buf, first, member);
		appendStringInfoChar(buf, any ? ',' : '[');
		any = true;
		oe_write_named(ev->e, buf, c);
	}
	if (any)
		appendStringInfoChar(buf, ']');
}
