/*
 * reader.c
 *	  The reader: one open decoding context on the database's own slot
 *	  (reader.h).
 *
 * A background worker.  Makes the slot if there is none, then decodes with the output
 * plugin, whose net changes come to callbacks here.  It opens no transaction; those
 * that decoding itself makes write nothing and are rolled back.  A commit wakes it.
 * Where its record is not flushed yet, the reader looks again in short intervals, else
 * once a second.  The slot's position is confirmed as far as the recorder's commits are
 * on disk, or, where it has nothing to write, as far as was read, so that it also moves
 * on in a quiet database.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "access/xlogreader.h"
#include "access/xlogutils.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/decode.h"
#include "replication/logical.h"
#include "replication/slot.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/oe.h"
#include "base/session.h"
#include "base/shmem.h"
#include "stream/stream.h"
#include "walreader/reader.h"

#define OE_CONFIRM_MS 1000
/* How long short intervals go on after a commit, until its record is on disk. */
#define OE_HURRY_MS 500
#define OE_HURRY_STEP_MS 5

typedef struct OeReader
{
	OeSlot	   *slot;
	OeReaderShared *shared;
	shm_mq_handle *queue;
	uint32		wait_event;
	LogicalDecodingContext *ctx;	/* NULL while the slot is being made */
	StringInfoData chunk;		/* records that are not sent yet */
	TransactionId begun;		/* transaction whose BEGIN is in chunk or
								 * sent, and whose COMMIT is not */
	XLogRecPtr	sent;			/* end of the last transaction that was sent */
	XLogRecPtr	confirmed;
	TimestampTz confirmed_at;
	XLogRecPtr	waiting;		/* position to be confirmed ... */
	XLogRecPtr	needed;			/* ... once the standbys have the WAL up to
								 * here */
	TimestampTz hurry_until;
} OeReader;

static OeReader oe_reader;

extern PGDLLEXPORT void oe_reader_main(Datum arg);

static void
oe_reader_detach(int code, Datum arg)
{
	oe_slots_lock(true);
	oe_reader.slot->reader_pid = 0;
	oe_reader.slot->reader = NULL;
	oe_reader.slot->reading = false;
	oe_slots_unlock();
}

/*
 * Sends the collected records to the recorder; waits while the queue is full.
 */
static void
oe_reader_send(void)
{
	OeReader   *r = &oe_reader;

	if (r->chunk.len == 0)
		return;
	if (shm_mq_send(r->queue, r->chunk.len, r->chunk.data, false, true) != SHM_MQ_SUCCESS)
		proc_exit(0);			/* the recorder has gone */
	resetStringInfo(&r->chunk);
}

/*
 * The full xid, with its epoch, of a recent transaction.
 */
static uint64
oe_full_xid(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch, xid));
}

static void
oe_reader_change(void *arg, ReorderBufferTXN *txn, OeTexts *t, bool compare)
{
	OeReader   *r = arg;
	OeRecChange c = {0};
	StringInfo	old = oe_texts_old(t);
	StringInfo	new = oe_texts_new(t);

	if (r->begun != txn->xid)
	{
		OeRecBegin	b = {0};

		b.kind = OE_REC_BEGIN;
		b.xid = oe_full_xid(txn->xid);
		b.committed_at = oe_commit_time(txn);
		appendBinaryStringInfo(&r->chunk, (char *) &b, sizeof(b));
		r->begun = txn->xid;
	}
	c.kind = OE_REC_CHANGE;
	c.op = t->op;
	c.compare = compare;
	c.partial = t->partial || t->unavailable.len > 0;
	c.relid = t->target->relid;
	c.record = t->id;
	strlcpy(c.rule, t->layout->rule, sizeof(c.rule));
	c.old_len = old ? old->len - t->reserve : -1;
	c.new_len = new ? new->len - t->reserve : -1;
	appendBinaryStringInfo(&r->chunk, (char *) &c, sizeof(c));
	if (old)
		appendBinaryStringInfo(&r->chunk, old->data + t->reserve, c.old_len);
	if (new)
		appendBinaryStringInfo(&r->chunk, new->data + t->reserve, c.new_len);
	if (r->chunk.len > OE_CHUNK_SIZE)
		oe_reader_send();
}

static void
oe_reader_commit(void *arg, ReorderBufferTXN *txn)
{
	OeReader   *r = arg;
	OeRecCommit c = {0};

	OE_FAULT("wal-decoded");
	c.kind = OE_REC_COMMIT;
	c.end = txn->end_lsn;
	appendBinaryStringInfo(&r->chunk, (char *) &c, sizeof(c));
	r->begun = InvalidTransactionId;
	r->sent = txn->end_lsn;
	if (r->chunk.len > OE_CHUNK_SIZE)
		oe_reader_send();
}

/*
 * Confirms the slot's position up to which nothing is needed any more.  Where the slot
 * is synchronized to standbys, they must first have the WAL of the journal rows that
 * were written: a promoted standby does not decode those changes again.
 */
static void
oe_reader_confirm(bool now)
{
	OeReader   *r = &oe_reader;
	XLogRecPtr	durable = pg_atomic_read_u64(&r->shared->durable);
	XLogRecPtr	upto = durable >= r->sent ? r->ctx->reader->EndRecPtr : durable;
	TimestampTz time;

	if (upto <= r->confirmed)
		return;
	time = GetCurrentTimestamp();
	if (!now && time < TimestampTzPlusMilliseconds(r->confirmed_at, OE_CONFIRM_MS))
		return;
	r->confirmed_at = time;
	if (r->waiting == InvalidXLogRecPtr)
	{
		r->waiting = upto;
		r->needed = GetFlushRecPtr(NULL);
	}
	if (!oe_standbys_have(r->needed))
		return;
	OE_FAULT("wal-confirm");
	LogicalConfirmReceivedLocation(r->waiting);
	r->confirmed = r->waiting;
	r->waiting = InvalidXLogRecPtr;
}

/*
 * Sleeps until there may be more WAL.
 */
static void
oe_reader_wait(void)
{
	OeReader   *r = &oe_reader;
	long		timeout = OE_CONFIRM_MS;
	int			events;

	if (r->ctx)
	{
		oe_reader_send();
		oe_reader_confirm(false);
	}
	if (r->hurry_until > GetCurrentTimestamp())
		timeout = OE_HURRY_STEP_MS;
	events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout, r->wait_event);
	if (events & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		r->hurry_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OE_HURRY_MS);
	}
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

static int
oe_reader_page(XLogReaderState *state, XLogRecPtr page, int len, XLogRecPtr target, char *buf)
{
	while (GetFlushRecPtr(NULL) < page + len)
		oe_reader_wait();
	return read_local_xlog_page(state, page, len, target, buf);
}

static bool
oe_reader_slot_exists(const char *name)
{
	ReplicationSlot *s = SearchNamedReplicationSlot(name, true);

	if (s == NULL)
		return false;
	if (s->data.database != MyDatabaseId || strcmp(NameStr(s->data.plugin), OE_EXTENSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("replication slot \"%s\" belongs to somebody else", name),
				 errhint("SELECT pg_drop_replication_slot('%s');", name)));
	return true;
}

/*
 * Makes the slot, which takes until all transactions that were running have ended.
 */
static void
oe_reader_make_slot(const char *name)
{
	LogicalDecodingContext *ctx;

	oe_replication_slot_create(name);
	ctx = oe_decoding_context_create(InvalidXLogRecPtr,
									 XL_ROUTINE(.page_read = oe_reader_page,
												.segment_open = wal_segment_open,
												.segment_close = wal_segment_close));
	DecodingContextFindStartpoint(ctx);
	FreeDecodingContext(ctx);
	ReplicationSlotPersist();
	ReplicationSlotRelease();
	ereport(LOG,
			(errmsg("replication slot \"%s\" was made for capture from the WAL", name)));
}

static void
oe_reader_loop(const char *name)
{
	OeReader   *r = &oe_reader;
	static OeStreamSink sink = {.change = oe_reader_change,.commit = oe_reader_commit};
	LogicalDecodingContext *ctx;
	uint64		n = 0;

	oe_replication_slot_acquire(name);
	ctx = CreateDecodingContext(r->shared->start,
								list_make1(makeDefElem("source", (Node *) makeString("tables"), -1)),
								false,
								XL_ROUTINE(.page_read = oe_reader_page,
										   .segment_open = wal_segment_open,
										   .segment_close = wal_segment_close),
								NULL, NULL, NULL);
	sink.arg = r;
	oe_stream_divert(ctx, &sink);
	XLogBeginRead(ctx->reader, MyReplicationSlot->data.restart_lsn);
	r->ctx = ctx;
	oe_slots_lock(true);
	r->slot->reading = true;
	oe_slots_unlock();
	pgstat_report_activity(STATE_RUNNING, "reading the WAL");
	for (;;)
	{
		char	   *error = NULL;
		XLogRecord *record = XLogReadRecord(ctx->reader, &error);

		if (record == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("could not read the WAL: %s", error ? error : "no record")));
		LogicalDecodingProcessRecord(ctx, ctx->reader);
		if (++n % 1024 == 0)
		{
			CHECK_FOR_INTERRUPTS();
			oe_reader_confirm(false);
		}
	}
}

static void
oe_reader_note_error(const char *message)
{
	oe_slot_note_reader_error(oe_reader.slot, message);
}

static void
oe_reader_setup(Datum arg)
{
	OeReader   *r = &oe_reader;
	Oid			ids[2];
	dsm_segment *seg;
	shm_mq	   *mq;

	memcpy(ids, MyBgworkerEntry->bgw_extra, sizeof(ids));
	r->slot = oe_slot_find(ids[0], false);
	if (r->slot == NULL)
		proc_exit(0);
	oe_slots_lock(true);
	if (r->slot->state == OE_WORKER_HELD || r->slot->reader_pid != 0)
	{
		oe_slots_unlock();
		proc_exit(1);
	}
	r->slot->reader_pid = MyProcPid;
	r->slot->reader = MyProc;
	oe_slots_unlock();
	before_shmem_exit(oe_reader_detach, (Datum) 0);
	oe_session_note_errors(oe_reader_note_error);
	BackgroundWorkerInitializeConnectionByOid(ids[0], ids[1], 0);
	seg = dsm_attach(DatumGetUInt32(arg));
	if (seg == NULL)
		proc_exit(0);
	r->shared = dsm_segment_address(seg);
	mq = (shm_mq *) ((char *) r->shared + MAXALIGN(sizeof(OeReaderShared)));
	shm_mq_set_sender(mq, MyProc);
	r->queue = shm_mq_attach(mq, seg, NULL);
	r->wait_event = oe_wait_event_new("OdooEventsReader");
	initStringInfo(&r->chunk);
	r->sent = r->shared->start;
}

void
oe_reader_main(Datum arg)
{
	char		name[NAMEDATALEN];

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	oe_reader_setup(arg);
	snprintf(name, sizeof(name), OE_WAL_NAME, MyDatabaseId);
	oe_check_decoding();
	if (!oe_reader_slot_exists(name))
	{
		pgstat_report_activity(STATE_RUNNING, "waiting for transactions to end before the slot is made");
		oe_reader_make_slot(name);
	}
	oe_reader_loop(name);
}
