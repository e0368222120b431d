/*
 * snapshot.c
 *	  SQL functions that read Odoo's tables for reconcile(), and request
 *	  snapshot events.
 *
 * Any backend, in the caller's transaction.  transform/snapshot_event.c makes
 * the events; backfill.c requests them for all rows of an entity.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/session.h"
#include "capture/emit.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/failure.h"
#include "publish/odoo/shown_values.h"
#include "publish/odoo/tables.h"
#include "publish/tools/snapshot.h"

/* Rows fetched at a time where a whole table is read. */
#define OE_FETCH_ROWS 5000

PG_FUNCTION_INFO_V1(oe_sql_odoo_lines);
PG_FUNCTION_INFO_V1(oe_sql_odoo_lines_of);
PG_FUNCTION_INFO_V1(oe_sql_odoo_rows);
PG_FUNCTION_INFO_V1(oe_sql_snapshot);

/* ---- publishing ---- */

/* ---- reading tables ---- */

/*
 * Runs "body" in an as-owner transaction; an error comes back as text in the
 * cycle's memory, NULL: none.
 */
char *
oe_tool_foreign(OeCycle *cy, void (*body) (OeCycle *cy, void *arg), void *arg, int *sqlerrcode)
{
	OeSession	s;
	char	   *volatile failure = NULL;
	volatile bool inside = false;

	PG_TRY();
	{
		oe_foreign_begin(&s);
		inside = true;
		MemoryContextSwitchTo(cy->cxt);
		oe_odoo_prepare(cy);
		body(cy, arg);
		inside = false;
		oe_foreign_end(&s);
	}
	PG_CATCH();
	{
		ErrorData  *err;

		MemoryContextSwitchTo(cy->cxt);
		err = CopyErrorData();
		if (!inside || !oe_about_data(err->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		oe_foreign_failed(&s);
		oe_odoo_forget();
		*sqlerrcode = err->sqlerrcode;
		failure = err->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cy->cxt);
	return failure;
}

/*
 * A cycle of its own memory, for functions that publish nothing.
 */
OeCycle *
oe_tool_cycle(void)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events snapshot", ALLOCSET_DEFAULT_SIZES);
	OeCycle    *cy = MemoryContextAllocZero(cxt, sizeof(OeCycle));

	cy->cxt = cxt;
	cy->now = GetCurrentTimestamp();
	return cy;
}

/* ---- SQL ---- */

typedef struct OeRowsWork
{
	OeEntity   *e;
	ArrayType  *columns;		/* those that are wanted */
	char	   *documents;		/* whose lines, as an array's text */
	ReturnSetInfo *rsinfo;
} OeRowsWork;

/*
 * Loads the catalog, in a trusted transaction, and finds an entity; NULL: there
 * is none.
 */
OeEntity *
oe_tool_entity(OeCycle *cy, const char *entity)
{
	OeSession	s;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	cy->cat = oe_catalog();
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);
	return oe_entity_find(cy->cat, entity);
}

/* A column of the table as text; NULL where it has none such. */
static char *
oe_column_text(OeCatalogRule *rule, const char *column, const char *type)
{
	return column && oe_rule_has_column(rule, column) ? psprintf("t.%s::pg_catalog.%s", quote_identifier(column), type)
		: psprintf("NULL::pg_catalog.%s", type);
}

/*
 * The columns of the table that are among these, as one JSON object.  Objects
 * are not compared, and json may hold what jsonb cannot: it is not looked at.
 */
static char *
oe_columns_object(OeCatalogRule *rule, ArrayType *columns)
{
	StringInfoData buf;
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	const char *comma = "";

	deconstruct_array(columns, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &n);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "pg_catalog.jsonb_build_object(");
	/* a function has at most 100 arguments */
	for (int i = 0; i < Min(n, 45); i++)
	{
		char	   *column = nulls[i] ? NULL : TextDatumGetCString(elems[i]);

		if (column == NULL || !oe_rule_has_column(rule, column))
			continue;
		appendStringInfo(&buf, "%s%s, CASE WHEN pg_catalog.pg_typeof(t.%s)::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (ARRAY[%u, %u]::pg_catalog.oid[])"
						 " THEN '{}'::pg_catalog.jsonb ELSE pg_catalog.to_jsonb(t.%s) END",
						 comma, quote_literal_cstr(column), quote_identifier(column), JSONOID, JSONARRAYOID, quote_identifier(column));
		comma = ", ";
	}
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* The result of a statement goes to the caller, piece by piece. */
static void
oe_rows_fetch(OeCycle *cy, ReturnSetInfo *rsinfo, const char *sql)
{
	Portal		portal = SPI_cursor_open_with_args(NULL, sql, 0, NULL, NULL, NULL, true, 0);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, OE_FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
			tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	MemoryContextSwitchTo(cy->cxt);
}

/* All rows of the entity's table, as (id, state, created, written, columns); as-owner transaction. */
static void
oe_rows_read(OeCycle *cy, void *arg)
{
	OeRowsWork *w = arg;
	OeCatalogRule *rule = w->e->rule;
	const char *table = oe_rule_table(rule);

	if (table == NULL)
		return;
	oe_rows_fetch(cy, w->rsinfo,
				  psprintf("SELECT t.id::pg_catalog.int8, %s, %s AT TIME ZONE 'UTC', %s AT TIME ZONE 'UTC', %s FROM %s t",
						   oe_column_text(rule, w->e->state_column, "text"), oe_column_text(rule, "create_date", "timestamp"),
						   oe_column_text(rule, "write_date", "timestamp"), oe_columns_object(rule, w->columns), table));
}

/*
 * The lines of documents that are open, as (document, part, rule, id, columns);
 * of parts that stand in the document itself and are read whole.  As-owner
 * transaction.
 */
static void
oe_lines_read(OeCycle *cy, void *arg)
{
	OeRowsWork *w = arg;
	const char *documents = oe_rule_table(w->e->rule);
	const char *state = w->e->state_column && oe_rule_has_column(w->e->rule, w->e->state_column) ? quote_identifier(w->e->state_column) : NULL;
	StringInfoData open;

	initStringInfo(&open);
	for (int i = 0; i < w->e->nopen; i++)
		appendStringInfo(&open, "%s%s", i ? ", " : "", quote_literal_cstr(w->e->open[i]));
	for (int i = 0; i < w->e->nparts && documents; i++)
	{
		OePart	   *p = w->e->parts[i];
		const char *table = oe_rule_table(p->rule);

		if (table == NULL || p->within || p->tx_only || p->reverse || !p->counted || p->nparents != 1 ||
			!oe_rule_has_column(p->rule, p->parents[0]) || (w->e->state_column && (state == NULL || open.len == 0)))
			continue;
		oe_rows_fetch(cy, w->rsinfo,
					  psprintf("SELECT t.%s::pg_catalog.int8, %s::pg_catalog.text, %s::pg_catalog.text, t.id::pg_catalog.int8, %s FROM %s t WHERE EXISTS"
							   " (SELECT 1 FROM %s d WHERE d.id OPERATOR(pg_catalog.=) t.%s%s)",
							   quote_identifier(p->parents[0]), quote_literal_cstr(p->name), quote_literal_cstr(p->rule->name),
							   oe_columns_object(p->rule, w->columns), table, documents, quote_identifier(p->parents[0]),
							   state ? psprintf(" AND d.%s::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY[%s])", state, open.data) : ""));
	}
}

/* The lines of the documents that are named, of the same parts and of those that do not count. */
static void
oe_lines_of_read(OeCycle *cy, void *arg)
{
	OeRowsWork *w = arg;

	for (int i = 0; i < w->e->nparts; i++)
	{
		OePart	   *p = w->e->parts[i];
		const char *table = oe_rule_table(p->rule);

		if (table == NULL || p->within || p->tx_only || p->reverse || p->nparents != 1 || !oe_rule_has_column(p->rule, p->parents[0]))
			continue;
		oe_rows_fetch(cy, w->rsinfo,
					  psprintf("SELECT t.%s::pg_catalog.int8, %s::pg_catalog.text, %s::pg_catalog.text, t.id::pg_catalog.int8, %s FROM %s t"
							   " WHERE t.%s OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.int8[])",
							   quote_identifier(p->parents[0]), quote_literal_cstr(p->name), quote_literal_cstr(p->rule->name),
							   oe_columns_object(p->rule, w->columns), table, quote_identifier(p->parents[0]), quote_literal_cstr(w->documents)));
	}
}

static Datum
oe_sql_rows(FunctionCallInfo fcinfo, void (*body) (OeCycle *cy, void *arg))
{
	OeCycle    *cy;
	OeRowsWork	w = {0};
	char	   *failure;
	int			code = 0;

	InitMaterializedSRF(fcinfo, 0);
	cy = oe_tool_cycle();
	w.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	w.columns = PG_GETARG_ARRAYTYPE_P(1);
	w.documents = PG_NARGS() > 2 ? OidOutputFunctionCall(F_ARRAY_OUT, PG_GETARG_DATUM(2)) : NULL;
	w.e = oe_tool_entity(cy, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	failure = w.e ? oe_tool_foreign(cy, body, &w, &code) : NULL;
	if (failure)
		ereport(ERROR,
				(errcode(code), errmsg("the table of entity \"%s\" cannot be read: %s", w.e->name, failure)));
	return (Datum) 0;
}

/*
 * _odoo_rows(entity, columns), _odoo_lines(entity, columns): what reconcile()
 * compares.
 */
Datum
oe_sql_odoo_rows(PG_FUNCTION_ARGS)
{
	return oe_sql_rows(fcinfo, oe_rows_read);
}

Datum
oe_sql_odoo_lines(PG_FUNCTION_ARGS)
{
	return oe_sql_rows(fcinfo, oe_lines_read);
}

/*
 * _odoo_lines_of(entity, columns, documents): the same of some documents,
 * whatever their state.
 */
Datum
oe_sql_odoo_lines_of(PG_FUNCTION_ARGS)
{
	return oe_sql_rows(fcinfo, oe_lines_of_read);
}

/*
 * _snapshot(rule, entity, ids): asks for snapshot events of these rows in the
 * caller's transaction.
 */
Datum
oe_sql_snapshot(PG_FUNCTION_ARGS)
{
	char	   *rule = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *entity = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Datum	   *ids;
	int			n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &ids, NULL, &n);
	for (int i = 0; i < n; i++)
		oe_note_snapshot(rule, entity, DatumGetInt64(ids[i]));
	PG_RETURN_VOID();
}
