/*
 * cycle.c
 *	  One cycle of publishing, and publish().
 *
 * Worker, or a backend that runs publish().  The publisher's lock belongs to
 * a transaction.  In a backend that is the caller's, so that it is held until
 * what was written is committed.  The worker's cycle is several transactions:
 * one that reads the journal, foreign ones that make events, one that writes
 * them.  It takes the lock for reading and again for writing, and throws its
 * work away if the cursor has moved in between.
 *
 * A cycle goes on in turns of about 20 ms, so that delivery does not wait for a
 * large transaction; its stages:
 *
 *	 read -> make (attempt.c: many turns) -> order -> freeze (many) -> write
 *
 * It is not on disk before it is written, all of it in one commit: a crash or an
 * error throws it away, and it is begun again with the same result.
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
#include "base/session.h"
#include "base/shmem.h"
#include "publish/internal.h"
#include "publish/publish.h"

#define OE_LOCK_WAIT_MS 5000
#define OE_LOCK_RETRY_MS 20
#define OE_PUBLISH_CHANGES 5000
/* Texts made per turn. */
#define OE_FREEZE_EVENTS 2000

/* How long others wait where a step cannot be broken off, about. */
#define OE_BREATH_MS OE_TUNED("breath-ms", 10)

void		(*oe_publish_breath) (void) = NULL;

static TimestampTz oe_breathed_at = 0;

PG_FUNCTION_INFO_V1(oe_sql_publish);

/*
 * Lets others go on if it is time to; answers whether it was.  Not in foreign
 * work.
 */
bool
oe_breathe(void)
{
	if (oe_publish_breath == NULL || !TimestampDifferenceExceeds(oe_breathed_at, GetCurrentTimestamp(), OE_BREATH_MS))
		return false;
	CHECK_FOR_INTERRUPTS();
	oe_publish_breath();
	oe_breathed_at = GetCurrentTimestamp();
	return true;
}

static bool
oe_lock_publisher(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, OE_LOCK_PUBLISHER, OE_LOCK_CLASS);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * For metrics(), once the events are written.
 */
static void
oe_count_events(OeCycle *cy)
{
	OeSlot	   *slot = oe_slot_mine(false);
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
 * Reads what is to be published.  False if another process is publishing.
 */
static bool
oe_cycle_read(OeCycle *cy, int max_changes)
{
	OeSession	s;
	bool		ours;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	ours = oe_lock_publisher();
	if (ours)
	{
		cy->reading.at = GetCurrentTimestamp();
		cy->cat = oe_catalog();
		oe_quarantine_load(cy, max_changes);
		oe_window_read(cy, max_changes, &cy->reading);
	}
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);
	if (ours && cy->ntx > 0)
		oe_attempt_add(cy, 0, cy->ntx - 1, 0, 0);
	return ours;
}

static void
oe_cycle_order(OeCycle *cy)
{
	for (int i = 0; i < cy->ntx; i++)
	{
		if (cy->tx[i].narrowed)
			cy->tx[i].events = cy->tx[i].good;
		oe_order_events(&cy->tx[i]);
	}
	/* between two transactions: what the events say of themselves is now */
	cy->now = GetCurrentTimestamp();
}

/*
 * Gives the events the texts that are stored, a turn's worth of them; true when
 * all have theirs.
 */
static bool
oe_cycle_freeze(OeCycle *cy)
{
	for (int n = 0; cy->frozen_tx < cy->ntx; cy->frozen_tx++, cy->frozen = 0)
	{
		List	   *events = cy->tx[cy->frozen_tx].events;

		while (cy->frozen < list_length(events))
		{
			OeEvent    *ev = list_nth(events, cy->frozen);

			if (n++ == OE_TUNED("freeze-events", OE_FREEZE_EVENTS))
				return false;
			ev->text = oe_event_text(cy, ev, cy->reading.cursor.last_position + ++cy->nfrozen);
			pfree(ev->data);
			cy->frozen++;
		}
	}
	return true;
}

/*
 * Writes what was made, unless somebody else has published since it was read;
 * answers whether it did.
 */
static bool
oe_cycle_write(OeCycle *cy, int64 *events)
{
	OeReading  *r = &cy->reading;
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
 * A turn: goes on with the cycle from where it stands.  False if another process
 * is publishing.
 */
static bool
oe_cycle_turn(OeCycle *cy, int max_changes, OePublishResult *result)
{
	OeReading  *r = &cy->reading;
	bool		ours = true;

	result->more = true;
	MemoryContextSwitchTo(cy->cxt);
	switch (cy->stage)
	{
		case OE_TO_READ:
			ours = oe_cycle_read(cy, max_changes);
			if (!ours || cy->ntx == 0)
				break;
			OE_FAULT("publish-read");
			cy->stage = OE_TO_MAKE;
			oe_fallthrough;
		case OE_TO_MAKE:
			if (!oe_make(cy, NULL))
				goto unfinished;
			cy->stage = OE_TO_ORDER;
			oe_fallthrough;
		case OE_TO_ORDER:
			oe_cycle_order(cy);
			cy->stage = OE_TO_FREEZE;
			oe_fallthrough;
		case OE_TO_FREEZE:
			if (!oe_cycle_freeze(cy))
				goto unfinished;
			OE_FAULT("publish-made");
			cy->stage = OE_TO_WRITE;
			oe_fallthrough;
		case OE_TO_WRITE:
			ours = oe_cycle_write(cy, &result->events);
			break;
		case OE_FINISHED:
			break;
	}
	cy->stage = OE_FINISHED;
	result->changes = r->rows;
	result->last_position = r->cursor.last_position;
	result->more = r->more || cy->more_requeued;
	result->open_transactions = r->open_transactions;
	result->published_until = r->at;
	return ours;

unfinished:
	result->last_position = r->read.last_position;
	result->open_transactions = r->open_transactions;
	return true;
}

/*
 * The cycle that this process is at.  The worker's outlives a turn; a backend,
 * which has nothing else to do, takes all turns of its cycle at once.
 */
static OeCycle *oe_current = NULL;

static OeCycle *
oe_cycle_begin(void)
{
	MemoryContext cxt = AllocSetContextCreate(oe_session_is_worker ? TopMemoryContext : CurrentMemoryContext,
											  "odoo_events publish", ALLOCSET_DEFAULT_SIZES);
	OeCycle    *cy = MemoryContextAllocZero(cxt, sizeof(OeCycle));

	cy->cxt = cxt;
	return cy;
}

static void
oe_cycle_end(void)
{
	MemoryContext cxt = oe_current->cxt;

	oe_current = NULL;
	MemoryContextDelete(cxt);
}

bool
oe_publish_underway(void)
{
	return oe_current != NULL;
}

bool
oe_publish_turn(int max_changes, OePublishResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool ours = false;

	memset(result, 0, sizeof(*result));
	oe_breathed_at = GetCurrentTimestamp();
	if (oe_current == NULL)
		oe_current = oe_cycle_begin();
	PG_TRY();
	{
		do
		{
			CHECK_FOR_INTERRUPTS();
			ours = oe_cycle_turn(oe_current, Max(max_changes, 1), result);
		} while (!oe_session_is_worker && oe_current->stage != OE_FINISHED);
		MemoryContextSwitchTo(caller);
		if (oe_current->stage == OE_FINISHED)
			oe_cycle_end();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		if (oe_current)
			oe_cycle_end();
		PG_RE_THROW();
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
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("publish() must run at isolation level read committed"),
				 errhint("SET default_transaction_isolation = 'read committed';")));
	oe_wait_for_lock();
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!oe_publish_turn((int) Min(left, OE_PUBLISH_CHANGES), &result))
			elog(ERROR, "the publisher's lock was lost");
		events += result.events;
		left -= result.changes;
	} while (left > 0 && (result.more || result.changes > 0));
	if (events > 0)
		oe_wake_at_commit(OE_WAKE_EVENTS);
	PG_RETURN_INT64(events);
}
