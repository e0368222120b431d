/*
 * backfill.c
 *	  Requests a snapshot event of each row of an entity.
 *
 * The worker takes steps: each reads a limited number of rows by primary key in
 * an as-owner transaction, then writes the requests and its progress in a
 * trusted transaction.  No lock is held in between.  A step is also limited in
 * time, since the predicate is arbitrary SQL and nothing is published or
 * delivered meanwhile.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "capture/emit.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/odoo/tables.h"
#include "publish/tools/backfill.h"
#include "publish/tools/snapshot.h"

/* A step that has taken this long ends with the rows it has. */
#define OE_STEP_US 20000
#define OE_STEP_FETCH 10

/* A step that was begun so often and not finished is given up. */
#define OE_STEP_ATTEMPTS 3

/* A predicate that takes longer than this is given up. */
#define OE_STEP_MAX_MS OE_TUNED("backfill-ms", 10000)

PG_FUNCTION_INFO_V1(oe_sql_backfill_step);
PG_FUNCTION_INFO_V1(oe_sql_check_predicate);

/*
 * Raises an error unless the text is one expression; it is put into
 * parentheses.
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

/* ---- backfill ---- */

typedef struct OeStepWork
{
	int64		job;
	char	   *entity;
	OeEntity   *e;
	char	   *predicate;
	char	   *asked;			/* what a request says: the entity, and whom
								 * the snapshots are for */
	int64		last_id;
	int			attempt;		/* the number of this one, at the same rows */
	bool		counts;			/* the attempts are counted */
	bool		blocked;		/* the table is locked: does not count */
	int			rows;			/* to be looked at */
	int			n;				/* ids that the predicate holds for */
	int64		ids[OE_BACKFILL_ROWS];
	bool		finished;
	char	   *failure;
} OeStepWork;

/*
 * The running job that began first; trusted transaction.
 */
static bool
oe_step_job(OeCycle *cy, OeStepWork *w)
{
	OeSession	s;
	bool		found;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	cy->cat = oe_catalog();
	/* an extension of version 0.1.0 does not count */
	w->counts = oe_own_column("backfill_job", "attempts");
	(void) oe_spi_keep_context(NULL, psprintf("UPDATE odoo_events.backfill_job b SET %s"
											  " WHERE b.id = (SELECT j.id FROM odoo_events.backfill_job j WHERE j.state = 'running' ORDER BY j.id LIMIT 1)"
											  " RETURNING b.id::text, b.entity, b.predicate, b.last_id::text, %s, b.entity || %s",
											  w->counts ? "attempts = b.attempts + 1" : "at = b.at", w->counts ? "b.attempts::text" : "'1'",
											  w->counts ? "COALESCE(' >:' || pg_catalog.array_to_string(b.subscriptions, ','), '')" : "''"),
							   0, NULL, NULL, NULL, false, 0);
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
		w->attempt = atoi(SPI_getvalue(tup, desc, 5));
		w->asked = MemoryContextStrdup(cy->cxt, SPI_getvalue(tup, desc, 6));
		w->e = oe_entity_find(cy->cat, w->entity);
	}
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);
	return found;
}

/* Notes the rows that were fetched; whether they were the last. */
static bool
oe_step_note(OeStepWork *w, int wanted)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int64		id = oe_cell_int8(SPI_tuptable, i, 1);

		w->last_id = Max(w->last_id, id);
		if (oe_cell_bool(SPI_tuptable, i, 2))
			w->ids[w->n++] = id;
	}
	SPI_freetuptable(SPI_tuptable);
	return SPI_processed < wanted;
}

/*
 * Fetches rows until there are enough or it has taken too long.  The time counts
 * from the first rows on: a predicate may have to prepare something once.
 */
static void
oe_step_fetch(OeStepWork *w, const char *sql)
{
	static const Oid types[] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(w->last_id)};
	Portal		portal = SPI_cursor_open_with_args(NULL, sql, 1, (Oid *) types, values, NULL, true, 0);
	TimestampTz end = 0;

	for (int left = w->rows; left > 0 && !w->finished; left -= OE_STEP_FETCH)
	{
		int			wanted = Min(left, OE_STEP_FETCH);

		SPI_cursor_fetch(portal, true, wanted);
		w->finished = oe_step_note(w, wanted);
		if (end == 0)
			end = GetCurrentTimestamp() + OE_STEP_US;
		else if (GetCurrentTimestamp() > end)
			break;
	}
	SPI_cursor_close(portal);
}

/*
 * The same with a timeout: in the worker nobody else would end it.
 */
static void
oe_step_fetch_for(OeStepWork *w, const char *sql, int ms)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
	MemoryContext cxt = CurrentMemoryContext;

	enable_timeout_after(STATEMENT_TIMEOUT, ms);
	PG_TRY();
	{
		oe_step_fetch(w, sql);
		disable_timeout(STATEMENT_TIMEOUT, false);
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		disable_timeout(STATEMENT_TIMEOUT, false);
		if (geterrcode() != ERRCODE_QUERY_CANCELED || GetCurrentTimestamp() < end)
			PG_RE_THROW();
		MemoryContextSwitchTo(cxt);
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				 errmsg("the predicate takes more than %d ms for a few rows", ms)));
	}
	PG_END_TRY();
}

/* The next piece of the table; as-owner transaction. */
static void
oe_step_read(OeCycle *cy, void *arg)
{
	OeStepWork *w = arg;
	char	   *sql;

	if (w->predicate)
		oe_predicate_parse(w->predicate);
	sql = oe_step_statement(w->e, w->predicate, w->rows);
	if (sql == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("this database has no table for it")));
	if (!ConditionalLockRelationOid(oe_rule_relid(w->e->rule), AccessShareLock))
	{
		w->blocked = true;
		return;
	}
	if (w->predicate && oe_session_is_worker)
		oe_step_fetch_for(w, sql, OE_STEP_MAX_MS);
	else
		oe_step_fetch(w, sql);
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
 * Writes the requests and the job's progress, unless it was cancelled or
 * somebody else has taken this step; trusted transaction.
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
	(void) oe_spi_keep_context(NULL,
							   psprintf("UPDATE odoo_events.backfill_job SET last_id = $3, rows = rows + $4, state = $5, error = $6, %s at = pg_catalog.clock_timestamp()"
										" WHERE id = $1 AND last_id = $2 AND state = 'running'", w->counts ? "attempts = 0," : ""),
							   6, types, values, nulls, false, 0);
	if (SPI_processed == 1)
	{
		for (int i = 0; i < w->n; i++)
			oe_note_snapshot(w->e->rule->name, w->asked, w->ids[i]);
		if (w->failure || w->finished)
			oe_step_completed(w);
	}
	OE_FAULT("backfill-written");
	oe_own_end(&s);
	OE_FAULT("backfill-committed");
	MemoryContextSwitchTo(cy->cxt);
}

/* A locked table is not the job's fault: the attempt did not take place. */
static void
oe_step_uncount(OeStepWork *w)
{
	static const Oid types[] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(w->job)};
	OeSession	s;

	if (w->counts)
	{
		oe_own_begin(&s);
		(void) oe_spi_keep_context(NULL, "UPDATE odoo_events.backfill_job SET attempts = attempts - 1 WHERE id = $1 AND attempts > 0",
								   1, types, values, NULL, false, 0);
		oe_own_end(&s);
	}
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("the table of entity \"%s\" is locked by another session", w->entity)));
}

/*
 * Reads the rows of a step; answers why the job has failed, NULL: it has not.
 * What is no fault of the job is raised.
 */
static char *
oe_step_try(OeCycle *cy, OeStepWork *w)
{
	char	   *failure;
	int			code = 0;

	if (w->e == NULL)
		return pstrdup("the entity is no more");
	if (w->attempt > OE_STEP_ATTEMPTS)
		return psprintf("given up: the step after id " INT64_FORMAT " was begun %d times and never finished, see the server's log",
						w->last_id, OE_STEP_ATTEMPTS);
	failure = oe_tool_foreign(cy, oe_step_read, w, &code);
	OE_FAULT("backfill-read");
	return failure;
}

bool
oe_backfill_step(int rows)
{
	MemoryContext caller = CurrentMemoryContext;
	OeCycle    *cy = oe_tool_cycle();
	OeStepWork *w = MemoryContextAllocZero(cy->cxt, sizeof(OeStepWork));
	bool		found = oe_step_job(cy, w);

	if (found)
	{
		int64		from = w->last_id;

		w->rows = Min(OE_TUNED("backfill-rows", rows), OE_BACKFILL_ROWS);
		w->failure = oe_step_try(cy, w);
		if (w->blocked)
			oe_step_uncount(w);
		if (w->failure)
		{
			w->n = 0;
			w->last_id = from;
		}
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

static void
oe_predicate_try(OeCycle *cy, void *arg)
{
	static const Oid types[] = {INT8OID};
	OeStepWork *w = arg;
	char	   *sql;

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
	OeCycle    *cy = oe_tool_cycle();
	OeStepWork	w = {0};
	char	   *failure;
	int			code = 0;

	w.e = oe_tool_entity(cy, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	w.predicate = text_to_cstring(PG_GETARG_TEXT_PP(1));
	failure = w.e ? oe_tool_foreign(cy, oe_predicate_try, &w, &code) : NULL;
	if (failure)
		ereport(ERROR,
				(errcode(code),
				 errmsg("argument \"predicate\" cannot be used: %s", failure),
				 errhint("It is what would stand behind WHERE, over the columns of the entity's table: state = 'done'")));
	PG_RETURN_VOID();
}
