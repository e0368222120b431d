/*
 * lookahead.c
 *	  Rows as they were: reconstructed from changes later in the journal.
 *
 * A publisher that is behind looks in vain for a document that was deleted
 * meanwhile: its events would lack number, company and warehouse, and its lines
 * would not find it.  The deletion is in the journal, with the whole row: among
 * the changes of the cycle, or later in the journal, which is read ahead
 * (trusted transaction, once per list of transactions, and again every few
 * seconds).
 *
 * Rules that ask for rows which the transaction did not touch (is the order
 * open?) get the answer from the next change of such a row, since that contains
 * the row as it was before.  If there is none, the row in its table is still the
 * same.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/xid8.h"

#include "base/json_row.h"
#include "base/spi_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/model/transaction.h"
#include "publish/odoo/lookahead.h"
#include "publish/odoo/shown_values.h"

/* Changes in memory; later ones are read when publishing gets nearer. */
#define OE_LOOKAHEAD_ROWS "20000"

typedef struct OeLaterChanges
{
	OeLookaheadKey key;
	List	   *changes;		/* OeLaterChange *, in their order */
} OeLaterChanges;

/* Later changes of the journal.  The hash table belongs to one catalog. */
static MemoryContext oe_lookahead_cxt = NULL;
static int	oe_lookahead_n;
static OeLaterChange *oe_lookahead_list;
static MemoryContext oe_lookahead_hash_cxt;
static HTAB *oe_lookahead_hash;
static char *oe_lookahead_version;

/*
 * Discards what was read of the journal.
 */
void
oe_lookahead_forget(void)
{
	if (oe_lookahead_cxt == NULL)
		oe_lookahead_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events later changes", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_lookahead_cxt);
	oe_lookahead_n = 0;
	oe_lookahead_list = NULL;
	oe_lookahead_hash_cxt = NULL;
	oe_lookahead_hash = NULL;
}

static bool
oe_same_table(int n, char **tables, OeCatalogRule *rule)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < rule->ntables; j++)
			if (strcmp(tables[i], rule->tables[j]) == 0)
				return true;
	return false;
}

/*
 * Are rows of this rule looked up by id: as documents, or by a column of
 * another row?
 */
static bool
oe_looked_up(OeCatalog *cat, OeCatalogRule *rule)
{
	if (rule->entity && rule->entity->nparts > 0)
		return true;
	for (int i = 0; i < cat->nrules; i++)
		for (int j = 0; j < cat->rules[i].nlinks; j++)
			if (oe_same_table(cat->rules[i].links[j].reference->ntables, cat->rules[i].links[j].reference->tables, rule))
				return true;
	return false;
}

#define OE_LATER(i, where) \
	"SELECT id, xid, op, rule, record_id, old, CASE WHEN op OPERATOR(pg_catalog.=) 'U' THEN new END AS new FROM odoo_events.journal_" i " WHERE " where \
	" AND id > $3 AND record_id IS NOT NULL AND (op OPERATOR(pg_catalog.=) 'D' AND old IS NOT NULL AND rule = ANY ($4)" \
	" OR (op OPERATOR(pg_catalog.=) 'I' OR op = ANY ('{U,D}') AND old IS NOT NULL) AND rule = ANY ($5))"
#define OE_LATER_SINCE(i) \
	OE_LATER(i, "xid >= $1::text::xid8") " UNION ALL " OE_LATER(i, "xid = ANY ($2::text::xid8[])")

static Datum
oe_rule_names(OeCatalog *cat, bool ahead)
{
	Datum	   *rules = palloc(sizeof(Datum) * (cat->nrules + 1));
	int			n = 0;

	for (int i = 0; i < cat->nrules; i++)
		if (ahead ? cat->rules[i].ahead : oe_looked_up(cat, &cat->rules[i]))
			rules[n++] = CStringGetTextDatum(cat->rules[i].name);
	return PointerGetDatum(construct_array(rules, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
oe_later_read(OeLaterChange *l, uint64 row, int64 (*first_id) (uint64 xid))
{
	HeapTuple	tup = SPI_tuptable->vals[row];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	OeChange   *c = palloc0(sizeof(OeChange));
	bool		isnull;

	c->id = DatumGetInt64(SPI_getbinval(tup, desc, 1, &isnull));
	c->xid = U64FromFullTransactionId(DatumGetFullTransactionId(SPI_getbinval(tup, desc, 2, &isnull)));
	c->op = DatumGetChar(SPI_getbinval(tup, desc, 3, &isnull));
	c->rule_name = SPI_getvalue(tup, desc, 4);
	c->record_id = DatumGetInt64(SPI_getbinval(tup, desc, 5, &isnull));
	c->old_text = SPI_getvalue(tup, desc, 6);
	c->new_text = SPI_getvalue(tup, desc, 7);
	l->change = c;
	l->tx = INT_MAX;
	l->first = first_id(c->xid);
}

/*
 * Reads changes behind a snapshot, given by its xmax and its transactions in
 * progress, and behind an id.  Trusted transaction.
 */
void
oe_lookahead_load(OeCycle *cy, const char *xmax, const char *xip, int64 after, int64 (*first_id) (uint64 xid))
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {TEXTOID, TEXTOID, INT8OID, TEXTARRAYOID, TEXTARRAYOID};
	Datum		values[5];
	MemoryContext save;

	values[0] = CStringGetTextDatum(xmax);
	values[1] = CStringGetTextDatum(xip);
	values[2] = Int64GetDatum(after);
	values[3] = oe_rule_names(cy->cat, false);
	values[4] = oe_rule_names(cy->cat, true);
	(void) oe_spi_keep_context(&plan,
							   "SELECT * FROM (" OE_LATER_SINCE("0") " UNION ALL " OE_LATER_SINCE("1")
							   " UNION ALL " OE_LATER_SINCE("2") ") j ORDER BY id LIMIT " OE_LOOKAHEAD_ROWS,
							   5, types, values, NULL, false, 0);
	oe_lookahead_forget();
	save = MemoryContextSwitchTo(oe_lookahead_cxt);
	oe_lookahead_list = palloc(sizeof(OeLaterChange) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
		oe_later_read(&oe_lookahead_list[i], i, first_id);
	oe_lookahead_n = SPI_processed;
	MemoryContextSwitchTo(save);
	SPI_freetuptable(SPI_tuptable);
}

/* ---- by row ---- */

static void
oe_lookahead_enter(HTAB *hash, OeLookaheadKey key, OeLaterChange *l)
{
	bool		found;
	OeLaterChanges *g = hash_search(hash, &key, HASH_ENTER, &found);

	g->changes = lappend(found ? g->changes : NIL, l);
}

/*
 * Enters a change under its row.  If the row ceased to be a part that predicates
 * look at, also under the row that it was a part of.
 */
static void
oe_lookahead_add(HTAB *hash, OeCatalogRule *rule, OeLaterChange *l)
{
	OeChange   *c = l->change;
	OeLookaheadKey key = {.id = c->record_id,.rule = rule->index,.part = -1};
	OeJsonRow	was = {0};
	ListCell   *lc;

	if (c->op != 'D' && !rule->ahead)
		return;
	oe_lookahead_enter(hash, key, l);
	if (!rule->ahead || c->old_text == NULL)
		return;
	/* of an update only what it changed stands there */
	oe_row_parse(c->old_text, &was);
	foreach(lc, rule->parts)
	{
		OePart	   *part = lfirst(lc);
		OeLookaheadKey parent = {.rule = -1,.part = part->index};

		for (int i = 0; i < part->nparents && part->entity->uses_rows; i++)
			if (oe_text_int(oe_row_find(&was, part->parents[i]), &parent.id))
				oe_lookahead_enter(hash, parent, l);
	}
}

static HTAB *
oe_lookahead_create(MemoryContext cxt)
{
	HASHCTL		ctl = {.keysize = sizeof(OeLookaheadKey),.entrysize = sizeof(OeLaterChanges),.hcxt = cxt};

	return hash_create("odoo_events later changes", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Makes the index of later changes by row, when it is first needed, or for a
 * new catalog.
 */
static void
oe_lookahead_index_list(OeCycle *cy)
{
	MemoryContext save;

	if (oe_lookahead_cxt == NULL)
		oe_lookahead_forget();
	if (oe_lookahead_hash != NULL && strcmp(oe_lookahead_version, cy->cat->version) == 0)
		return;
	if (oe_lookahead_hash_cxt == NULL)
		oe_lookahead_hash_cxt = AllocSetContextCreate(oe_lookahead_cxt, "odoo_events later changes by row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_lookahead_hash_cxt);
	oe_lookahead_hash = NULL;
	save = MemoryContextSwitchTo(oe_lookahead_hash_cxt);
	oe_lookahead_version = pstrdup(cy->cat->version);
	oe_lookahead_hash = oe_lookahead_create(oe_lookahead_hash_cxt);
	for (int i = 0; i < oe_lookahead_n; i++)
	{
		OeCatalogRule *rule = oe_rule_find(cy->cat, oe_lookahead_list[i].change->rule_name);

		if (rule)
			oe_lookahead_add(oe_lookahead_hash, rule, &oe_lookahead_list[i]);
	}
	MemoryContextSwitchTo(save);
}

/*
 * Makes the index of the cycle's own changes by row.
 */
static void
oe_lookahead_index_cycle(OeCycle *cy)
{
	MemoryContext save = MemoryContextSwitchTo(cy->cxt);

	cy->gone = oe_lookahead_create(cy->cxt);
	for (int i = 0; i < cy->ntx; i++)
		for (int j = 0; j < cy->tx[i].n; j++)
		{
			OeChange   *c = &cy->tx[i].changes[j];
			OeLaterChange *l;

			if (c->rule == NULL || (c->op == 'D' ? c->old_text == NULL : !c->rule->ahead || (c->op != 'I' && c->op != 'U')))
				continue;
			l = palloc0(sizeof(OeLaterChange));
			l->change = c;
			l->tx = i;
			oe_lookahead_add(cy->gone, c->rule, l);
		}
	MemoryContextSwitchTo(save);
}

/*
 * Changes of the cycle (which is 0) or behind it (1).
 */
List *
oe_lookahead_changes(OeCycle *cy, int which, OeLookaheadKey key)
{
	OeLaterChanges *g;

	if (cy->gone == NULL)
		oe_lookahead_index_cycle(cy);
	oe_lookahead_index_list(cy);
	g = hash_search(which == 0 ? cy->gone : oe_lookahead_hash, &key, HASH_FIND, NULL);
	return g ? g->changes : NIL;
}

static const char *
oe_lookahead_deleted_text(OeCycle *cy, OeCatalogRule *rule, int64 id)
{
	OeLookaheadKey key = {.id = id,.rule = rule->index,.part = -1};
	ListCell   *lc;

	for (int which = 0; which < 2; which++)
		foreach(lc, oe_lookahead_changes(cy, which, key))
	{
		OeLaterChange *l = lfirst(lc);

		if (l->change->op == 'D')
			return l->change->old_text;
	}
	return NULL;
}

/* Did it come after this transaction? */
bool
oe_lookahead_is_later(OeCycle *cy, OeTx *tx, OeLaterChange *l)
{
	return l->tx == INT_MAX ? cy->upto != 0 && l->first > cy->upto : l->tx > tx->index;
}

/*
 * A row as this transaction, which did not touch it, found it; true if a later
 * change tells.  *row is NULL if it did not exist.
 */
bool
oe_lookahead_row(OeCycle *cy, OeTx *tx, OeCatalogRule *rule, int64 id, OeJsonRow **row)
{
	OeLookaheadKey key = {.id = id,.rule = rule->index,.part = -1};
	ListCell   *lc;

	for (int which = 0; rule->ahead && which < 2; which++)
		foreach(lc, oe_lookahead_changes(cy, which, key))
	{
		OeLaterChange *l = lfirst(lc);
		OeChange   *c = l->change;

		if (!oe_lookahead_is_later(cy, tx, l))
			continue;
		*row = NULL;
		if (c->op == 'I')
			return true;
		if (which == 1)
		{
			/* what it is split into is the cycle's */
			c = MemoryContextAlloc(cy->cxt, sizeof(OeChange));
			*c = *l->change;
		}
		if (!c->parsed)
		{
			MemoryContext save = MemoryContextSwitchTo(cy->cxt);
			bool		parsed = oe_change_parse(c);

			MemoryContextSwitchTo(save);
			if (!parsed)
				return false;
		}
		*row = &c->old;
		return true;
	}
	return false;
}

/* ---- deleted ---- */

/*
 * The fields of a reference, from the columns that the journal has.
 */
static OeJsonRow *
oe_lookahead_reference(OeReference *ref, OeCatalogRule *rule, const char *text)
{
	OeJsonRow  *row = palloc0(sizeof(OeJsonRow));
	OeJsonRow	image;
	StringInfoData buf;

	oe_row_parse(text, &image);
	oe_row_settle(rule, &image);
	initStringInfo(&buf);
	for (int i = 0; i < ref->nfields; i++)
		for (int j = 0; j < ref->fields[i].npaths; j++)
		{
			const OeText *t = oe_row_find(&image, ref->fields[i].paths[j]);

			if (t == NULL || oe_is_per_company(rule, ref->fields[i].paths[j]))
				continue;
			appendStringInfo(&buf, "%c\"%s\":%.*s", buf.len ? ',' : '{', ref->fields[i].name, t->len, t->s);
			break;
		}
	if (buf.len == 0)
		return NULL;
	appendStringInfoChar(&buf, '}');
	oe_row_parse(buf.data, row);
	return row;
}

/*
 * A row of a rule or a reference that is no longer in its table, as it was when
 * it was deleted; NULL: not known.
 */
OeJsonRow *
oe_lookahead_deleted_row(OeCycle *cy, OeReference *ref, OeCatalogRule *rule, int64 id)
{
	const char *text = NULL;
	OeJsonRow  *row;

	if (ref == NULL)
		text = oe_lookahead_deleted_text(cy, rule, id);
	for (int i = 0; ref != NULL && text == NULL && i < cy->cat->nrules; i++)
		if (oe_same_table(ref->ntables, ref->tables, &cy->cat->rules[i]))
			text = oe_lookahead_deleted_text(cy, rule = &cy->cat->rules[i], id);
	if (text == NULL)
		return NULL;
	if (ref)
		row = oe_lookahead_reference(ref, rule, text);
	else
	{
		row = palloc0(sizeof(OeJsonRow));
		oe_row_parse(text, row);
		oe_row_settle(rule, row);
	}
	if (row)
	{
		row->id.s = psprintf(INT64_FORMAT, id);
		row->id.len = strlen(row->id.s);
	}
	return row;
}
