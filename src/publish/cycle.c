/*
 * cycle.c
 *	  One cycle of publishing, and publish().
 *
 * Worker, or a backend that runs publish().  The publisher's lock belongs to a
 * transaction.  In a backend that is the caller's, so the lock is held until the
 * events are committed.  The worker's cycle consists of several transactions:
 * one reads the journal, as-owner transactions make the events, one writes
 * them.  It takes the lock for reading and again for writing, and discards its
 * work if the cursor has moved in between.
 *
 * A cycle is worked on in time slices of about 20 ms, so that delivery does not
 * wait for a large transaction.  Its stages:
 *
 * 	 read -> make (retry_unit.c: many slices) -> order -> freeze (many) -> write
 *
 * Nothing is stored before the one commit that writes everything: after a crash
 * or an error the cycle is repeated with the same result.
 */
#include "postgres.h"

#include "access/xact.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/session.h"
#include "base/shmem.h"
#include "base/span.h"
#include "base/type_stats.h"
#include "publish/catalog/catalog.h"
#include "publish/cycle.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/model/yield.h"
#include "publish/outbox/outbox.h"
#include "publish/phases.h"
#include "publish/render/envelope.h"
#include "publish/render/span.h"
#include "publish/retry_unit.h"
#include "publish/source/journal_batch.h"
#include "publish/source/quarantine.h"

#define OE_LOCK_WAIT_MS 5000
#define OE_LOCK_RETRY_MS 20
#define OE_PUBLISH_CHANGES 5000

/* Texts that are made in one time slice. */
#define OE_FREEZE_EVENTS 2000

/*
 * publish(max_changes int) -> events written.  Must be a transaction of its own:
 * within the caller's it would hold the publisher's lock, and an old snapshot
 * would not see new rows.
 */
PG_FUNCTION_INFO_V1(oe_sql_publish);

void		(*oe_published_hook) (void) = NULL;

static bool
oe_lock_publisher(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, OE_LOCK_PUBLISHER, OE_LOCK_CLASS);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Counts the written events for metrics(), and tells of them in the traces that
 * are followed.
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
			OeDraftEvent *ev = lfirst(lc);

			oe_metrics_published(&slot->metrics, ev->type, cy->now);
			if (oe_spans_on() && oe_traceparent_sampled(ev->change->traceparent))
				oe_published_span(cy, ev);
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
		oe_journal_batch_read(cy, max_changes, &cy->reading);
	}
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);
	if (ours && cy->ntx > 0)
		oe_retry_unit_add(cy, 0, cy->ntx - 1, 0, 0);
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
 * Makes the texts that are stored, as many as fit into a time slice; true when
 * all are made.
 */
static bool
oe_cycle_freeze(OeCycle *cy)
{
	for (int n = 0; cy->frozen_tx < cy->ntx; cy->frozen_tx++, cy->frozen = 0)
	{
		List	   *events = cy->tx[cy->frozen_tx].events;

		while (cy->frozen < list_length(events))
		{
			OeDraftEvent *ev = list_nth(events, cy->frozen);

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
 * Writes the events, unless somebody else has published since the journal was
 * read; returns whether it did.
 */
static bool
oe_cycle_write(OeCycle *cy, int64 *events)
{
	OeJournalBatch *r = &cy->reading;
	OeSession	s;
	bool		ours;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	ours = oe_lock_publisher() && oe_journal_batch_unmoved(r);
	if (ours)
		*events = oe_outbox_write(cy, r);
	oe_own_end(&s);
	OE_FAULT("publish-committed");
	if (ours)
	{
		oe_journal_batch_stored(r);
		oe_count_events(cy);
	}
	return ours;
}

/*
 * Works on the cycle for one time slice.  False if another process is
 * publishing.
 */
static bool
oe_cycle_time_slice(OeCycle *cy, int max_changes, OePublishResult *result)
{
	OeJournalBatch *r = &cy->reading;
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
			if (!oe_retry_units_make(cy, NULL))
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
 * The cycle that this process works on.  The worker's outlives a time slice; a
 * backend finishes its cycle at once.
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
oe_publish_time_slice(int max_changes, OePublishResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool ours = false;

	memset(result, 0, sizeof(*result));
	oe_publish_yielded();
	if (oe_current == NULL)
		oe_current = oe_cycle_begin();
	PG_TRY();
	{
		do
		{
			CHECK_FOR_INTERRUPTS();
			ours = oe_cycle_time_slice(oe_current, Max(max_changes, 1), result);
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
 * publish(max_changes int) -> events written.  Must be a transaction of its own:
 * within the caller's it would hold the publisher's lock, and an old snapshot
 * would not see new rows.
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
		if (!oe_publish_time_slice((int) Min(left, OE_PUBLISH_CHANGES), &result))
			elog(ERROR, "the publisher's lock was lost");
		events += result.events;
		left -= result.changes;
	} while (left > 0 && (result.more || result.changes > 0));
	if (oe_published_hook)
		oe_published_hook();
	if (events > 0)
		oe_wake_at_commit(OE_WAKE_EVENTS);
	PG_RETURN_INT64(events);
}
