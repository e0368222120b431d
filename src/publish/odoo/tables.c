/*
 * odoo.c
 *	  Which of Odoo's tables and columns there are, and the statements that
 *	  read them.
 *
 * Foreign work only.  Statements are generated from the catalog and from the
 * tables and columns that this database has.  Plans and what was detected are
 * kept until a table concerned changes (relcache callback) or reading failed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/guc.h"
#include "base/parameters.h"
#include "publish/internal.h"
#include "publish/odoo/tables.h"

/* Everything that was detected lives here; NULL: to be detected. */
static MemoryContext oe_cxt = NULL;
static HTAB *oe_tables;
static List *oe_queries;
static char *oe_uuid;
static uint32 oe_epoch = 1;		/* of the numbers of queries */
static bool oe_stale = false;
static bool oe_doubtful = false;	/* a name may mean another table now */

/*
 * Runs inside any catalog access: only notes that what we know may be old.
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
 * Drops plans and what was detected; the next oe_odoo_prepare() looks anew.
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

static bool
oe_indexed_column(OeTable *t, const char *name)
{
	for (int i = 0; t && i < t->ncolumns; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return t->columns[i].indexed;
	return false;
}

/* 'a>table.b', 'a^table.b': the table's name, or NULL for a plain column. */
char *
oe_hop_table(const char *path, char *column, char *table, char *field)
{
	const char *hop = strpbrk(path, ">^");
	const char *dot = hop ? strchr(hop, '.') : NULL;

	if (hop == NULL || dot == NULL)
		return NULL;
	strlcpy(column, path, Min(hop - path + 1, NAMEDATALEN));
	strlcpy(table, hop + 1, Min(dot - hop, NAMEDATALEN));
	strlcpy(field, dot + 1, NAMEDATALEN);
	return table;
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
			t->columns = palloc(sizeof(OeColumn) * MaxHeapAttributeNumber);
		}
		t->columns[t->ncolumns].name = SPI_getvalue(tup, desc, 4);
		t->columns[t->ncolumns].type = (Oid) atoll(SPI_getvalue(tup, desc, 5));
		t->columns[t->ncolumns].indexed = SPI_getvalue(tup, desc, 6)[0] == 't';
		t->columns[t->ncolumns].recorded = OE_VALUE_UNKNOWN;
		t->ncolumns++;
	}
}

Datum
oe_text_array(List *names)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, names)
	{
		elems[n++] = CStringGetTextDatum(lfirst(lc));
	}
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * Which of the catalog's tables exist, where, with which columns.
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
	(void) oe_run(NULL,
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
oe_rule_table(OeRule *rule)
{
	OeTable    *t = oe_first_table(rule->ntables, rule->tables);

	return t && oe_has_column(t, "id") ? t->qualified : NULL;
}

Oid
oe_rule_relid(OeRule *rule)
{
	OeTable    *t = oe_first_table(rule->ntables, rule->tables);

	return t ? t->relid : InvalidOid;
}

bool
oe_rule_has_column(OeRule *rule, const char *name)
{
	return oe_has_column(oe_first_table(rule->ntables, rule->tables), name);
}

/* ---- statements ---- */

/*
 * The expression that a reference's field is read by, and the join it needs
 * (appended to "joins" unless there already); false where a table or column
 * is missing.
 */
static bool
oe_field_expression(OeTable *t, const char *path, StringInfo expr, StringInfo joins)
{
	char		column[NAMEDATALEN];
	char		table[NAMEDATALEN];
	char		field[NAMEDATALEN];
	OeTable    *other;
	char	   *alias;

	if (oe_hop_table(path, column, table, field) == NULL)
	{
		/* who is referred to has no company that could choose a value */
		if (!oe_has_column(t, path) || oe_column_kind(NULL, t, path) == OE_VALUE_COMPANIES)
			return false;
		appendStringInfo(expr, "t.%s", quote_identifier(path));
		return true;
	}
	other = oe_table(table);
	if (!oe_has_column(t, column) || !oe_has_column(other, field) ||
		oe_column_kind(NULL, other, field) == OE_VALUE_COMPANIES)
		return false;
	if (strchr(path, '^'))
	{
		appendStringInfo(expr, "(SELECT w.id FROM %s w JOIN %s v ON v.id OPERATOR(pg_catalog.=) w.%s"
						 " WHERE pg_catalog.starts_with(t.%s::pg_catalog.text, v.%s::pg_catalog.text)"
						 " ORDER BY pg_catalog.length(v.%s::pg_catalog.text) DESC LIMIT 1)",
						 other->qualified, t->qualified, quote_identifier(field),
						 quote_identifier(column), quote_identifier(column), quote_identifier(column));
		return true;
	}
	alias = psprintf("%s_%s", column, table);
	alias[Min(strlen(alias), NAMEDATALEN - 1)] = '\0';
	if (strstr(joins->data, psprintf(" %s ON", quote_identifier(alias))) == NULL)
		appendStringInfo(joins, " LEFT JOIN %s %s ON %s.id OPERATOR(pg_catalog.=) t.%s", other->qualified,
						 quote_identifier(alias), quote_identifier(alias), quote_identifier(column));
	appendStringInfo(expr, "%s.%s", quote_identifier(alias), quote_identifier(field));
	return true;
}

static char *
oe_reference_statement(OeQuery *q)
{
	OeReference *r = q->reference;
	OeTable    *t = oe_first_table(r->ntables, r->tables);
	StringInfoData sql;
	StringInfoData joins;

	if (t == NULL)
		return NULL;
	initStringInfo(&sql);
	initStringInfo(&joins);
	q->names = palloc0(sizeof(char *) * (r->nfields + 1));
	appendStringInfoString(&sql, "SELECT t.id::pg_catalog.int8, t.id::pg_catalog.int8");
	for (int i = 0; i < r->nfields; i++)
	{
		StringInfoData expr;

		initStringInfo(&expr);
		for (int j = 0; j < r->fields[i].npaths; j++)
			if (oe_field_expression(t, r->fields[i].paths[j], &expr, &joins))
			{
				appendStringInfo(&sql, ", %s", expr.data);
				q->names[q->nnames++] = r->fields[i].name;
				break;
			}
	}
	appendStringInfo(&sql, " FROM %s t%s WHERE t.id OPERATOR(pg_catalog.=) ANY ($1)", t->qualified, joins.data);
	return sql.data;
}

/*
 * A rule's columns, under the names that the journal gives them.
 */
static char *
oe_rule_statement(OeQuery *q)
{
	OeTable    *t = oe_first_table(q->rule->ntables, q->rule->tables);
	const char *by = q->column ? q->column : "id";
	StringInfoData sql;

	if (t == NULL || !oe_has_column(t, by))
		return NULL;
	initStringInfo(&sql);
	q->names = palloc0(sizeof(char *) * (q->rule->ncolumns + 1));
	appendStringInfo(&sql, "SELECT t.%s::pg_catalog.int8, t.id::pg_catalog.int8", quote_identifier(by));
	for (int i = 0; i < q->rule->ncolumns; i++)
	{
		char	   *name = pstrdup(q->rule->columns[i]);
		char	   *alt = strchr(name, '=');

		if (alt)
			*alt++ = '\0';
		if (!oe_has_column(t, name) && (alt == NULL || !oe_has_column(t, alt)))
			continue;
		appendStringInfo(&sql, ", t.%s", quote_identifier(oe_has_column(t, name) ? name : alt));
		q->names[q->nnames++] = name;
	}
	appendStringInfo(&sql, " FROM %s t WHERE t.%s OPERATOR(pg_catalog.=) ANY ($1) ORDER BY t.id", t->qualified, quote_identifier(by));
	return sql.data;
}

/*
 * Of a relation table, or rows of any table by another column: only where an
 * index finds them.
 */
static char *
oe_many_statement(OeQuery *q)
{
	OeTable    *t = oe_table(q->many->table);

	if (!oe_indexed_column(t, q->many->key) || !oe_has_column(t, q->many->value))
		return NULL;
	return psprintf("SELECT t.%s::pg_catalog.int8, t.%s::pg_catalog.int8 FROM %s t"
					" WHERE t.%s OPERATOR(pg_catalog.=) ANY ($1) AND t.%s IS NOT NULL ORDER BY 2",
					quote_identifier(q->many->key), quote_identifier(q->many->value), t->qualified,
					quote_identifier(q->many->key), quote_identifier(q->many->value));
}

/*
 * The number of the query for one kind of row; its plan is made when it is
 * first run.
 */
int
oe_query_find(OeReference *reference, OeRule *rule, const char *column, OeMany *many)
{
	ListCell   *lc;
	int			i = 0;
	OeQuery    *q;
	MemoryContext save;

	foreach(lc, oe_queries)
	{
		q = lfirst(lc);
		if (q->reference == reference && q->rule == rule && q->many == many &&
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
oe_query_cached(OeQueryNo *no, OeReference *reference, OeRule *rule, OeMany *many)
{
	if (no->epoch != oe_epoch)
	{
		no->number = oe_query_find(reference, rule, many ? many->key : NULL, many);
		no->epoch = oe_epoch;
	}
	return no->number;
}

/*
 * The same of a rule's rows by a column: few columns are ever asked for, each
 * with a name of the catalog's.
 */
int
oe_query_by(OeRule *rule, const char *column)
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

void
oe_query_plan(OeQuery *q)
{
	static const Oid types[1] = {INT8ARRAYOID};
	MemoryContext save = MemoryContextSwitchTo(oe_cxt);
	char	   *sql = q->reference ? oe_reference_statement(q) : q->many ? oe_many_statement(q) : oe_rule_statement(q);
	SPIPlanPtr	plan;

	q->absent = sql == NULL;
	if (sql != NULL)
	{
		plan = SPI_prepare(sql, 1, (Oid *) types);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
		q->plan = plan;
	}
	MemoryContextSwitchTo(save);
}

OeQuery *
oe_query(int query)
{
	return list_nth(oe_queries, query);
}

/*
 * Odoo's own name of the database, for "source"; NULL: it has none.
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
 * At the start of each foreign transaction of a cycle.  False where what was
 * read before counts no longer, because tables have changed: then it is to be
 * asked for again.
 */
bool
oe_odoo_prepare(OeCycle *cy)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(oe_relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(DATABASEOID, oe_owner_or_schema_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, oe_owner_or_schema_changed, (Datum) 0);
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
