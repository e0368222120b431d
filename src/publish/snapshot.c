/*
 * snapshot.c
 *	  Snapshot events: what a row is, whatever happened to it.
 *
 * A row of the journal with op S asks for one.  It says only which record: the
 * row is read when it is published, as foreign work.  Whatever was published
 * before was committed before that, so that the highest position of a key is
 * never older than a lower one.
 *
 * backfill() asks for all rows of an entity, in steps of the worker that each
 * read a bounded piece of the table by its primary key as foreign work, and
 * write a bounded piece of the journal together with how far they are as own
 * work.  Nothing is locked in between.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/fault.h"
#include "capture/emit.h"
#include "publish/internal.h"
#include "publish/odoo.h"
#include "publish/publish.h"

/* Rows fetched at a time where a whole table is read. */
#define OE_FETCH_ROWS 5000

PG_FUNCTION_INFO_V1(oe_sql_backfill_step);
PG_FUNCTION_INFO_V1(oe_sql_check_predicate);
PG_FUNCTION_INFO_V1(oe_sql_odoo_lines);
PG_FUNCTION_INFO_V1(oe_sql_odoo_rows);
PG_FUNCTION_INFO_V1(oe_sql_snapshot);

/* ---- publishing ---- */

static OeEntity *
oe_snapshot_entity(OeCycle *cy, OeChange *c)
{
	OeEntity   *e = c->new_text ? oe_entity_find(cy->cat, c->new_text) : NULL;

	return e && e->rule == c->rule ? e : NULL;
}

/*
 * Asks for the row, and for what its key and kind depend on.
 */
void
oe_snapshot_prepare(OeCycle *cy, OeChange *c)
{
	OeEntity   *e = oe_snapshot_entity(cy, c);
	OeRow	   *row = e ? oe_row_there(cy, e->rule, c->record_id) : NULL;

	if (row == NULL)
		return;
	oe_refs_wanted(cy, e->rule, row);
	(void) oe_entity_key(cy, e, row, c->record_id, true);
}

char *
oe_snapshot_key(OeCycle *cy, OeChange *c, bool refs)
{
	OeEntity   *e = oe_snapshot_entity(cy, c);
	OeRow	   *row = e && refs ? oe_row_there(cy, e->rule, c->record_id) : NULL;

	return row ? oe_entity_key(cy, e, row, c->record_id, true) : oe_key_text(e ? e->label : c->rule_name, c->record_id);
}

/*
 * The event; of a row that is gone it says so.  None where the entity is no
 * more.
 */
void
oe_snapshot_event(OeCycle *cy, OeTx *tx, OeChange *c)
{
	OeEntity   *e = oe_snapshot_entity(cy, c);
	OeRow	   *row = e ? oe_row_there(cy, e->rule, c->record_id) : NULL;
	OeDef	   *d = palloc0(sizeof(OeDef));
	OeEvent    *ev;

	if (e == NULL)
		return;
	d->type = psprintf("odoo.%s.%s.snapshot.v1", e->domain, e->label);
	d->variant = 1;
	d->occasion = OE_ON_CHANGED;
	d->with_lines = row != NULL && e->nparts > 0;
	d->emit = true;
	d->class = 1;
	ev = oe_event_new(tx, e, d, c, row ? row : palloc0(sizeof(OeRow)), c->record_id,
					  row ? oe_kind_of(cy, tx, e, row) : NULL);
	ev->read_later = true;
}

/* ---- reading tables ---- */

/*
 * Raises an error for what is not one expression: it is put into parentheses.
 */
static void
oe_predicate_parse(const char *predicate)
{
	List	   *list = raw_parser(psprintf("SELECT %s", predicate), RAW_PARSE_DEFAULT);
	SelectStmt *s = list_length(list) == 1 ? (SelectStmt *) linitial_node(RawStmt, list)->stmt : NULL;

	if (s == NULL || !IsA(s, SelectStmt) || s->op != SETOP_NONE || list_length(s->targetList) != 1 ||
		s->fromClause || s->whereClause || s->groupClause || s->havingClause || s->windowClause ||
		s->sortClause || s->limitCount || s->limitOffset || s->lockingClause || s->withClause ||
		s->intoClause || s->distinctClause)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("it is not one expression")));
}

static char *
oe_step_statement(OeEntity *e, const char *predicate, int limit)
{
	const char *table = oe_rule_table(e->rule);

	if (table == NULL)
		return NULL;
	return psprintf("SELECT t.id::pg_catalog.int8, COALESCE((%s\n), false) FROM %s t WHERE t.id OPERATOR(pg_catalog.>) $1"
					" ORDER BY t.id LIMIT %d", predicate ? predicate : "true", table, limit);
}

/*
 * Runs "body" as foreign work; an error comes back as text in the cycle's
 * memory, NULL: none.
 */
char *
oe_foreign(OeCycle *cy, void (*body) (OeCycle *cy, void *arg), void *arg, int *sqlerrcode)
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
oe_snapshot_cycle(void)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events snapshot", ALLOCSET_DEFAULT_SIZES);
	OeCycle    *cy = MemoryContextAllocZero(cxt, sizeof(OeCycle));

	cy->cxt = cxt;
	cy->now = GetCurrentTimestamp();
	return cy;
}

/* ---- backfill ---- */

typedef struct OeStepWork
{
	int64		job;
	char	   *entity;
	OeEntity   *e;
	char	   *predicate;
	int64		last_id;
	int			rows;			/* to be looked at */
	int			n;				/* ids that the predicate holds for */
	int64		ids[OE_BACKFILL_ROWS];
	bool		finished;
	char	   *failure;
} OeStepWork;

/* The running job that began first, if there is one; own work. */
static bool
oe_step_job(OeCycle *cy, OeStepWork *w)
{
	OeSession	s;
	bool		found;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	cy->cat = oe_catalog();
	(void) oe_run(NULL, "SELECT id::text, entity, predicate, last_id::text FROM odoo_events.backfill_job WHERE state = 'running' ORDER BY id LIMIT 1",
				  0, NULL, NULL, NULL, false, 1);
	found = SPI_processed == 1;
	if (found)
	{
		HeapTuple	tup = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		w->job = strtoll(SPI_getvalue(tup, desc, 1), NULL, 10);
		w->entity = MemoryContextStrdup(cy->cxt, SPI_getvalue(tup, desc, 2));
		w->predicate = SPI_getvalue(tup, desc, 3);
		w->predicate = w->predicate ? MemoryContextStrdup(cy->cxt, w->predicate) : NULL;
		w->last_id = strtoll(SPI_getvalue(tup, desc, 4), NULL, 10);
		w->e = oe_entity_find(cy->cat, w->entity);
	}
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);
	return found;
}

/* The next piece of the table; foreign work. */
static void
oe_step_read(OeCycle *cy, void *arg)
{
	OeStepWork *w = arg;
	static const Oid types[] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(w->last_id)};
	char	   *sql;

	if (w->predicate)
		oe_predicate_parse(w->predicate);
	sql = oe_step_statement(w->e, w->predicate, w->rows);
	if (sql == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("this database has no table for it")));
	(void) oe_run(NULL, sql, 1, types, values, NULL, true, 0);
	w->finished = SPI_processed < w->rows;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int64		id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

		w->last_id = Max(w->last_id, id);
		if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull)))
			w->ids[w->n++] = id;
	}
}

static void
oe_step_completed(OeStepWork *w)
{
	StringInfoData data;

	initStringInfo(&data);
	appendStringInfo(&data, "{\"backfill\": {\"id\": " INT64_FORMAT ", \"entity\": \"%s\", \"state\": \"%s\"}}",
					 w->job, w->entity, w->failure ? "failed" : "done");
	oe_emit("odoo.platform.backfill.completed.v1", psprintf("backfill/" INT64_FORMAT, w->job), data.data, NULL, NULL, NULL);
}

/*
 * Notes the snapshots and how far the job is, unless it was cancelled or
 * somebody else has taken this step meanwhile; own work.
 */
static void
oe_step_write(OeCycle *cy, OeStepWork *w, int64 from)
{
	static const Oid types[] = {INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID};
	Datum		values[6];
	char		nulls[7] = "      ";
	OeSession	s;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	values[0] = Int64GetDatum(w->job);
	values[1] = Int64GetDatum(from);
	values[2] = Int64GetDatum(w->last_id);
	values[3] = Int64GetDatum(w->n);
	values[4] = CStringGetTextDatum(w->failure ? "failed" : w->finished ? "done" : "running");
	values[5] = w->failure ? CStringGetTextDatum(w->failure) : (Datum) 0;
	nulls[5] = w->failure ? ' ' : 'n';
	(void) oe_run(NULL,
				  "UPDATE odoo_events.backfill_job SET last_id = $3, rows = rows + $4, state = $5, error = $6, at = pg_catalog.clock_timestamp()"
				  " WHERE id = $1 AND last_id = $2 AND state = 'running'",
				  6, types, values, nulls, false, 0);
	if (SPI_processed == 1)
	{
		for (int i = 0; i < w->n; i++)
			oe_note_snapshot(w->e->rule->name, w->entity, w->ids[i]);
		if (w->failure || w->finished)
			oe_step_completed(w);
	}
	OE_FAULT("backfill-written");
	oe_own_end(&s);
	OE_FAULT("backfill-committed");
	MemoryContextSwitchTo(cy->cxt);
}

bool
oe_backfill_step(int rows)
{
	MemoryContext caller = CurrentMemoryContext;
	OeCycle    *cy = oe_snapshot_cycle();
	OeStepWork *w = MemoryContextAllocZero(cy->cxt, sizeof(OeStepWork));
	bool		found = oe_step_job(cy, w);

	if (found)
	{
		int64		from = w->last_id;
		int			code;

		w->rows = Min(OE_TUNED("backfill-rows", rows), OE_BACKFILL_ROWS);
		w->failure = w->e == NULL ? pstrdup("the entity is no more") : oe_foreign(cy, oe_step_read, w, &code);
		OE_FAULT("backfill-read");
		if (w->failure)
			w->n = 0;
		oe_step_write(cy, w, from);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(cy->cxt);
	return found;
}

/*
 * _backfill_step(): the worker's step, where there is no worker.
 */
Datum
oe_sql_backfill_step(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(oe_backfill_step(OE_BACKFILL_ROWS));
}

/* ---- SQL ---- */

typedef struct OeRowsWork
{
	OeEntity   *e;
	char	   *predicate;		/* of a backfill to come */
	ArrayType  *columns;		/* those that are wanted */
	ReturnSetInfo *rsinfo;
} OeRowsWork;

/*
 * Loads the catalog, as own work, and finds an entity; NULL: there is none.
 */
OeEntity *
oe_catalog_entity(OeCycle *cy, const char *entity)
{
	OeSession	s;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	cy->cat = oe_catalog();
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);
	return oe_entity_find(cy->cat, entity);
}

static void
oe_predicate_try(OeCycle *cy, void *arg)
{
	OeRowsWork *w = arg;
	char	   *sql;
	static const Oid types[] = {INT8OID};

	oe_predicate_parse(w->predicate);
	sql = oe_step_statement(w->e, w->predicate, OE_BACKFILL_ROWS);
	if (sql && SPI_prepare(sql, 1, (Oid *) types) == NULL)
		elog(ERROR, "it cannot be prepared");
}

/*
 * _check_predicate(entity, predicate): raises an error for what backfill()
 * could not use.
 */
Datum
oe_sql_check_predicate(PG_FUNCTION_ARGS)
{
	OeCycle    *cy = oe_snapshot_cycle();
	OeRowsWork	w = {0};
	char	   *failure;
	int			code = 0;

	w.e = oe_catalog_entity(cy, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	w.predicate = text_to_cstring(PG_GETARG_TEXT_PP(1));
	failure = w.e ? oe_foreign(cy, oe_predicate_try, &w, &code) : NULL;
	if (failure)
		ereport(ERROR,
				(errcode(code),
				 errmsg("argument \"predicate\" cannot be used: %s", failure),
				 errhint("It is what would stand behind WHERE, over the columns of the entity's table: state = 'done'")));
	PG_RETURN_VOID();
}

/* A column of the table as text; NULL where it has none such. */
static char *
oe_column_text(OeRule *rule, const char *column, const char *type)
{
	return column && oe_rule_has_column(rule, column) ? psprintf("t.%s::pg_catalog.%s", quote_identifier(column), type)
		: psprintf("NULL::pg_catalog.%s", type);
}

/* The columns of the table that are among these, as one JSON object. */
static char *
oe_columns_object(OeRule *rule, ArrayType *columns)
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
		appendStringInfo(&buf, "%s%s, t.%s", comma, quote_literal_cstr(column), quote_identifier(column));
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

/* All rows of the entity's table, as (id, state, created, written, columns); foreign work. */
static void
oe_rows_read(OeCycle *cy, void *arg)
{
	OeRowsWork *w = arg;
	OeRule	   *rule = w->e->rule;
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
 * of parts that stand in the document itself and are read whole.  Foreign
 * work.
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

static Datum
oe_sql_rows(FunctionCallInfo fcinfo, void (*body) (OeCycle *cy, void *arg))
{
	OeCycle    *cy;
	OeRowsWork	w = {0};
	char	   *failure;
	int			code = 0;

	InitMaterializedSRF(fcinfo, 0);
	cy = oe_snapshot_cycle();
	w.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	w.columns = PG_GETARG_ARRAYTYPE_P(1);
	w.e = oe_catalog_entity(cy, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	failure = w.e ? oe_foreign(cy, body, &w, &code) : NULL;
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
