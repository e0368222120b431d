/*
 * gone.c
 *	  Rows as they were: what was deleted or changed before events are made.
 *
 * A publisher that is behind would look in vain for a document that somebody
 * deleted meanwhile: its events would lack number, company and warehouse, and
 * a line of it would not find its document.  Its deletion is in the journal,
 * with the whole row: among the changes of the cycle, or, where there is more
 * to publish than one cycle takes, later in the journal (own work, once per
 * list of transactions, and again every few seconds).
 *
 * What a rule asks of rows that the transaction left alone (is the order open?
 * does anybody else work on it?) is answered by the next change of such a row:
 * it says what the row was before.  Only where there is none is the row in its
 * table what it was then.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/xid8.h"

#include "publish/internal.h"

/* Changes kept in memory; what is beyond is read when it comes nearer. */
#define OE_GONE_ROWS "20000"

/* A row, or, "part" given, the rows that were this part of a row. */
typedef struct OeGoneKey
{
	int64		id;
	int32		rule;			/* -1: see part */
	int32		part;			/* -1: a row */
} OeGoneKey;

typedef struct OeGone
{
	OeGoneKey	key;
	List	   *changes;		/* OeLater *, in their order */
} OeGone;

typedef struct OeLater
{
	OeChange   *change;
	int			tx;				/* of the cycle; INT_MAX: beyond it */
	int64		first;			/* beyond it: first id of its transaction */
} OeLater;

/* Of the journal beyond the cycle; the hash belongs to a catalog. */
static MemoryContext oe_gone_cxt = NULL;
static int	oe_gone_n;
static OeLater *oe_gone_list;
static MemoryContext oe_gone_hash_cxt;
static HTAB *oe_gone_hash;
static char *oe_gone_version;

/*
 * What was read of the journal is old.
 */
void
oe_gone_forget(void)
{
	if (oe_gone_cxt == NULL)
		oe_gone_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events later changes", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_gone_cxt);
	oe_gone_n = 0;
	oe_gone_list = NULL;
	oe_gone_hash_cxt = NULL;
	oe_gone_hash = NULL;
}

static bool
oe_same_table(int n, char **tables, OeRule *rule)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < rule->ntables; j++)
			if (strcmp(tables[i], rule->tables[j]) == 0)
				return true;
	return false;
}

/*
 * Are rows of this rule looked up by id: as documents, or where a column of
 * another row names them?
 */
static bool
oe_looked_up(OeCatalog *cat, OeRule *rule)
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
oe_later_read(OeLater *l, uint64 row)
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
	l->first = oe_window_first(c->xid);
}

/*
 * Reads the changes that are in the journal behind the snapshot whose xmax
 * and transactions in progress these are, and behind an id.  Own work.
 */
void
oe_gone_load(OeCycle *cy, const char *xmax, const char *xip, int64 after)
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
	(void) oe_run(&plan,
				  "SELECT * FROM (" OE_LATER_SINCE("0") " UNION ALL " OE_LATER_SINCE("1")
				  " UNION ALL " OE_LATER_SINCE("2") ") j ORDER BY id LIMIT " OE_GONE_ROWS,
				  5, types, values, NULL, false, 0);
	oe_gone_forget();
	save = MemoryContextSwitchTo(oe_gone_cxt);
	oe_gone_list = palloc(sizeof(OeLater) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
		oe_later_read(&oe_gone_list[i], i);
	oe_gone_n = SPI_processed;
	MemoryContextSwitchTo(save);
	SPI_freetuptable(SPI_tuptable);
}

/* ---- by row ---- */

static void
oe_gone_enter(HTAB *hash, OeGoneKey key, OeLater *l)
{
	bool		found;
	OeGone	   *g = hash_search(hash, &key, HASH_ENTER, &found);

	g->changes = lappend(found ? g->changes : NIL, l);
}

/*
 * Enters a change under its row, and, where a row ceased to be a part that
 * predicates look at, under what it was a part of.
 */
static void
oe_gone_note(HTAB *hash, OeRule *rule, OeLater *l)
{
	OeChange   *c = l->change;
	OeGoneKey	key = {.id = c->record_id,.rule = rule->index,.part = -1};
	OeRow		was = {0};
	ListCell   *lc;

	if (c->op != 'D' && !rule->ahead)
		return;
	oe_gone_enter(hash, key, l);
	if (!rule->ahead || c->old_text == NULL)
		return;
	/* of an update only what it changed stands there */
	oe_row_parse(c->old_text, &was);
	foreach(lc, rule->parts)
	{
		OePart	   *part = lfirst(lc);
		OeGoneKey	parent = {.rule = -1,.part = part->index};

		for (int i = 0; i < part->nparents && part->entity->uses_rows; i++)
			if (oe_text_int(oe_row_find(&was, part->parents[i]), &parent.id))
				oe_gone_enter(hash, parent, l);
	}
}

static HTAB *
oe_gone_create(MemoryContext cxt)
{
	HASHCTL		ctl = {.keysize = sizeof(OeGoneKey),.entrysize = sizeof(OeGone),.hcxt = cxt};

	return hash_create("odoo_events later changes", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * What was read of the journal, by row; made when it is first asked for, and
 * again when the catalog is another one.
 */
static void
oe_gone_index_list(OeCycle *cy)
{
	MemoryContext save;

	if (oe_gone_cxt == NULL)
		oe_gone_forget();
	if (oe_gone_hash != NULL && strcmp(oe_gone_version, cy->cat->version) == 0)
		return;
	if (oe_gone_hash_cxt == NULL)
		oe_gone_hash_cxt = AllocSetContextCreate(oe_gone_cxt, "odoo_events later changes by row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_gone_hash_cxt);
	oe_gone_hash = NULL;
	save = MemoryContextSwitchTo(oe_gone_hash_cxt);
	oe_gone_version = pstrdup(cy->cat->version);
	oe_gone_hash = oe_gone_create(oe_gone_hash_cxt);
	for (int i = 0; i < oe_gone_n; i++)
	{
		OeRule	   *rule = oe_rule_find(cy->cat, oe_gone_list[i].change->rule_name);

		if (rule)
			oe_gone_note(oe_gone_hash, rule, &oe_gone_list[i]);
	}
	MemoryContextSwitchTo(save);
}

/*
 * The changes of the cycle, by row.
 */
static void
oe_gone_index_cycle(OeCycle *cy)
{
	MemoryContext save = MemoryContextSwitchTo(cy->cxt);

	cy->gone = oe_gone_create(cy->cxt);
	for (int i = 0; i < cy->ntx; i++)
		for (int j = 0; j < cy->tx[i].n; j++)
		{
			OeChange   *c = &cy->tx[i].changes[j];
			OeLater    *l;

			if (c->rule == NULL || (c->op == 'D' ? c->old_text == NULL : !c->rule->ahead || (c->op != 'I' && c->op != 'U')))
				continue;
			l = palloc0(sizeof(OeLater));
			l->change = c;
			l->tx = i;
			oe_gone_note(cy->gone, c->rule, l);
		}
	MemoryContextSwitchTo(save);
}

/* First in the cycle (which 0), then beyond it (1). */
static List *
oe_gone_changes(OeCycle *cy, int which, OeGoneKey key)
{
	OeGone	   *g;

	if (cy->gone == NULL)
		oe_gone_index_cycle(cy);
	oe_gone_index_list(cy);
	g = hash_search(which == 0 ? cy->gone : oe_gone_hash, &key, HASH_FIND, NULL);
	return g ? g->changes : NIL;
}

static const char *
oe_gone_text(OeCycle *cy, OeRule *rule, int64 id)
{
	OeGoneKey	key = {.id = id,.rule = rule->index,.part = -1};
	ListCell   *lc;

	for (int which = 0; which < 2; which++)
		foreach(lc, oe_gone_changes(cy, which, key))
	{
		OeLater    *l = lfirst(lc);

		if (l->change->op == 'D')
			return l->change->old_text;
	}
	return NULL;
}

/* Did it come after this transaction? */
static bool
oe_is_later(OeCycle *cy, OeTx *tx, OeLater *l)
{
	return l->tx == INT_MAX ? cy->upto != 0 && l->first > cy->upto : l->tx > tx->index;
}

/*
 * A row of a rule that looks ahead, as this transaction, which did not touch it,
 * found it: known where it was changed later.  *row NULL: it was not there.
 */
bool
oe_row_then(OeCycle *cy, OeTx *tx, OeRule *rule, int64 id, OeRow **row)
{
	OeGoneKey	key = {.id = id,.rule = rule->index,.part = -1};
	ListCell   *lc;

	for (int which = 0; rule->ahead && which < 2; which++)
		foreach(lc, oe_gone_changes(cy, which, key))
	{
		OeLater    *l = lfirst(lc);
		OeChange   *c = l->change;

		if (!oe_is_later(cy, tx, l))
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

static bool
oe_was_parent(OePart *part, const OeRow *row, int64 id)
{
	int64		parent;

	for (int i = 0; i < part->nparents; i++)
		if (oe_text_int(oe_row_find(row, part->parents[i]), &parent) && parent == id)
			return true;
	return false;
}

/* Is a row of this id in the list already? */
static bool
oe_listed_row(List *rows, int64 id)
{
	ListCell   *lc;
	int64		other;

	foreach(lc, rows)
	{
		if (oe_text_int(oe_row_find(lfirst(lc), "id"), &other) && other == id)
			return true;
	}
	return false;
}

/*
 * The rows (OeRow *) that were this part of "id" and that the transaction left
 * alone, as it found them.
 */
List *
oe_rows_then(OeCycle *cy, OeTx *tx, OePart *part, int64 id)
{
	OeGoneKey	key = {.id = id,.rule = -1,.part = part->index};
	List	   *rows = NIL;
	ListCell   *lc;
	OeRow	   *row;

	for (int j = 0; j < part->nparents; j++)
		foreach(lc, oe_lines_of(cy, part->rule, part->parents[j], id))
	{
		OeLine	   *line = lfirst(lc);

		if (oe_tx_find(tx, part->rule, line->id) != NULL)
			continue;
		if (!oe_row_then(cy, tx, part->rule, line->id, &row))
			rows = lappend(rows, &line->row);
		else if (row != NULL && oe_was_parent(part, row, id))
			rows = lappend(rows, row);
	}
	for (int which = 0; part->rule->ahead && which < 2; which++)
		foreach(lc, oe_gone_changes(cy, which, key))
	{
		OeLater    *l = lfirst(lc);
		int64		other = l->change->record_id;

		if (oe_is_later(cy, tx, l) && oe_tx_find(tx, part->rule, other) == NULL && !oe_listed_row(rows, other) &&
			oe_row_then(cy, tx, part->rule, other, &row) && row != NULL && oe_was_parent(part, row, id))
			rows = lappend(rows, row);
	}
	return rows;
}

/* ---- deleted ---- */

/*
 * A reference's fields, of the columns that the journal has.
 */
static OeRow *
oe_gone_reference(OeReference *ref, OeRule *rule, const char *text)
{
	OeRow	   *row = palloc0(sizeof(OeRow));
	OeRow		image;
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
 * The row of a rule or of a reference that is no longer in its table, as it
 * was when it was deleted; NULL where that is not known.
 */
OeRow *
oe_gone_row(OeCycle *cy, OeReference *ref, OeRule *rule, int64 id)
{
	const char *text = NULL;
	OeRow	   *row;

	if (ref == NULL)
		text = oe_gone_text(cy, rule, id);
	for (int i = 0; ref != NULL && text == NULL && i < cy->cat->nrules; i++)
		if (oe_same_table(ref->ntables, ref->tables, &cy->cat->rules[i]))
			text = oe_gone_text(cy, rule = &cy->cat->rules[i], id);
	if (text == NULL)
		return NULL;
	if (ref)
		row = oe_gone_reference(ref, rule, text);
	else
	{
		row = palloc0(sizeof(OeRow));
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
