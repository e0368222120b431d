/*
 * rows.c
 *	  Reads rows of Odoo's tables in batch.
 *
 * As-owner transaction.  Callers ask for a row; if it is not in memory yet that
 * is noted, and one statement per kind of row reads everything that was noted.
 * Rows are kept in the cycle's memory context, until the cycle ends.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "base/json.h"
#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/odoo/lookahead.h"
#include "publish/odoo/rows.h"
#include "publish/odoo/shown_values.h"
#include "publish/odoo/statements.h"
#include "publish/odoo/tables.h"

/*
 * A translated name: in the configured language, else English, else any.
 */
static void
oe_translated(StringInfo buf, Jsonb *jb)
{
	OeText		t;

	t.s = JsonbToCString(NULL, &jb->root, VARSIZE(jb));
	t.len = strlen(t.s);
	t = oe_text_shown(&t);
	appendBinaryStringInfo(buf, t.s, t.len);
}

static void
oe_result_row(OeQuery *q, HeapTuple tup, TupleDesc desc, FmgrInfo *out, int64 id, OeJsonRow *row)
{
	StringInfoData buf;

	initStringInfo(&buf);
	row->n = q->nnames;
	row->m = palloc(sizeof(OeMember) * (q->nnames + 1));
	row->id.s = psprintf(INT64_FORMAT, id);
	row->id.len = strlen(row->id.s);
	for (int i = 0; i < q->nnames; i++)
	{
		bool		isnull;
		Datum		d = SPI_getbinval(tup, desc, i + 3, &isnull);
		Oid			type = TupleDescAttr(desc, i + 2)->atttypid;
		OeMember   *m = &row->m[i];

		m->key = q->names[i];
		m->len = strlen(q->names[i]);
		m->tag = oe_key_tag(m->key, m->len);
		m->value.s = (const char *) (intptr_t) buf.len;
		if (isnull)
			appendStringInfoString(&buf, "null");
		else if (type == JSONBOID && q->reference)
			oe_translated(&buf, DatumGetJsonbP(d));
		else
			oe_json_datum(&buf, type, &out[i], d);
		m->value.len = buf.len - (int) (intptr_t) m->value.s;
	}
	for (int i = 0; i < q->nnames; i++)
		row->m[i].value.s = buf.data + (intptr_t) row->m[i].value.s;
	if (q->rule)
		oe_row_settle(q->rule, row);
}

static OeReadEntry *
oe_entry(OeCycle *cy, int query, int64 id, bool *found)
{
	OeReadKey	key = {.id = id,.query = query};

	return hash_search(cy->read, &key, found ? HASH_ENTER : HASH_FIND, found);
}

static void
oe_query_results(OeCycle *cy, OeQuery *q, int query)
{
	TupleDesc	desc = SPI_tuptable->tupdesc;
	FmgrInfo   *out = palloc0(sizeof(FmgrInfo) * (desc->natts + 1));

	for (int i = 2; i < desc->natts; i++)
	{
		Oid			fn;
		bool		varlena;

		getTypeOutputInfo(TupleDescAttr(desc, i)->atttypid, &fn, &varlena);
		fmgr_info(fn, &out[i - 2]);
	}
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tup = SPI_tuptable->vals[i];
		bool		isnull;
		int64		by = DatumGetInt64(SPI_getbinval(tup, desc, 1, &isnull));
		int64		id = DatumGetInt64(SPI_getbinval(tup, desc, 2, &isnull));
		OeReadEntry *e = oe_entry(cy, query, by, NULL);

		if (e == NULL)
			continue;
		if (q->column)
		{
			OeLine	   *line = palloc0(sizeof(OeLine));

			line->id = id;
			oe_result_row(q, tup, desc, out, id, &line->row);
			e->lines = lappend(e->lines, line);
		}
		else
		{
			e->row = palloc0(sizeof(OeJsonRow));
			oe_result_row(q, tup, desc, out, id, e->row);
		}
	}
}

static int
oe_id_cmp(const void *a, const void *b)
{
	int64		x = DatumGetInt64(*(const Datum *) a);
	int64		y = DatumGetInt64(*(const Datum *) b);

	return x < y ? -1 : x > y ? 1 : 0;
}

static void
oe_query_run(OeCycle *cy, int query, List *ids)
{
	OeQuery    *q = oe_query(query);
	Datum	   *elems = palloc(sizeof(Datum) * list_length(ids));
	Datum		value;
	ListCell   *lc;
	int			n = 0;
	MemoryContext save = CurrentMemoryContext;

	foreach(lc, ids)
		elems[n++] = Int64GetDatum(*(int64 *) lfirst(lc));
	if (q->plan == NULL && !q->absent)
		oe_query_plan(q);
	if (!q->absent)
	{
		int			ret;

		qsort(elems, n, sizeof(Datum), oe_id_cmp);
		value = PointerGetDatum(construct_array(elems, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		ret = SPI_execute_plan(q->plan, &value, NULL, true, 0);
		MemoryContextSwitchTo(save);
		if (ret < 0)
			elog(ERROR, "could not read Odoo's tables: %s", SPI_result_code_string(ret));
		oe_query_results(cy, q, query);
		SPI_freetuptable(SPI_tuptable);
	}
	foreach(lc, ids)
	{
		OeReadEntry *e = oe_entry(cy, query, *(int64 *) lfirst(lc), NULL);

		e->read = true;
		if (e->row == NULL && q->column == NULL && q->many == NULL)
			e->gone = (e->row = oe_lookahead_deleted_row(cy, q->reference, q->rule, e->key.id)) != NULL;
	}
}

/*
 * What is in memory for (query, id); notes a missing one as wanted.
 */
static OeReadEntry *
oe_wanted(OeCycle *cy, int query, int64 id)
{
	bool		found;
	OeReadEntry *e = oe_entry(cy, query, id, &found);

	if (!found || !e->read)
		cy->missing = true;
	if (!found)
	{
		MemoryContext save = MemoryContextSwitchTo(cy->cxt);
		int64	   *copy = palloc(sizeof(int64));

		e->read = false;
		e->gone = false;
		e->row = NULL;
		e->lines = NIL;
		*copy = id;
		if (query >= cy->nwanted)
		{
			int			n = query + 32;

			cy->wanted = cy->wanted ? repalloc(cy->wanted, sizeof(List *) * n) : palloc(sizeof(List *) * n);
			memset(cy->wanted + cy->nwanted, 0, sizeof(List *) * (n - cy->nwanted));
			cy->nwanted = n;
		}
		cy->wanted[query] = lappend(cy->wanted[query], copy);
		MemoryContextSwitchTo(save);
	}
	return e;
}

OeJsonRow *
oe_reference_row(OeCycle *cy, OeReference *ref, int64 id)
{
	return oe_wanted(cy, oe_query_cached(&ref->query, ref, NULL, NULL), id)->row;
}

OeJsonRow *
oe_row_of(OeCycle *cy, OeCatalogRule *rule, int64 id)
{
	return oe_wanted(cy, oe_query_cached(&rule->query, NULL, rule, NULL), id)->row;
}

/*
 * The same, but NULL for a row that has been deleted.
 */
OeJsonRow *
oe_row_there(OeCycle *cy, OeCatalogRule *rule, int64 id)
{
	OeReadEntry *e = oe_wanted(cy, oe_query_cached(&rule->query, NULL, rule, NULL), id);

	return e->gone ? NULL : e->row;
}

List *
oe_lines_of(OeCycle *cy, OeCatalogRule *rule, const char *column, int64 id)
{
	return oe_wanted(cy, oe_query_by(rule, column), id)->lines;
}

/*
 * Rows of a relation table, as OeLine without columns; the ids are the values.
 */
List *
oe_many_of(OeCycle *cy, OeMany *many, int64 id)
{
	return oe_wanted(cy, oe_query_cached(&many->query, NULL, NULL, many), id)->lines;
}

/*
 * Reads everything that is wanted; false if nothing was.
 */
bool
oe_odoo_read(OeCycle *cy)
{
	bool		any = false;
	MemoryContext save = MemoryContextSwitchTo(cy->cxt);

	for (int i = 0; i < cy->nwanted; i++)
	{
		List	   *ids = cy->wanted[i];

		if (ids == NIL)
			continue;
		cy->wanted[i] = NIL;
		oe_query_run(cy, i, ids);
		any = true;
	}
	MemoryContextSwitchTo(save);
	return any;
}
