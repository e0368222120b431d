/*
 * aggregate.c
 *	  Entities that are aggregates over rows of a table, computed once per
 *	  cycle.
 *
 * As-owner transaction.  Collects the groups whose aggregate may have changed in
 * this cycle, and runs the catalog's query once per group.  The value is as of
 * the time of the query, not of the transaction; the event belongs to the last
 * transaction that touched the group.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"

#include "base/json.h"
#include "base/json_row.h"
#include "base/spi_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/quantities.h"
#include "publish/odoo/rows.h"
#include "publish/odoo/tables.h"
#include "publish/transform/aggregate.h"
#include "publish/transform/entity.h"
#include "publish/transform/selection.h"

/* Its statement's parameters: two arrays of ids, and so its first two columns. */
#define OE_SUM_IDS 2

typedef struct OeAggregate
{
	int64		ids[OE_SUM_IDS];	/* hash key */
	OeEntity   *e;
	OeDefinition *def;
	OeTx	   *tx;				/* the last that touched it */
	OeChange   *change;
} OeAggregate;

/* The statement, with the names of tables for {table}; NULL: one is missing. */
static char *
oe_sum_statement(const char *query)
{
	StringInfoData buf;

	initStringInfo(&buf);
	while (*query)
	{
		const char *close = *query == '{' ? strchr(query, '}') : NULL;
		const char *table;

		if (close == NULL)
		{
			appendStringInfoChar(&buf, *query++);
			continue;
		}
		table = oe_odoo_table(pnstrdup(query + 1, close - query - 1));
		if (table == NULL)
			return NULL;
		appendStringInfoString(&buf, table);
		query = close + 1;
	}
	return buf.data;
}

/*
 * Notes the groups that a change may affect.
 */
static void
oe_sum_touch(OeCycle *cy, HTAB *sums, OeEntity *e, OeTx *tx, OeChange *c)
{
	const OeJsonRow *row = c->new.n > 0 ? &c->new : &c->old;
	OeAggregate key = {0};
	OeAggregate *sum;

	for (int i = 0; i < OE_SUM_IDS; i++)
	{
		OeReference *ref;

		if (!oe_text_int(oe_path_follow(cy, e->rule, row, &e->sums[i], &ref), &key.ids[i]))
			return;
	}
	sum = hash_search(sums, key.ids, HASH_ENTER, NULL);
	sum->tx = tx;
	sum->change = c;
}

static HTAB *
oe_sums_touched(OeCycle *cy, OeEntity *e)
{
	OeRetryUnit *a = cy->attempt;
	HASHCTL		ctl = {.keysize = sizeof(int64) * OE_SUM_IDS,.entrysize = sizeof(OeAggregate),.hcxt = CurrentMemoryContext};
	HTAB	   *sums = hash_create("odoo_events sums", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	/* twice: what the paths need is read in between */
	for (int pass = 0; pass < 3; pass++)
	{
		for (int i = a->first; i <= a->last; i++)
			for (int j = 0; j < oe_selection_size(cy, &cy->tx[i]) && oe_entity_active(e, &cy->tx[i]); j++)
			{
				OeChange   *c = oe_selection_change(cy, &cy->tx[i], j);

				if (c->rule == e->rule && oe_selection_has(cy, c) && c->op != 'T' && c->op != 'E' && oe_change_parse(c) && !c->unseen)
					oe_sum_touch(cy, sums, e, &cy->tx[i], c);
			}
		if (!oe_odoo_read(cy))
			break;
	}
	return sums;
}

/*
 * Collects the groups that the transactions of this retry unit may have
 * changed.
 */
void
oe_aggregates_list(OeCycle *cy)
{
	OeRetryUnit *a = cy->attempt;

	a->summed = true;
	for (int i = 0; i < cy->cat->nentities; i++)
	{
		OeEntity   *e = &cy->cat->entities[i];

		for (int d = 0; d < e->ndefs && e->sum_query && e->nsums == OE_SUM_IDS; d++)
		{
			HASH_SEQ_STATUS seq;
			OeAggregate *sum;

			if (e->defs[d].occasion != OE_ON_SUMMED)
				continue;
			hash_seq_init(&seq, oe_sums_touched(cy, e));
			while ((sum = hash_seq_search(&seq)) != NULL)
			{
				sum->e = e;
				sum->def = &e->defs[d];
				a->sums = lappend(a->sums, sum);
			}
		}
	}
}

static void
oe_sum_event(OeAggregate *sum, HeapTuple tup, TupleDesc desc)
{
	OeJsonRow  *row = sum->change->new.n > 0 ? &sum->change->new : &sum->change->old;
	OeDraftEvent *ev = oe_event_new(sum->tx, sum->e, sum->def, sum->change, row, sum->ids[0], NULL);
	StringInfoData buf;

	ev->sum_id = sum->ids[1];
	ev->read_later = true;
	initStringInfo(&buf);
	for (int i = OE_SUM_IDS; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		isnull;
		Datum		d = SPI_getbinval(tup, desc, i + 1, &isnull);
		FmgrInfo	out;
		Oid			fn;
		bool		varlena;

		appendStringInfoChar(&buf, ',');
		oe_json_cstring(&buf, NameStr(att->attname));
		appendStringInfoChar(&buf, ':');
		getTypeOutputInfo(att->atttypid, &fn, &varlena);
		fmgr_info(fn, &out);
		if (isnull)
			appendStringInfoString(&buf, "null");
		else
		{
			int			start = buf.len;
			OeText		value;

			oe_json_datum(&buf, att->atttypid, &out, d);
			value.s = buf.data + start;
			value.len = buf.len - start;
			value = oe_quantity_rounded(sum->ids[0], &value);
			if (value.s != buf.data + start)
			{
				buf.len = start;
				appendBinaryStringInfo(&buf, value.s, value.len);
			}
		}
	}
	ev->sums = buf.data;
}

static OeAggregate *
oe_sum_of(OeAggregate **sums, int n, const int64 *ids)
{
	for (int i = 0; i < n; i++)
		if (memcmp(sums[i]->ids, ids, sizeof(sums[i]->ids)) == 0)
			return sums[i];
	return NULL;
}

/*
 * Computes the last "n" groups of the list, or those of them that belong to one
 * definition, and makes their events.
 */
void
oe_aggregates_read(OeCycle *cy, int n)
{
	static const Oid types[OE_SUM_IDS] = {INT8ARRAYOID, INT8ARRAYOID};
	OeRetryUnit *a = cy->attempt;
	OeAggregate **sums = palloc(sizeof(OeAggregate *) * n);
	Datum		values[OE_SUM_IDS];
	Datum	   *elems = palloc(sizeof(Datum) * n);
	char	   *sql;
	int			k = 0;

	while (k < n && a->sums != NIL && (k == 0 || ((OeAggregate *) llast(a->sums))->def == sums[0]->def))
	{
		sums[k++] = llast(a->sums);
		a->sums = list_delete_last(a->sums);
	}
	sql = k > 0 ? oe_sum_statement(sums[0]->e->sum_query) : NULL;
	if (sql == NULL)
		return;
	for (int i = 0; i < OE_SUM_IDS; i++)
	{
		for (int j = 0; j < k; j++)
			elems[j] = Int64GetDatum(sums[j]->ids[i]);
		values[i] = PointerGetDatum(construct_array(elems, k, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	}
	(void) oe_spi_keep_context(NULL, sql, OE_SUM_IDS, types, values, NULL, true, 0);
	for (uint64 r = 0; r < SPI_processed; r++)
	{
		int64		ids[OE_SUM_IDS];
		bool		isnull;
		OeAggregate *sum;

		for (int i = 0; i < OE_SUM_IDS; i++)
			ids[i] = DatumGetInt64(oe_cell(SPI_tuptable, r, i + 1, &isnull));
		sum = oe_sum_of(sums, k, ids);
		if (sum)
			oe_sum_event(sum, SPI_tuptable->vals[r], SPI_tuptable->tupdesc);
	}
	SPI_freetuptable(SPI_tuptable);
}
