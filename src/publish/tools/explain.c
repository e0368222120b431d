/*
 * explain.c
 *	  Why a change was, or was not, an event.
 *
 * Any backend, in the caller's transaction.  One transaction of the journal is
 * read as own work and made into events once more as foreign work, as the
 * publisher does it, but nothing is stored; matching says to oe_say() why it
 * passed a definition over.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"

#include "base/compat.h"
#include "publish/internal.h"

PG_FUNCTION_INFO_V1(oe_sql_explain_change);

/*
 * Notes why the definition "d" made no event of the change, if the record
 * is the one asked about.
 */
void
oe_say(OeCycle *cy, OeEntity *e, int64 id, OeDef *d, const char *verdict, const char *detail)
{
	OeSaid	   *said;

	if (e != cy->explain->e || id != cy->explain->id)
		return;
	said = palloc(sizeof(OeSaid));
	said->step = d->type;
	said->verdict = verdict;
	said->detail = pstrdup(detail);
	cy->explain->said = lappend(cy->explain->said, said);
}

/* Past the parenthesis that closes the one at p. */
static const char *
oe_skip_group(const char *p)
{
	int			depth = 0;
	bool		quoted = false;

	for (; *p != '\0'; p++)
	{
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '(')
			depth++;
		else if (!quoted && *p == ')' && --depth == 0)
			return p + 1;
	}
	return p;
}

/* The && at the top of a condition, as jsonpath writes it; NULL: there is none. */
static const char *
oe_top_and(const char *text)
{
	bool		quoted = false;

	for (const char *p = text; *p != '\0'; p++)
	{
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '(')
			p = oe_skip_group(p) - 1;
		else if (!quoted && strncmp(p, " && ", 4) == 0)
			return p;
		else if (!quoted && strncmp(p, " || ", 4) == 0)
			return NULL;
	}
	return NULL;
}

/*
 * The smallest part of a conjunction that does not hold.
 */
static char *
oe_false_part(OeCycle *cy, OePredicate *p, OeSubject *s, char *text)
{
	OePredicate left = *p;
	const char *and;
	char	   *part;

	while (text[0] == '(' && *oe_skip_group(text) == '\0')
		text = pnstrdup(text + 1, strlen(text) - 2);
	and = oe_top_and(text);
	if (and == NULL)
		return text;
	part = pnstrdup(text, and - text);
	left.path = DirectFunctionCall1(jsonpath_in, CStringGetDatum(part));
	if (!oe_holds(cy, &left, s))
		return oe_false_part(cy, p, s, part);
	return oe_false_part(cy, p, s, pstrdup(and + 4));
}

/*
 * The condition of "d" does not hold: says which part, and what it looked at.
 */
void
oe_say_condition(OeCycle *cy, OeEntity *e, int64 id, OeDef *d, OeSubject *s)
{
	char	   *text;
	OeSubject	own = *s;

	if (e != cy->explain->e || id != cy->explain->id)
		return;
	text = DatumGetCString(DirectFunctionCall1(jsonpath_out, d->condition.path));
	own.words = NULL;			/* only what this condition mentions */
	own.root = (Datum) 0;
	oe_say(cy, e, id, d, "condition is false",
		   psprintf("%s; it looks at %s", oe_false_part(cy, &d->condition, s, text), oe_seen(cy, &d->condition, &own)));
}

/*
 * Reads one transaction of the journal; own work.
 */
static void
oe_explain_read(OeCycle *cy, Datum xid)
{
	static const Oid types[] = {XID8OID};
	OeSession	s;
	OeTx	   *tx;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	cy->now = GetCurrentTimestamp();
	cy->cat = oe_catalog();
	(void) oe_run(NULL,
				  "SELECT xid, id, at, rule, relid, op, record_id, old, new, traceparent FROM odoo_events.journal"
				  " WHERE xid = $1 ORDER BY id",
				  1, types, &xid, NULL, true, OE_SLICE_ROWS);
	cy->ntx = 1;
	tx = cy->tx = palloc0(sizeof(OeTx));
	tx->xid = U64FromFullTransactionId(DatumGetFullTransactionId(xid));
	tx->changes = palloc0(sizeof(OeChange) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
		oe_change_read(cy, &tx->changes[tx->n++], i);
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);
}

static void
oe_explain_put(ReturnSetInfo *rsinfo, const char *step, const char *verdict, const char *detail)
{
	Datum		values[3];
	bool		nulls[3] = {false, false, detail == NULL};

	values[0] = CStringGetTextDatum(step);
	values[1] = CStringGetTextDatum(verdict);
	values[2] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * _explain_change(entity, record_id, xid): what becomes of the transaction's
 * change of this record.
 */
Datum
oe_sql_explain_change(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *entity = text_to_cstring(PG_GETARG_TEXT_PP(0));
	OeCycle    *cy = palloc0(sizeof(OeCycle));
	OeExplain	explain = {0};
	char	   *failure = NULL;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	cy->cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events explain", ALLOCSET_DEFAULT_SIZES);
	oe_explain_read(cy, PG_GETARG_DATUM(2));
	explain.e = oe_entity_find(cy->cat, entity);
	explain.id = PG_GETARG_INT64(1);
	cy->explain = &explain;
	if (explain.e)
	{
		oe_attempt_add(cy, 0, 0, 0, 0);
		while (!oe_make(cy, &failure))
			CHECK_FOR_INTERRUPTS();
	}
	if (failure)
		oe_explain_put(rsinfo, "publish", "error", failure);
	foreach(lc, explain.said)
	{
		OeSaid	   *said = lfirst(lc);

		oe_explain_put(rsinfo, said->step, said->verdict, said->detail);
	}
	foreach(lc, failure ? NIL : cy->tx->events)
	{
		OeEvent    *ev = lfirst(lc);

		if (ev->e && ev->e == explain.e && ev->record_id == explain.id)
			oe_explain_put(rsinfo, ev->type, "event", psprintf("subject %s, key %s", ev->subject, ev->key));
	}
	return (Datum) 0;
}
