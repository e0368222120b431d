/*
 * cycle.c
 *	  One cycle of publishing, and publish().
 *
 * Worker, or a backend that runs publish().  The publisher's lock belongs to
 * a transaction.  In a backend that is the caller's, so that it is held until
 * what was written is committed.  The worker's cycle is three transactions
 * (the foreign one gives every lock of the session back): it takes the lock
 * for reading and again for writing, and throws its work away if the cursor
 * has moved in between.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "publish/internal.h"
#include "publish/publish.h"

/* Second key and class of the advisory-style lock; no SQL function uses the
 * class. */
#define OE_LOCK_KEY 0x6f65
#define OE_LOCK_CLASS 0x4f45

#define OE_LOCK_WAIT_MS 5000
#define OE_LOCK_RETRY_MS 20
#define OE_PUBLISH_CHANGES 5000

PG_FUNCTION_INFO_V1(oe_sql_publish);

static bool
oe_lock_publisher(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, OE_LOCK_KEY, OE_LOCK_CLASS);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * For metrics(), once the events are written.
 */
static void
oe_count_events(OeCycle *cy)
{
	OeSlot	   *slot = oe_slot_mine();
	ListCell   *lc;

	for (int i = 0; slot != NULL && i < cy->ntx; i++)
	{
		foreach(lc, cy->tx[i].events)
		{
			oe_metrics_published(&slot->metrics, ((OeEvent *) lfirst(lc))->type, cy->now);
		}
	}
}

/*
 * Writes what was made of "r", unless somebody else has published since it was
 * read; answers whether it did.
 */
static bool
oe_cycle_write(OeCycle *cy, OeReading *r, int64 *events)
{
	OeSession	s;
	bool		ours;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	ours = oe_lock_publisher() && oe_window_unmoved(r);
	if (ours)
		*events = oe_store(cy, r);
	oe_own_end(&s);
	OE_FAULT("publish-committed");
	if (ours)
	{
		oe_window_stored(r);
		oe_count_events(cy);
	}
	return ours;
}

/*
 * The three steps: read, make events, write.  False if another process is
 * publishing.
 */
static bool
oe_cycle(OeCycle *cy, int max_changes, OePublishResult *result)
{
	OeSession	s;
	OeReading	r = {0};
	bool		ours;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	ours = oe_lock_publisher();
	if (ours)
	{
		cy->now = GetCurrentTimestamp();
		cy->cat = oe_catalog();
		oe_quarantine_load(cy, max_changes);
		oe_window_read(cy, max_changes, &r);
	}
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);

	if (ours && cy->ntx > 0)
	{
		OE_FAULT("publish-read");
		if (oe_attempt(cy, 0, cy->ntx - 1, NULL) != NULL)
			oe_narrow(cy);
		OE_FAULT("publish-made");
		ours = oe_cycle_write(cy, &r, &result->events);
	}
	result->changes = r.rows;
	result->last_position = r.cursor.last_position;
	result->more = r.more || cy->more_requeued;
	result->open_transactions = r.open_transactions;
	result->published_until = cy->now;
	return ours;
}

bool
oe_publish_cycle(int max_changes, OePublishResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext cxt;
	volatile bool ours = false;

	memset(result, 0, sizeof(*result));
	cxt = AllocSetContextCreate(oe_session_is_worker ? TopMemoryContext : caller, "odoo_events publish", ALLOCSET_DEFAULT_SIZES);
	PG_TRY();
	{
		OeCycle    *cy = MemoryContextAllocZero(cxt, sizeof(OeCycle));

		cy->cxt = cxt;
		ours = oe_cycle(cy, Max(max_changes, 1), result);
	}
	PG_FINALLY();
	{
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(cxt);
	}
	PG_END_TRY();
	return ours;
}

/*
 * Waits for the publisher's lock for a while, interruptibly.
 */
static void
oe_wait_for_lock(void)
{
	TimestampTz start = GetCurrentTimestamp();

	while (!oe_lock_publisher())
	{
		if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), OE_LOCK_WAIT_MS))
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("another process is publishing in this database"),
					 errhint("The worker publishes by itself; try again where you want to be sure.")));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, OE_LOCK_RETRY_MS, oe_wait_event_new("OdooEventsPublisher"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * publish(max_changes int) -> events written.  It is a transaction of its own
 * as the worker's is: in a caller's it would hold the publisher's lock, and
 * with an old snapshot it would see nothing new.
 */
Datum
oe_sql_publish(PG_FUNCTION_ARGS)
{
	int64		left = PG_ARGISNULL(0) ? PG_INT64_MAX : PG_GETARG_INT32(0);
	int64		events = 0;
	OePublishResult result;

	if (left <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"max_changes\" must be greater than 0"),
				 errhint("Leave it out to publish everything.")));
	if (IsInTransactionBlock(true))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("publish() cannot run inside a transaction block"),
				 errhint("Commit first; then call it by itself.")));
	if (XactIsoLevel != XACT_READ_COMMITTED)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("publish() must run at isolation level read committed"),
				 errhint("SET default_transaction_isolation = 'read committed';")));
	oe_wait_for_lock();
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!oe_publish_cycle((int) Min(left, OE_PUBLISH_CHANGES), &result))
			elog(ERROR, "the publisher's lock was lost");
		events += result.events;
		left -= result.changes;
	} while (left > 0 && (result.more || result.changes > 0));
	if (events > 0)
		oe_wake_at_commit(OE_WAKE_EVENTS);
	PG_RETURN_INT64(events);
}
