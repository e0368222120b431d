/*
 * control.c
 *	  The worker's side of capture from the WAL: starts and ends the
 *	  recorder (reader.h).
 *
 * Worker, outside a transaction.  _wal_step() (schema/wal.sql) decides, in a trusted
 * transaction.  It may have to lock one of Odoo's tables, and waits for that 100 ms at
 * most, because others queue up behind it.  After each failure the time to the next
 * attempt doubles.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "replication/origin.h"
#include "replication/slot.h"
#include "storage/latch.h"
#include "storage/standby.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "base/bgworker.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/oe.h"
#include "base/session.h"
#include "base/shmem.h"
#include "walreader/reader.h"

/* Shortest and longest time between two attempts to lock a table. */
#define OE_BLOCKED_MIN_MS 200
#define OE_BLOCKED_MAX_MS 60000
/* How often tables are checked whose triggers or replica identity somebody may have
 * changed. */
#define OE_THOROUGH_MS 60000
/* How long the processes have to end after DROP EXTENSION. */
#define OE_FORGET_MS 10000
#define OE_FORGET_STEP_MS 10

PG_FUNCTION_INFO_V1(oe_sql_wal_flush);

static struct
{
	int32		turn;
	int			blocked_ms;		/* time to the next attempt; 0: the last one
								 * did not fail */
	TimestampTz attempt_next;
	TimestampTz thorough_next;
}			oe_control;

static BackgroundWorkerHandle *oe_recorder = NULL;
static TimestampTz oe_recorder_next = 0;

static void
oe_recorder_start(void)
{
	BackgroundWorker worker;
	Oid			user = GetSessionUserId();
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	oe_bgworker_init(&worker, "recorder", "oe_recorder_main", MyDatabaseId, oe_session_database);
	memcpy(worker.bgw_extra, &user, sizeof(Oid));
	if (!RegisterDynamicBackgroundWorker(&worker, &oe_recorder))
	{
		oe_recorder = NULL;
		oe_recorder_next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), oe_guc_restart_delay);
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker is free for capture from the WAL in database \"%s\"", oe_session_database),
				 errhint("Raise max_worker_processes.")));
	}
	MemoryContextSwitchTo(old);
}

/*
 * Starts the pair or ends it.  After a failure it is started again when
 * odoo_events.restart_delay has passed.
 */
static void
oe_reader_control(bool wanted)
{
	pid_t		pid;

	if (oe_recorder && GetBackgroundWorkerPid(oe_recorder, &pid) == BGWH_STOPPED)
	{
		pfree(oe_recorder);
		oe_recorder = NULL;
		oe_recorder_next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), oe_guc_restart_delay);
	}
	if (!wanted)
		oe_reader_stop();
	else if (oe_recorder == NULL && oe_recorder_next <= GetCurrentTimestamp())
		oe_recorder_start();
}

int
oe_reader_step(bool armed)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {BOOLOID, INT4OID, BOOLOID};
	TimestampTz now = GetCurrentTimestamp();
	bool		attempt = oe_control.attempt_next <= now;
	bool		thorough = oe_control.thorough_next <= now;
	Datum		values[3] = {BoolGetDatum(armed), Int32GetDatum(oe_control.turn), BoolGetDatum(thorough)};
	char		nulls[4] = {' ', attempt ? ' ' : 'n', ' ', '\0'};
	OeSession	s;
	Datum		row[4];
	bool		isnull[4];
	int			again;

	oe_own_begin(&s);
	(void) oe_spi(&plan, "SELECT run, again, progress, blocked FROM odoo_events._wal_step($1, $2, $3)",
				  3, types, values, nulls, false, 1);
	for (int i = 0; i < 4; i++)
		row[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &isnull[i]);
	oe_own_end(&s);

	again = isnull[1] ? 0 : DatumGetInt32(row[1]);
	if (attempt)
	{
		bool		progress = DatumGetBool(row[2]);

		oe_control.turn = (oe_control.turn + 1) & 0xFFFF;
		oe_control.blocked_ms = !DatumGetBool(row[3]) ? 0 :
			Min(Max(oe_control.blocked_ms * 2, OE_BLOCKED_MIN_MS), OE_BLOCKED_MAX_MS);
		oe_control.attempt_next = TimestampTzPlusMilliseconds(now, oe_control.blocked_ms);
		if (thorough && !progress)
			oe_control.thorough_next = TimestampTzPlusMilliseconds(now, OE_THOROUGH_MS);
		if (progress)
			again = 1;
	}
	oe_reader_control(DatumGetBool(row[0]));
	return again;
}

/*
 * Drops slot and origin, which nobody would drop after the extension is gone.
 */
static void
oe_reader_drop(void)
{
	char		name[NAMEDATALEN];
	ReplicationSlot *slot;

	snprintf(name, sizeof(name), OE_WAL_NAME, MyDatabaseId);
	slot = SearchNamedReplicationSlot(name, true);
	if (slot == NULL || slot->data.database != MyDatabaseId || strcmp(NameStr(slot->data.plugin), OE_EXTENSION) != 0)
		return;
	StartTransactionCommand();
	replorigin_drop_by_name(name, true, true);
	CommitTransactionCommand();
	ReplicationSlotDrop(name, true);
	ereport(LOG,
			(errmsg("replication slot \"%s\" was dropped with the extension", name)));
}

void
oe_reader_forget(void)
{
	OeSlot	   *slot = oe_slot_mine(false);
	OeExtension ext;
	bool		here;

	StartTransactionCommand();
	here = oe_extension_lookup(&ext);
	CommitTransactionCommand();
	if (here || slot == NULL)
		return;
	oe_reader_stop();
	for (int ms = 0; ms < OE_FORGET_MS; ms += OE_FORGET_STEP_MS)
	{
		bool		gone;

		oe_slots_lock(false);
		gone = slot->recorder_pid == 0 && slot->reader_pid == 0;
		oe_slots_unlock();
		if (gone)
		{
			oe_reader_drop();
			return;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 OE_FORGET_STEP_MS, oe_wait_event_new("OdooEventsHold"));
		ResetLatch(MyLatch);
	}
}

void
oe_reader_stop(void)
{
	if (oe_recorder)
		TerminateBackgroundWorker(oe_recorder);
}

/*
 * _wal_flush(): flushes the WAL, so that the reader finds everything that is
 * committed by now, asynchronous commits included.
 */
Datum
oe_sql_wal_flush(PG_FUNCTION_ARGS)
{
	XLogRecPtr	end = LogStandbySnapshot();

	XLogFlush(end);
	PG_RETURN_LSN(end);
}
