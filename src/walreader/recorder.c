/*
 * recorder.c
 *	  The recorder: writes to the journal what the reader decodes (reader.h).
 *
 * A background worker, connected as the database's owner.  Writes each of Odoo's
 * transactions in one trusted transaction.  That is the only trusted transaction that
 * may wait: for the rest of a large transaction that the reader is sending.  Commits
 * are asynchronous.  The publisher's commit flushes them before anybody can see an
 * event of them, and the slot moves on only as far as they are on disk.  Runs no code
 * of the database.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/origin.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/bgworker.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/oe.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "base/shmem.h"
#include "capture/journal.h"
#include "walreader/reader.h"

#define OE_FLUSH_MS 200
#define OE_PREDECESSOR_MS 10

typedef struct OeRecorder
{
	OeSlot	   *slot;
	OeReaderShared *shared;
	shm_mq_handle *queue;
	BackgroundWorkerHandle *reader;
	uint32		wait_event;
	OeOriginId	origin;
	MemoryContext tx_cxt;		/* reset after each transaction */
	/* the transaction that is being written */
	bool		open;
	OeSession	session;
	OeRecBegin	begin;
	OeJournal  *journal;		/* NULL: no row yet */
	StringInfoData text[2];
	bool		draining;		/* its rows get ids before those of triggers */
	/* the latest commit, which is perhaps not on disk */
	XLogRecPtr	written;
	XLogRecPtr	commit_end;
	TimestampTz flush_at;
} OeRecorder;

static OeRecorder oe_recorder;

extern PGDLLEXPORT void oe_recorder_main(Datum arg);

static void
oe_recorder_detach(int code, Datum arg)
{
	oe_slots_lock(true);
	oe_recorder.slot->recorder_pid = 0;
	oe_slots_unlock();
	if (oe_recorder.reader)
		TerminateBackgroundWorker(oe_recorder.reader);
}

/*
 * Capture may have been switched from the WAL to triggers while a part of the WAL was
 * not read yet ("draining").  Changes in that part come before those that triggers have
 * captured since, and get journal ids that were left free for them.  Returns the next
 * of these ids, 0 where capture was not switched.  Where a gap was written instead,
 * because the reader was too slow, changes from the WAL are not wanted any more.
 */
static int64
oe_drain_next_id(void)
{
	static SPIPlanPtr plan = NULL;
	bool		isnull;
	int64		id;

	(void) oe_spi(&plan, "SELECT odoo_events._wal_drain_id()", 0, NULL, NULL, NULL, false, 1);
	id = DatumGetInt64(oe_cell(SPI_tuptable, 0, 1, &isnull));
	if (isnull)
		return 0;
	if (id == 0)
		proc_exit(0);
	return id;
}

static void
oe_record_begin(const OeRecBegin *begin)
{
	OeRecorder *r = &oe_recorder;

	oe_own_begin(&r->session);
	r->begin = *begin;
	r->journal = NULL;
	r->open = true;
	oe_xact_origin = r->origin;
	pgstat_report_activity(STATE_RUNNING, "recording a transaction");
}

/*
 * Keeps a change of a table that triggers capture too, for the comparison of both.
 */
static void
oe_record_compared(const OeRecChange *c, const char *old, const char *new)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {XID8OID, TEXTOID, INT8OID, CHAROID, TEXTOID, TEXTOID};
	Datum		values[6];
	char		nulls[7] = "      ";

	values[0] = FullTransactionIdGetDatum(FullTransactionIdFromU64(oe_recorder.begin.xid));
	values[1] = CStringGetTextDatum(c->rule);
	values[2] = Int64GetDatum(c->record);
	values[3] = CharGetDatum(c->op);
	values[4] = c->old_len < 0 ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(old, c->old_len));
	nulls[4] = c->old_len < 0 ? 'n' : ' ';
	values[5] = c->new_len < 0 ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(new, c->new_len));
	nulls[5] = c->new_len < 0 ? 'n' : ' ';
	(void) oe_spi(&plan, "INSERT INTO odoo_events.wal_change (xid, rule, record_id, op, digest)"
				  " VALUES ($1, $2, $3, $4, odoo_events._change_digest($5, $6))"
	/* "id" of a DBA's own table may not be unique */
				  " ON CONFLICT ON CONSTRAINT wal_change_pkey DO NOTHING",
				  6, types, values, nulls, false, 0);
}

/*
 * Writes a gap for a change whose old row the WAL does not have, because somebody took
 * REPLICA IDENTITY FULL away from the table.
 */
static void
oe_record_gap(const OeRecChange *c)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {XID8OID, TEXTOID, OIDOID, TIMESTAMPTZOID};
	Datum		values[4];

	values[0] = FullTransactionIdGetDatum(FullTransactionIdFromU64(oe_recorder.begin.xid));
	values[1] = CStringGetTextDatum(c->rule);
	values[2] = ObjectIdGetDatum(c->relid);
	values[3] = TimestampTzGetDatum(oe_recorder.begin.committed_at);
	(void) oe_spi(&plan, "INSERT INTO odoo_events.capture_gap AS g (xid, rule, relid, at, changes, reason)"
				  " VALUES ($1, $2, $3, $4, 1, 'the WAL does not give the row as it was: the table is not REPLICA IDENTITY FULL')"
				  " ON CONFLICT ON CONSTRAINT capture_gap_pkey DO UPDATE SET changes = g.changes + 1",
				  4, types, values, NULL, false, 0);
}

/*
 * Copies the text of a change behind room for a varlena header; NULL for none.
 */
static StringInfo
oe_record_text(StringInfo buf, const char *text, int len)
{
	if (len < 0)
		return NULL;
	resetStringInfo(buf);
	enlargeStringInfo(buf, VARHDRSZ + len);
	memcpy(buf->data + VARHDRSZ, text, len);
	buf->len = VARHDRSZ + len;
	return buf;
}

static void
oe_record_change(const OeRecChange *c, const char *old, const char *new)
{
	OeRecorder *r = &oe_recorder;
	OeRuleStats *stats;

	if (c->compare)
	{
		oe_record_compared(c, old, new);
		return;
	}
	if (c->partial)
	{
		oe_record_gap(c);
		return;
	}
	if (r->journal == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(r->tx_cxt);

		r->journal = palloc0(sizeof(OeJournal));
		r->journal->source_xid = r->begin.xid;
		r->journal->at = r->begin.committed_at;
		r->journal->next_id = oe_drain_next_id();
		r->draining = r->journal->next_id != 0;
		MemoryContextSwitchTo(r->tx_cxt);
		oe_journal_begin(r->journal);
		MemoryContextSwitchTo(caller);
	}
	stats = oe_rule_stats(r->slot, c->rule);
	oe_journal_row(r->journal, c->rule, c->relid, c->op, c->record,
				   oe_record_text(&r->text[0], old, c->old_len),
				   oe_record_text(&r->text[1], new, c->new_len));
	if (stats)
	{
		pg_atomic_fetch_add_u64(&stats->captured, 1);
		pg_atomic_write_u64(&stats->last_change_at, (uint64) r->begin.committed_at);
	}
}

/*
 * While draining: stores which id is the next free one.
 */
static void
oe_drain_used(int64 next)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {INT8OID};
	Datum		values[1];

	values[0] = Int64GetDatum(next);
	(void) oe_spi(&plan, "UPDATE odoo_events.wal_drain_id SET next_id = $1", 1, types, values, NULL, false, 0);
}

static void
oe_record_commit(const OeRecCommit *c)
{
	OeRecorder *r = &oe_recorder;

	if (r->journal)
	{
		oe_journal_end(r->journal);
		if (r->draining)
			oe_drain_used(r->journal->next_id);
		oe_wake_at_commit(OE_WAKE_CHANGES);
	}
	OE_FAULT("wal-written");
	oe_xact_origin_lsn = c->end;
	oe_xact_origin_time = r->begin.committed_at;
	oe_own_end(&r->session);
	OE_FAULT("wal-recorded");
	oe_xact_origin = OE_NO_ORIGIN;
	r->open = false;
	r->written = c->end;
	r->commit_end = XactLastCommitEnd;
	if (r->flush_at == 0)
		r->flush_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OE_FLUSH_MS);
	MemoryContextReset(r->tx_cxt);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * Handles one message, which has unaligned records one after another.
 */
static void
oe_recorder_message(const char *data, Size len)
{
	const char *end = data + len;

	while (data < end)
	{
		OeRecBegin	begin;
		OeRecChange change;
		OeRecCommit commit;

		switch (*data)
		{
			case OE_REC_BEGIN:
				memcpy(&begin, data, sizeof(begin));
				data += sizeof(begin);
				oe_record_begin(&begin);
				break;
			case OE_REC_CHANGE:
				memcpy(&change, data, sizeof(change));
				data += sizeof(change);
				oe_record_change(&change, data, data + Max(change.old_len, 0));
				data += Max(change.old_len, 0) + Max(change.new_len, 0);
				break;
			case OE_REC_COMMIT:
				memcpy(&commit, data, sizeof(commit));
				data += sizeof(commit);
				oe_record_commit(&commit);
				break;
			default:
				elog(ERROR, "a message of the reader cannot be understood");
		}
	}
}

/*
 * Tells the reader, from time to time, up to which position the journal is on disk.
 */
static void
oe_recorder_flush(bool idle)
{
	OeRecorder *r = &oe_recorder;

	if (r->flush_at == 0 || (!idle && r->flush_at > GetCurrentTimestamp()))
		return;
	XLogFlush(r->commit_end);
	pg_atomic_write_u64(&r->shared->durable, r->written);
	r->flush_at = 0;
}

static void
oe_recorder_loop(void)
{
	OeRecorder *r = &oe_recorder;

	for (;;)
	{
		Size		len;
		void	   *data;
		shm_mq_result result = shm_mq_receive(r->queue, &len, &data, true);

		CHECK_FOR_INTERRUPTS();
		if (result == SHM_MQ_DETACHED)
			proc_exit(1);		/* the reader has logged the reason */
		if (result == SHM_MQ_SUCCESS)
		{
			oe_recorder_message(data, len);
			if (!r->open)
				oe_recorder_flush(false);
			continue;
		}
		if (!r->open && r->flush_at != 0 && r->flush_at <= GetCurrentTimestamp())
			oe_recorder_flush(true);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 r->flush_at != 0 ? OE_FLUSH_MS : 60000L, r->wait_event);
		ResetLatch(MyLatch);
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
}

/*
 * The replication origin whose progress says up to where the journal is written; made
 * at the first time.  Also drops the origins of databases that do not exist any more,
 * because DROP DATABASE leaves them.
 */
static XLogRecPtr
oe_recorder_origin(void)
{
	OeSession	session;
	char		name[NAMEDATALEN];

	snprintf(name, sizeof(name), OE_WAL_NAME, MyDatabaseId);
	oe_own_begin(&session);
	(void) oe_spi(NULL, "SELECT odoo_events._wal_drop_origins(false)", 0, NULL, NULL, NULL, false, 0);
	oe_recorder.origin = replorigin_by_name(name, true);
	if (oe_recorder.origin == OE_NO_ORIGIN)
		oe_recorder.origin = replorigin_create(name);
	oe_own_end(&session);
	oe_origin_session_setup(oe_recorder.origin);
	return replorigin_session_get_progress(true);
}

/*
 * Enters this process into the slot in shared memory; waits until a former recorder
 * and reader have ended.
 */
static void
oe_recorder_claim(Oid dboid)
{
	OeRecorder *r = &oe_recorder;

	for (;;)
	{
		bool		held;
		bool		taken;

		oe_slots_lock(true);
		held = r->slot->dboid != dboid || r->slot->state == OE_WORKER_HELD;
		taken = r->slot->recorder_pid != 0 || r->slot->reader_pid != 0;
		if (!held && !taken)
			r->slot->recorder_pid = MyProcPid;
		oe_slots_unlock();
		if (held)
			proc_exit(0);
		if (!taken)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 OE_PREDECESSOR_MS, r->wait_event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
oe_recorder_start_reader(Oid user, XLogRecPtr start)
{
	OeRecorder *r = &oe_recorder;
	BackgroundWorker worker;
	Oid			ids[2] = {MyDatabaseId, user};
	Size		offset = MAXALIGN(sizeof(OeReaderShared));
	dsm_segment *seg = dsm_create(offset + OE_QUEUE_SIZE, 0);
	shm_mq	   *mq;

	r->shared = dsm_segment_address(seg);
	r->shared->start = start;
	pg_atomic_init_u64(&r->shared->durable, start);
	mq = shm_mq_create((char *) r->shared + offset, OE_QUEUE_SIZE);
	shm_mq_set_receiver(mq, MyProc);

	oe_bgworker_init(&worker, "reader", "oe_reader_main", MyDatabaseId, oe_session_database);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(seg));
	memcpy(worker.bgw_extra, ids, sizeof(ids));
	if (!RegisterDynamicBackgroundWorker(&worker, &r->reader))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker is free for the reader of the WAL"),
				 errhint("Raise max_worker_processes.")));
	r->queue = shm_mq_attach(mq, seg, r->reader);
}

static void
oe_recorder_note_error(const char *message)
{
	oe_slot_note_reader_error(oe_recorder.slot, message);
}

void
oe_recorder_main(Datum arg)
{
	OeRecorder *r = &oe_recorder;
	Oid			dboid = DatumGetObjectId(arg);
	Oid			user;

	memcpy(&user, MyBgworkerEntry->bgw_extra, sizeof(Oid));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	r->wait_event = oe_wait_event_new("OdooEventsRecorder");
	r->slot = oe_slot_find(dboid, false);
	if (r->slot == NULL)
		proc_exit(0);
	oe_recorder_claim(dboid);
	before_shmem_exit(oe_recorder_detach, (Datum) 0);
	oe_session_note_errors(oe_recorder_note_error);
	BackgroundWorkerInitializeConnectionByOid(dboid, user, 0);
	oe_session_is_worker = true;
	oe_session_reset_settings();
	(void) set_config_option("synchronous_commit", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	r->tx_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events recorded transaction", ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&r->text[0]);
	initStringInfo(&r->text[1]);
	oe_recorder_start_reader(user, oe_recorder_origin());
	oe_recorder_loop();
}
