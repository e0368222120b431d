/*
 * statements.c
 *	  The statements that read rows of Odoo's tables.
 *
 * As-owner transaction.  Statements name only tables and columns that this
 * database has (tables.c); plans are kept with the tables.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/odoo/statements.h"
#include "publish/odoo/table_names.h"
#include "publish/odoo/tables.h"

static bool
oe_indexed_column(OeTable *t, const char *name)
{
	for (int i = 0; t && i < t->ncolumns; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return t->columns[i].indexed;
	return false;
}

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
 * The columns of a rule, under the names that they have in the journal.
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
 * Reads a relation table, or rows by another column, only if there is an index
 * for it.
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

void
oe_query_plan(OeQuery *q)
{
	static const Oid types[1] = {INT8ARRAYOID};
	MemoryContext save = MemoryContextSwitchTo(oe_odoo_context());
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
