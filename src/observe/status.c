/*
 * status.c
 *	  The functions behind worker_status, and small ones over shared memory.
 *
 * Any backend; reads shared memory under its LWLock, no tables.  Waits for no
 * lock on a table.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/oe.h"
#include "base/shmem.h"

PG_FUNCTION_INFO_V1(oe_sql_version);
PG_FUNCTION_INFO_V1(oe_sql_wake);
PG_FUNCTION_INFO_V1(oe_sql_preloaded);
PG_FUNCTION_INFO_V1(oe_sql_worker);
PG_FUNCTION_INFO_V1(oe_sql_wal_processes);
PG_FUNCTION_INFO_V1(oe_sql_give_right);
PG_FUNCTION_INFO_V1(oe_sql_limits);
PG_FUNCTION_INFO_V1(oe_sql_table_bytes);

Datum
oe_sql_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(OE_VERSION));
}

Datum
oe_sql_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(oe_slots() != NULL);
}

Datum
oe_sql_wake(PG_FUNCTION_ARGS)
{
	char	   *why = text_to_cstring(PG_GETARG_TEXT_PP(0));
	uint32		bits;

	if (strcmp(why, "changes") == 0)
		bits = OE_WAKE_CHANGES;
	else if (strcmp(why, "events") == 0)
		bits = OE_WAKE_EVENTS;
	else if (strcmp(why, "config") == 0)
		bits = OE_WAKE_CONFIG;
	else if (strcmp(why, "register") == 0)
		bits = OE_WAKE_REGISTER;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown reason \"%s\" to wake the worker", why),
				 errhint("Use changes, events, config or register.")));
	oe_wake_at_commit(bits);
	PG_RETURN_VOID();
}

static const char *
oe_state_name(OeWorkerState state)
{
	switch (state)
	{
		case OE_WORKER_NONE:
			return "not started";
		case OE_WORKER_STARTING:
			return "starting";
		case OE_WORKER_RUNNING:
			return "running";
		case OE_WORKER_BACKOFF:
			return "waiting to restart";
		case OE_WORKER_HELD:
			return "held off by a database command";
		case OE_WORKER_ABSENT:
			return "not started";
		case OE_WORKER_REFUSED:
			return "cannot start";
	}
	return NULL;
}

/*
 * _worker(OUT pid, OUT state, OUT since, OUT last_error, OUT restarts, OUT
 * published_until, OUT pending, OUT last_error_at, OUT unarmed): this
 * database's worker.
 */
Datum
oe_sql_worker(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	OeSlot		copy;
	OeSlot	   *slot = oe_slot_find(MyDatabaseId, false);
	Datum		values[9];
	bool		nulls[9] = {false};
	const char *state;
	char	   *text;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (slot == NULL)
		PG_RETURN_NULL();
	oe_slots_lock(false);
	memcpy(&copy, slot, offsetof(OeSlot, wakes));
	oe_slots_unlock();

	state = oe_state_name(copy.state);
	text = copy.state == OE_WORKER_RUNNING && copy.activity[0] ?
		copy.activity : pstrdup(state);
	values[0] = Int32GetDatum(copy.pid);
	nulls[0] = copy.pid == 0;
	values[1] = CStringGetTextDatum(text);
	values[2] = TimestampTzGetDatum(copy.state_since);
	values[3] = CStringGetTextDatum(copy.last_error);
	nulls[3] = copy.last_error[0] == '\0';
	values[4] = Int32GetDatum(copy.restarts);
	values[5] = TimestampTzGetDatum(copy.published_until);
	nulls[5] = copy.published_until == 0;
	values[6] = BoolGetDatum((pg_atomic_read_u32(&slot->wakes) & OE_WAKE_CHANGES) != 0);
	values[7] = TimestampTzGetDatum(copy.last_error_at);
	nulls[7] = copy.last_error_at == 0;
	values[8] = CStringGetTextDatum(copy.unarmed);
	nulls[8] = copy.unarmed[0] == '\0';
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * _wal_processes(OUT recorder_pid, OUT reader_pid, OUT reading, OUT error)
 */
Datum
oe_sql_wal_processes(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	OeSlot		copy;
	OeSlot	   *slot = oe_slot_find(MyDatabaseId, false);
	Datum		values[4];
	bool		nulls[4] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (slot == NULL)
		PG_RETURN_NULL();
	oe_slots_lock(false);
	memcpy(&copy, slot, offsetof(OeSlot, wakes));
	oe_slots_unlock();
	values[0] = Int32GetDatum(copy.recorder_pid);
	nulls[0] = copy.recorder_pid == 0;
	values[1] = Int32GetDatum(copy.reader_pid);
	nulls[1] = copy.reader_pid == 0;
	values[2] = BoolGetDatum(copy.reading);
	values[3] = CStringGetTextDatum(copy.reader_error);
	nulls[3] = copy.reader_error[0] == '\0';
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * Runs a GRANT or REVOKE inside an upgrade script as if it stood outside.
 *
 * While an extension's script runs, PostgreSQL records each right it gives as
 * one of the extension's own, which pg_dump leaves out.  A right that the DBA
 * gave has to stay in dumps.
 */
Datum
oe_sql_give_right(PG_FUNCTION_ARGS)
{
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool		creating = creating_extension;

	creating_extension = false;
	PG_TRY();
	{
		int			result;

		SPI_connect();
		result = SPI_execute(statement, false, 0);
		if (result != SPI_OK_UTILITY)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"statement\" is neither GRANT nor REVOKE"),
					 errhint("Only upgrade scripts call this function.")));
		SPI_finish();
	}
	PG_FINALLY();
	{
		creating_extension = creating;
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}

/*
 * _limits(OUT databases, OUT max_databases, OUT refused, OUT max_rules, OUT
 * rules_full): how much room there is in shared memory; nulls without preload.
 */
Datum
oe_sql_limits(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	OeSlot	   *slots = oe_slots();
	OeSlot	   *mine = oe_slot_find(MyDatabaseId, false);
	Datum		values[5] = {0};
	bool		nulls[5] = {true, true, true, true, true};
	int			taken = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (slots != NULL)
	{
		for (int i = 0; i < oe_guc_max_databases; i++)
			taken += OidIsValid(slots[i].dboid);
		values[0] = Int32GetDatum(taken);
		values[1] = Int32GetDatum(oe_guc_max_databases);
		values[2] = Int32GetDatum((int32) oe_slots_refused());
		values[3] = Int32GetDatum(oe_guc_max_rules);
		values[4] = BoolGetDatum(mine != NULL && pg_atomic_read_u32(&mine->rules_full) != 0);
		memset(nulls, false, sizeof(nulls));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * _table_bytes(relid): size of its main fork; null where the table is locked or
 * gone.
 */
Datum
oe_sql_table_bytes(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	int64		bytes = -1;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		PG_RETURN_NULL();
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		bytes = DatumGetInt64(DirectFunctionCall2(pg_relation_size, ObjectIdGetDatum(relid),
												  CStringGetTextDatum("main")));
	UnlockRelationOid(relid, AccessShareLock);
	if (bytes < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(bytes);
}
