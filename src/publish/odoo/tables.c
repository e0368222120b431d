/*
 * tables.c
 *	  Which of Odoo's tables and columns exist here, and the statements that
 *	  read them.
 *
 * As-owner transaction.  Statements are generated from the catalog and from the
 * tables and columns of this database.  Plans are kept until one of the tables
 * changes (relcache callback) or reading fails.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/guc.h"
#include "base/parameter_values.h"
#include "base/parameters.h"
#include "base/spi_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/model/transaction.h"
#include "publish/odoo/table_names.h"
#include "publish/odoo/tables.h"
#include "publish/odoo/wanted_tables.h"

/* Everything that was detected is in this context; NULL: to be detected. */
static MemoryContext oe_cxt = NULL;
static HTAB *oe_tables;
static List *oe_queries;
static char *oe_uuid;
static uint32 oe_epoch = 1;		/* of the numbers of queries */
static bool oe_stale = false;
static bool oe_doubtful = false;	/* a name may mean another table now */

/* Where a database has no ir_model_fields, which no Odoo's is without. */
static const char *const oe_known_per_company[][2] = {
	{"product_product", "standard_price"},
	{"res_partner", "barcode"},
	{"stock_lot", "standard_price"},
};

/* Quantities in the unit of the row's product (quantities.c). */
static const char *const oe_stock_quantities[][2] = {
	{"stock_quant", "quantity"},
	{"stock_quant", "reserved_quantity"},
};

/*
 * May run within any catalog access, so it only sets a flag.
 */
static void
oe_relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	OeTable    *t;

	if (oe_cxt == NULL || oe_stale)
		return;
	oe_doubtful = true;
	if (relid == InvalidOid)
	{
		oe_stale = true;
		return;
	}
	hash_seq_init(&seq, oe_tables);
	while ((t = hash_seq_search(&seq)) != NULL)
		if (t->relid == relid)
			oe_stale = true;
}

/*
 * A schema, or the owner of the database: both say which tables are Odoo's.
 */
static void
oe_owner_or_schema_changed(Datum arg, int cacheid, uint32 hash)
{
	oe_doubtful = true;
}

/*
 * Drops all plans; the next oe_odoo_prepare() detects tables again.
 */
void
oe_odoo_forget(void)
{
	ListCell   *lc;

	if (oe_cxt == NULL)
		return;
	foreach(lc, oe_queries)
	{
		OeQuery    *q = lfirst(lc);

		if (q->plan)
			SPI_freeplan(q->plan);
	}
	MemoryContextDelete(oe_cxt);
	oe_cxt = NULL;
	oe_epoch++;
	oe_queries = NIL;
	oe_uuid = NULL;
}

OeTable *
oe_table(const char *name)
{
	return hash_search(oe_tables, name, HASH_FIND, NULL);
}

/*
 * A table's qualified name; NULL where there is none.
 */
const char *
oe_odoo_table(const char *name)
{
	OeTable    *t = oe_table(name);

	return t ? t->qualified : NULL;
}

OeTable *
oe_first_table(int n, char **names)
{
	for (int i = 0; i < n; i++)
	{
		OeTable    *t = oe_table(names[i]);

		if (t)
			return t;
	}
	return NULL;
}

bool
oe_has_column(const OeTable *t, const char *name)
{
	for (int i = 0; t && i < t->ncolumns; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Takes the columns of the tables out of the result of a query, which is
 * ordered by table.
 */
static void
oe_detected_columns(void)
{
	OeTable    *t = NULL;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tup = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *name = SPI_getvalue(tup, desc, 1);
		bool		found;

		if (t == NULL || strcmp(t->name, name) != 0)
		{
			t = hash_search(oe_tables, name, HASH_ENTER, &found);
			t->qualified = psprintf("%s.%s", quote_identifier(SPI_getvalue(tup, desc, 2)),
									quote_identifier(name));
			t->relid = (Oid) atoll(SPI_getvalue(tup, desc, 3));
			t->ncolumns = 0;
			t->columns = palloc(sizeof(OeTableColumn) * MaxHeapAttributeNumber);
		}
		t->columns[t->ncolumns].name = SPI_getvalue(tup, desc, 4);
		t->columns[t->ncolumns].type = (Oid) atoll(SPI_getvalue(tup, desc, 5));
		t->columns[t->ncolumns].indexed = SPI_getvalue(tup, desc, 6)[0] == 't';
		t->columns[t->ncolumns].recorded = OE_VALUE_UNKNOWN;
		t->ncolumns++;
	}
}

/*
 * Asks Odoo's own description of its fields about jsonb columns, given as
 * parallel arrays of tables and columns; which columns it has itself depends on
 * Odoo's version.  Leaves (table, column, company-dependent, translated).
 */
static void
oe_ask_fields(const OeTable *fields, Datum tables, Datum columns)
{
	static const Oid types[2] = {TEXTARRAYOID, TEXTARRAYOID};
	Datum		values[2] = {tables, columns};

	(void) oe_spi_keep_context(NULL,
							   psprintf("SELECT a.t, a.c, pg_catalog.bool_or(%s), pg_catalog.bool_or(%s)"
										" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) a(t, c) JOIN %s f"
										" ON pg_catalog.replace(f.model::pg_catalog.text, '.', '_') OPERATOR(pg_catalog.=) a.t"
										" AND f.name::pg_catalog.text OPERATOR(pg_catalog.=) a.c GROUP BY 1, 2",
										oe_has_column(fields, "company_dependent") ? "COALESCE(f.company_dependent::pg_catalog.bool, false)" : "false",
										oe_has_column(fields, "translate")
										? "COALESCE(f.translate::pg_catalog.text, '') OPERATOR(pg_catalog.<>) ALL ('{\"\",f,false}'::pg_catalog.text[])" : "false",
										fields->qualified),
							   2, types, values, NULL, true, 0);
}

/*
 * Notes what Odoo's description of its fields says of jsonb columns.
 */
static void
oe_detect_kinds(HTAB *all)
{
	OeTable    *fields = oe_table("ir_model_fields");
	HASH_SEQ_STATUS seq;
	OeTable    *t;
	List	   *tables = NIL;
	List	   *columns = NIL;

	if (!oe_has_column(fields, "model") || !oe_has_column(fields, "name"))
		return;
	hash_seq_init(&seq, all);
	while ((t = hash_seq_search(&seq)) != NULL)
		for (int i = 0; i < t->ncolumns; i++)
			if (t->columns[i].type == JSONBOID)
			{
				tables = lappend(tables, t->name);
				columns = lappend(columns, unconstify(char *, t->columns[i].name));
			}
	oe_ask_fields(fields, oe_text_array(tables), oe_text_array(columns));
	for (uint64 r = 0; r < SPI_processed; r++)
	{
		t = oe_table(oe_spi_text(r, 1));
		for (int i = 0; t && i < t->ncolumns; i++)
			if (strcmp(t->columns[i].name, oe_spi_text(r, 2)) == 0)
				t->columns[i].recorded = oe_spi_text(r, 3)[0] == 't' ? OE_VALUE_COMPANIES
					: oe_spi_text(r, 4)[0] == 't' ? OE_VALUE_TEXTS : OE_VALUE_PLAIN;
	}
}

/*
 * Detects which of the catalog's tables exist, in which schema, with which
 * columns.  Odoo's schema is "public"; other schemas are searched for tables
 * that it lacks.
 */
static void
oe_detect(OeCatalog *cat)
{
	Oid			types[1] = {INT8ARRAYOID};
	HASHCTL		ctl = {.keysize = NAMEDATALEN,.entrysize = sizeof(OeTable)};
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events tables of Odoo", ALLOCSET_DEFAULT_SIZES);
	MemoryContext save = MemoryContextSwitchTo(cxt);
	Datum		values[1];

	/* first, so that what changes meanwhile is looked at again */
	oe_stale = oe_doubtful = false;
	values[0] = oe_wanted_load(cat);
	(void) oe_spi_keep_context(NULL,
							   "SELECT c.relname, n.nspname, c.oid::int8, a.attname, a.atttypid::int8,"
							   " EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum)"
							   " FROM pg_catalog.pg_class c"
							   " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
							   " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
							   " WHERE c.oid = ANY ($1::oid[]) ORDER BY c.oid, a.attnum",
							   1, types, values, NULL, true, 0);
	ctl.hcxt = cxt;
	oe_tables = hash_create("odoo_events tables", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	oe_detected_columns();
	MemoryContextSetParent(cxt, TopMemoryContext);
	oe_cxt = cxt;
	MemoryContextSwitchTo(save);
	oe_detect_kinds(oe_tables);
}

/*
 * Where all that was detected lives, until a table changes; NULL where nothing
 * is known, as between a failure and the next transaction.
 */
MemoryContext
oe_odoo_context(void)
{
	return oe_cxt;
}

uint32
oe_odoo_epoch(void)
{
	return oe_epoch;
}

/*
 * A rule's table as a name in a statement; NULL if it is not here.
 */
const char *
oe_rule_table(OeCatalogRule *rule)
{
	OeTable    *t = oe_first_table(rule->ntables, rule->tables);

	return t && oe_has_column(t, "id") ? t->qualified : NULL;
}

Oid
oe_rule_relid(OeCatalogRule *rule)
{
	OeTable    *t = oe_first_table(rule->ntables, rule->tables);

	return t ? t->relid : InvalidOid;
}

bool
oe_rule_has_column(OeCatalogRule *rule, const char *name)
{
	return oe_has_column(oe_first_table(rule->ntables, rule->tables), name);
}

/* ---- statements ---- */

/* Many paths of the catalog have steps in common: those are read once. */
static bool
oe_same_many(const OeMany *a, const OeMany *b)
{
	return a == b || (a && b && strcmp(a->table, b->table) == 0 && strcmp(a->key, b->key) == 0 &&
					  strcmp(a->value, b->value) == 0);
}

/*
 * The number of the statement for one kind of row; it is prepared when first
 * used.
 */
static int
oe_query_find(OeReference *reference, OeCatalogRule *rule, const char *column, OeMany *many)
{
	ListCell   *lc;
	int			i = 0;
	OeQuery    *q;
	MemoryContext save;

	foreach(lc, oe_queries)
	{
		q = lfirst(lc);
		if (q->reference == reference && q->rule == rule && oe_same_many(q->many, many) &&
			(q->column == column || (q->column && column && strcmp(q->column, column) == 0)))
			return i;
		i++;
	}
	save = MemoryContextSwitchTo(oe_cxt);
	q = palloc0(sizeof(OeQuery));
	q->reference = reference;
	q->rule = rule;
	q->column = column;
	q->many = many;
	oe_queries = lappend(oe_queries, q);
	MemoryContextSwitchTo(save);
	return i;
}

/*
 * The same where the catalog keeps the number: of a reference or a rule by id,
 * or of a relation table.
 */
int
oe_query_cached(OeQueryNo *no, OeReference *reference, OeCatalogRule *rule, OeMany *many)
{
	if (no->epoch != oe_epoch)
	{
		no->number = oe_query_find(reference, rule, many ? many->key : NULL, many);
		no->epoch = oe_epoch;
	}
	return no->number;
}

/*
 * The statement that reads a rule's rows by a column.
 */
int
oe_query_by(OeCatalogRule *rule, const char *column)
{
	OeByColumn *by = &rule->by[0];

	for (int i = 0; i < OE_BY_COLUMNS; i++)
	{
		by = &rule->by[i];
		if (by->column == column || by->column == NULL)
			break;
	}
	if (by->column != column || by->query.epoch != oe_epoch)
	{
		by->column = column;
		by->query.number = oe_query_find(NULL, rule, column, NULL);
		by->query.epoch = oe_epoch;
	}
	return by->query.number;
}

OeQuery *
oe_query(int query)
{
	return list_nth(oe_queries, query);
}

/*
 * Odoo's own id of the database, for attribute "source".
 */
static char *
oe_database_uuid(void)
{
	OeParameters p;
	const char *why;

	if (oe_parameters_read(&p, &why) == OE_PARAMETERS_UNKNOWN)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("table \"ir_config_parameter\" is locked by another session")));
	return p.database_uuid[0] != '\0' ? pstrdup(p.database_uuid) : NULL;
}

/*
 * Forgets all rows that were read.
 */
static void
oe_read_begin(OeCycle *cy)
{
	HASHCTL		ctl = {.keysize = sizeof(OeReadKey),.entrysize = sizeof(OeReadEntry),.hcxt = cy->cxt};

	cy->read = hash_create("odoo_events rows read", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cy->wanted = NULL;
	cy->nwanted = 0;
}

/*
 * At the beginning of each as-owner transaction of a cycle.  False if tables
 * have changed, so that everything has to be read again.
 */
bool
oe_odoo_prepare_with(OeCycle *cy, void (*settle) (OeChange *c))
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(oe_relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(DATABASEOID, oe_owner_or_schema_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, oe_owner_or_schema_changed, (Datum) 0);
		oe_catalog_dropped = oe_odoo_forget;
		oe_change_settle_hook = settle;
		registered = true;
	}
	if (oe_cxt != NULL && !oe_stale && oe_doubtful)
	{
		oe_doubtful = false;
		oe_stale = oe_wanted_moved();
	}
	if (oe_stale)
		oe_odoo_forget();
	if (oe_cxt == NULL)
	{
		oe_detect(cy->cat);
		if (oe_guc_source[0] == '\0')
		{
			char	   *uuid = oe_database_uuid();

			if (uuid)
				oe_uuid = MemoryContextStrdup(oe_cxt, uuid);
		}
	}
	if (cy->read != NULL && cy->epoch == oe_epoch)
		return true;
	if (oe_guc_source[0] != '\0')
		cy->source = pstrdup(oe_guc_source);
	else
		cy->source = psprintf("/odoo/%s", oe_uuid ? oe_uuid : get_database_name(MyDatabaseId));
	cy->epoch = oe_epoch;
	oe_read_begin(cy);
	return false;
}

/*
 * What the column of one of Odoo's tables is where nothing is recorded about
 * it.  A jsonb column of a built-in rule is a translated text; one of an own
 * table may be anything.
 */
static OeValueKind
oe_kind_by_catalog(const OeCatalogRule *rule, const char *table, const char *column)
{
	for (int i = 0; i < lengthof(oe_known_per_company); i++)
		if (strcmp(table, oe_known_per_company[i][0]) == 0 && strcmp(column, oe_known_per_company[i][1]) == 0)
			return OE_VALUE_COMPANIES;
	return rule == NULL || strncmp(rule->name, "own_", 4) == 0 ? OE_VALUE_PLAIN : OE_VALUE_TEXTS;
}

bool
oe_is_stock_quantity(const char *table, const char *column)
{
	for (int i = 0; i < lengthof(oe_stock_quantities); i++)
		if (strcmp(table, oe_stock_quantities[i][0]) == 0 && strcmp(column, oe_stock_quantities[i][1]) == 0)
			return true;
	return false;
}

/* Of a column of a table, for a rule or, NULL, for a reference. */
OeValueKind
oe_column_kind(const OeCatalogRule *rule, const OeTable *t, const char *name)
{
	bool		own = rule == NULL || strncmp(rule->name, "own_", 4) == 0;

	for (int i = 0; t && i < t->ncolumns; i++)
		if (t->columns[i].type == FLOAT8OID && !own && strcmp(t->columns[i].name, name) == 0)
			return oe_is_stock_quantity(t->name, name) ? OE_VALUE_QUANTITY : OE_VALUE_FLOAT;
		else if (t->columns[i].type == JSONBOID && strcmp(t->columns[i].name, name) == 0)
			return t->columns[i].recorded != OE_VALUE_UNKNOWN ? t->columns[i].recorded
				: oe_kind_by_catalog(rule, t->name, name);
	return OE_VALUE_PLAIN;
}
