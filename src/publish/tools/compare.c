/*
 * compare.c
 *	  Which events the difference between two states of a row would be.
 *
 * Any backend, in the caller's transaction.  The caller passes what events have
 * told about some documents; the rows as they are now are read here, in an
 * as-owner transaction, and the differences are made into events as if one
 * transaction had made them.  Nothing is stored.  reconcile() concludes that an
 * event is missing if one would be made; explain() says why none would be.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/json_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/rows.h"
#include "publish/retry_unit.h"
#include "publish/tools/snapshot.h"

PG_FUNCTION_INFO_V1(oe_sql_would_tell);

/* The arguments: one change each; those of a document follow one another. */
typedef struct OeCompared
{
	OeEntity   *e;
	int			n;
	int64	   *docs;
	char	  **rules;
	int64	   *ids;
	char	  **ops;
	char	  **olds;			/* NULL: there was none */
} OeCompared;

static char **
oe_compared_texts(Datum array, int n)
{
	Datum	   *elems;
	bool	   *nulls;
	int			count;
	char	  **list = palloc0(sizeof(char *) * (n + 1));

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &count);
	for (int i = 0; i < Min(n, count); i++)
		list[i] = nulls[i] ? NULL : TextDatumGetCString(elems[i]);
	return list;
}

static int64 *
oe_compared_ids(Datum array, int *n)
{
	Datum	   *elems;
	bool	   *nulls;
	int64	   *list;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elems, &nulls, n);
	list = palloc0(sizeof(int64) * (*n + 1));
	for (int i = 0; i < *n; i++)
		list[i] = nulls[i] ? 0 : DatumGetInt64(elems[i]);
	return list;
}

/* One transaction per document, its rows still to be read. */
static void
oe_compared_changes(OeCycle *cy, OeCompared *cmp)
{
	OeTx	   *tx = NULL;

	cy->tx = palloc0(sizeof(OeTx) * (cmp->n + 1));
	for (int i = 0; i < cmp->n; i++)
	{
		OeChange   *c;

		if (tx == NULL || cmp->docs[i] != cmp->docs[i - 1])
		{
			tx = &cy->tx[cy->ntx];
			tx->index = cy->ntx++;
			tx->changes = palloc0(sizeof(OeChange) * cmp->n);
		}
		c = &tx->changes[tx->n];
		c->rule_name = cmp->rules[i];
		c->rule = oe_rule_find(cy->cat, cmp->rules[i]);
		c->id = i + 1;
		c->at = cy->now;
		c->op = cmp->ops[i] ? cmp->ops[i][0] : 'U';
		c->record_id = cmp->ids[i];
		c->old_text = cmp->olds[i];
		if (c->rule && (c->op == 'I' || c->op == 'D' || c->op == 'U'))
			tx->n++;
	}
}

/* A row of a table as the journal would have it. */
static char *
oe_image(const OeJsonRow *row)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (int i = 0; i < row->n; i++)
	{
		appendStringInfo(&buf, "%s\"%.*s\":", i ? "," : "", row->m[i].len, row->m[i].key);
		oe_text_write(&buf, &row->m[i].value);
	}
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/*
 * Reads the current rows; a change of a row that is gone is dropped.  As-owner
 * transaction.
 */
static void
oe_compared_read(OeCycle *cy, void *arg)
{
	bool		again = true;

	while (again)
	{
		for (int i = 0; i < cy->ntx; i++)
			for (int j = 0; j < cy->tx[i].n; j++)
				if (cy->tx[i].changes[j].op != 'D')
					(void) oe_row_there(cy, cy->tx[i].changes[j].rule, cy->tx[i].changes[j].record_id);
		again = oe_odoo_read(cy);
	}
	for (int i = 0; i < cy->ntx; i++)
	{
		OeTx	   *tx = &cy->tx[i];
		int			kept = 0;

		for (int j = 0; j < tx->n; j++)
		{
			OeChange   *c = &tx->changes[j];
			OeJsonRow  *row = c->op == 'D' ? NULL : oe_row_there(cy, c->rule, c->record_id);

			if (row)
				c->new_text = oe_image(row);
			if (row || c->op == 'D')
				tx->changes[kept++] = *c;
		}
		tx->n = kept;
	}
}

static void
oe_compared_put(ReturnSetInfo *rsinfo, int64 id, const char *step, const char *verdict, const char *detail)
{
	Datum		values[4];
	bool		nulls[4] = {false, false, false, detail == NULL};

	values[0] = Int64GetDatum(id);
	values[1] = CStringGetTextDatum(step);
	values[2] = CStringGetTextDatum(verdict);
	values[3] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
oe_compared_answer(OeCycle *cy, OeCompared *cmp, ReturnSetInfo *rsinfo)
{
	ListCell   *lc;

	for (int i = 0; i < cy->ntx; i++)
		foreach(lc, cy->tx[i].events)
	{
		OeDraftEvent *ev = lfirst(lc);

		if (ev->e == cmp->e && !ev->dropped)
			oe_compared_put(rsinfo, ev->record_id, ev->type, "event", NULL);
	}
	foreach(lc, cy->explain ? cy->explain->said : NIL)
	{
		OeDecision *said = lfirst(lc);

		oe_compared_put(rsinfo, cy->explain->id, said->step, said->verdict, said->detail);
	}
}

/*
 * _would_tell(entity, docs, rules, ids, ops, olds, explain): the events of
 * this entity that the differences would be, and, where there is one document
 * and it is asked for, why not others.
 */
Datum
oe_sql_would_tell(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	OeCycle    *cy;
	OeCompared	cmp = {0};
	OeExplain	explain = {0};
	char	   *failure;
	int			code = 0;

	InitMaterializedSRF(fcinfo, 0);
	cy = oe_tool_cycle();
	MemoryContextSwitchTo(cy->cxt);
	cmp.docs = oe_compared_ids(PG_GETARG_DATUM(1), &cmp.n);
	cmp.rules = oe_compared_texts(PG_GETARG_DATUM(2), cmp.n);
	cmp.ids = oe_compared_ids(PG_GETARG_DATUM(3), &cmp.n);
	cmp.ops = oe_compared_texts(PG_GETARG_DATUM(4), cmp.n);
	cmp.olds = oe_compared_texts(PG_GETARG_DATUM(5), cmp.n);
	cmp.e = oe_tool_entity(cy, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (cmp.e == NULL || cmp.n == 0)
	{
		MemoryContextSwitchTo(caller);
		return (Datum) 0;
	}
	oe_compared_changes(cy, &cmp);
	if (PG_GETARG_BOOL(6))
	{
		explain.e = cmp.e;
		explain.id = cmp.docs[0];
		cy->explain = &explain;
	}
	failure = oe_tool_foreign(cy, oe_compared_read, NULL, &code);
	if (failure == NULL && cy->ntx > 0)
	{
		oe_retry_unit_add(cy, 0, cy->ntx - 1, 0, 0);
		while (!oe_retry_units_make(cy, &failure))
			CHECK_FOR_INTERRUPTS();
	}
	if (failure)
		oe_compared_put((ReturnSetInfo *) fcinfo->resultinfo, cmp.docs[0], "publish", "error", failure);
	else
		oe_compared_answer(cy, &cmp, (ReturnSetInfo *) fcinfo->resultinfo);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(cy->cxt);
	return (Datum) 0;
}
