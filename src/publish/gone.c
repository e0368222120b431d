/*
 * gone.c
 *	  Rows that were deleted before their events are made.
 *
 * A publisher that is behind would look in vain for a document that somebody
 * deleted meanwhile: its events would lack number, company and warehouse, and
 * a line of it would not find its document.  Its deletion is in the journal,
 * with the whole row: among the changes of the cycle, or, where there is more
 * to publish than one cycle takes, later in the journal (own work, once per list of
 * transactions).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "publish/internal.h"

/* Deletions kept in memory; what is beyond is read when it comes nearer. */
#define OE_GONE_ROWS "20000"

typedef struct OeGoneKey
{
	int64		id;
	int32		rule;
	int32		pad;
} OeGoneKey;

typedef struct OeGone
{
	OeGoneKey	key;
	const char *text;			/* the row, as in the journal */
} OeGone;

/* Of the journal beyond the cycle; keys are names of rules, which outlive the
 * catalog. */
static MemoryContext oe_gone_cxt = NULL;
static int	oe_gone_n;
static struct
{
	char	   *rule;
	int64		id;
	char	   *text;
}		   *oe_gone_list;

/*
 * What was read of the journal is old.
 */
void
oe_gone_forget(void)
{
	if (oe_gone_cxt == NULL)
		oe_gone_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events deleted rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_gone_cxt);
	oe_gone_n = 0;
	oe_gone_list = NULL;
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

#define OE_DELETED(i, where) \
	"SELECT id, rule, record_id, old FROM odoo_events.journal_" i " WHERE " where \
	" AND op OPERATOR(pg_catalog.=) 'D' AND id > $3 AND rule = ANY ($4)"
#define OE_DELETED_SINCE(i) \
	OE_DELETED(i, "xid >= $1::text::xid8") " UNION ALL " OE_DELETED(i, "xid = ANY ($2::text::xid8[])")

/*
 * Reads the deletions that are in the journal behind the snapshot whose xmax
 * and transactions in progress these are, and behind an id.  Own work.
 */
void
oe_gone_load(OeCycle *cy, const char *xmax, const char *xip, int64 after)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {TEXTOID, TEXTOID, INT8OID, TEXTARRAYOID};
	Datum	   *rules = palloc(sizeof(Datum) * (cy->cat->nrules + 1));
	Datum		values[4];
	MemoryContext save;
	int			n = 0;

	for (int i = 0; i < cy->cat->nrules; i++)
		if (oe_looked_up(cy->cat, &cy->cat->rules[i]))
			rules[n++] = CStringGetTextDatum(cy->cat->rules[i].name);
	values[0] = CStringGetTextDatum(xmax);
	values[1] = CStringGetTextDatum(xip);
	values[2] = Int64GetDatum(after);
	values[3] = PointerGetDatum(construct_array(rules, n, TEXTOID, -1, false, TYPALIGN_INT));
	(void) oe_run(&plan,
				  "SELECT rule, record_id, old FROM (" OE_DELETED_SINCE("0") " UNION ALL " OE_DELETED_SINCE("1")
				  " UNION ALL " OE_DELETED_SINCE("2") ") j WHERE record_id IS NOT NULL AND old IS NOT NULL ORDER BY id LIMIT " OE_GONE_ROWS,
				  4, types, values, NULL, false, 0);
	oe_gone_forget();
	save = MemoryContextSwitchTo(oe_gone_cxt);
	oe_gone_list = palloc(sizeof(*oe_gone_list) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		oe_gone_list[i].rule = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		oe_gone_list[i].id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		oe_gone_list[i].text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3);
	}
	oe_gone_n = SPI_processed;
	MemoryContextSwitchTo(save);
	SPI_freetuptable(SPI_tuptable);
}

static void
oe_gone_enter(OeCycle *cy, OeRule *rule, int64 id, const char *text)
{
	OeGoneKey	key = {.id = id,.rule = rule->index};
	bool		found;
	OeGone	   *g = hash_search(cy->gone, &key, HASH_ENTER, &found);

	if (!found)
		g->text = text;
}

/*
 * All deletions that are known, by rule and id; made when the first row is
 * missed.
 */
static void
oe_gone_index(OeCycle *cy)
{
	HASHCTL		ctl = {.keysize = sizeof(OeGoneKey),.entrysize = sizeof(OeGone),.hcxt = cy->cxt};

	cy->gone = hash_create("odoo_events deleted rows", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < cy->ntx; i++)
		for (int j = 0; j < cy->tx[i].n; j++)
		{
			OeChange   *c = &cy->tx[i].changes[j];

			if (c->op == 'D' && c->rule && c->old_text)
				oe_gone_enter(cy, c->rule, c->record_id, c->old_text);
		}
	for (int i = 0; i < oe_gone_n; i++)
	{
		OeRule	   *rule = oe_rule_find(cy->cat, oe_gone_list[i].rule);

		if (rule)
			oe_gone_enter(cy, rule, oe_gone_list[i].id, oe_gone_list[i].text);
	}
}

static const char *
oe_gone_text(OeCycle *cy, OeRule *rule, int64 id)
{
	OeGoneKey	key = {.id = id,.rule = rule->index};
	OeGone	   *g;

	if (cy->gone == NULL)
		oe_gone_index(cy);
	g = hash_search(cy->gone, &key, HASH_FIND, NULL);
	return g ? g->text : NULL;
}

/*
 * A reference's fields, of the columns that the journal has.
 */
static OeRow *
oe_gone_reference(OeReference *ref, const char *text)
{
	OeRow	   *row = palloc0(sizeof(OeRow));
	OeRow		image;
	StringInfoData buf;

	oe_row_parse(text, &image);
	initStringInfo(&buf);
	for (int i = 0; i < ref->nfields; i++)
		for (int j = 0; j < ref->fields[i].npaths; j++)
		{
			const OeText *t = oe_row_find(&image, ref->fields[i].paths[j]);

			if (t == NULL)
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
			text = oe_gone_text(cy, &cy->cat->rules[i], id);
	if (text == NULL)
		return NULL;
	if (ref)
		row = oe_gone_reference(ref, text);
	else
	{
		row = palloc0(sizeof(OeRow));
		oe_row_parse(text, row);
	}
	if (row)
	{
		row->id.s = psprintf(INT64_FORMAT, id);
		row->id.len = strlen(row->id.s);
	}
	return row;
}
