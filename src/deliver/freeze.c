/*
 * freeze.c
 *	  Has two subscriptions stand still while a backend changes their place.
 *
 * A worker keeps the place of a subscription in memory and writes it down now
 * and then, so a backend cannot change it beside a worker that works.  The two
 * talk through the database's slot in shared memory:
 *
 *	backend										worker
 *	_freeze(): names the subscriptions, waits	starts no requests of them
 *												their requests have ended: writes
 *												their place, forgets them, says so
 *	changes their rows in its transaction		leaves them alone
 *	the transaction ends: takes the names back	loads them from the tables
 *
 * A worker that starts meanwhile sees the names before it sends anything.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/proc.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/shmem.h"
#include "deliver/freeze.h"
#include "deliver/model/frozen.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/settle/settle.h"
#include "deliver/subscription/registry.h"

#define OE_LOOK_MS 100			/* how often a backend looks whether it may go
								 * on */

PG_FUNCTION_INFO_V1(oe_sql_freeze);

/* ---- worker ---- */

bool
oe_freeze_over(void)
{
	OeSlot	   *slot = oe_slot_mine(false);
	int			now[OE_FROZEN] = {0};
	bool		over;

	if (slot != NULL && pg_atomic_read_u32(&slot->freeze) != 0)
	{
		oe_slots_lock(false);
		memcpy(now, slot->freeze_subs, sizeof(now));
		oe_slots_unlock();
	}
	/* others may be frozen already */
	over = oe_frozen[0] != 0 && memcmp(now, oe_frozen, sizeof(now)) != 0;
	memcpy(oe_frozen, now, sizeof(now));
	return over;
}

/*
 * Stops what starts requests.  False if a subscription is not loaded yet, or has
 * requests under way.
 */
static bool
oe_freeze_still(void)
{
	bool		still = true;

	for (int i = 0; i < OE_FROZEN; i++)
	{
		OeSub	   *sub = oe_sub_find(oe_frozen[i]);

		if (sub == NULL)
			continue;
		sub->active = false;
		sub->dirty = true;
		still = still && sub->written_at != 0 && sub->requests == 0;
	}
	return still;
}

/*
 * Their memory is worth nothing once the backend has changed the tables.
 */
static void
oe_freeze_forget(void)
{
	for (int i = 0; i < OE_FROZEN; i++)
	{
		OeSub	   *sub = oe_sub_find(oe_frozen[i]);

		if (sub != NULL)
			oe_sub_free(sub);
	}
}

void
oe_freeze_step(void)
{
	OeSlot	   *slot = oe_slot_mine(false);
	bool		told;

	if (slot == NULL || pg_atomic_read_u32(&slot->freeze) == 0)
		return;
	if (oe_frozen[0] == 0)
		return;					/* from the next step on */
	oe_slots_lock(false);
	told = slot->frozen;
	oe_slots_unlock();
	if (!told)
	{
		if (!oe_freeze_still())
			return;
		oe_settle_commit();
		OE_FAULT("freeze-written");
	}
	oe_freeze_forget();
	oe_slots_lock(true);
	if (slot->freezer != NULL)
	{
		slot->frozen = true;
		SetLatch(&slot->freezer->procLatch);
	}
	oe_slots_unlock();
}

/* ---- backend ---- */

/*
 * The transaction has ended, well or not.
 */
static void
oe_freeze_end(void)
{
	OeSlot	   *slot = oe_slot_mine(false);
	bool		mine;

	if (slot == NULL || pg_atomic_read_u32(&slot->freeze) == 0)
		return;
	oe_slots_lock(true);
	mine = slot->freeze_pid == MyProcPid;
	if (mine)
	{
		slot->freeze_pid = 0;
		slot->freezer = NULL;
		slot->frozen = false;
		pg_atomic_write_u32(&slot->freeze, 0);
	}
	oe_slots_unlock();
	if (mine)
		oe_wake(MyDatabaseId, OE_WAKE_CONFIG);
}

static void
oe_freeze_xact(XactEvent event, void *arg)
{
	OeSlot	   *slot;

	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			slot = oe_slot_mine(false);
			if (slot != NULL && slot->freeze_pid == MyProcPid)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("a transaction that moves the place of a subscription cannot be prepared"),
						 errhint("Use: COMMIT;")));
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
			oe_freeze_end();
			break;
		default:
			break;
	}
}

static void
oe_freeze_begin(OeSlot *slot, int first, int second)
{
	static bool registered = false;
	int			by;

	if (!registered)
		RegisterXactCallback(oe_freeze_xact, NULL);
	registered = true;
	oe_slots_lock(true);
	/* over and back in one transaction: they stand still already */
	by = slot->freeze_pid == MyProcPid && slot->freeze_subs[0] + slot->freeze_subs[1] == first + second &&
		(slot->freeze_subs[0] == first || slot->freeze_subs[0] == second) ? 0 : slot->freeze_pid;
	if (slot->freeze_pid == 0)
	{
		slot->freeze_pid = MyProcPid;
		slot->freezer = MyProc;
		slot->freeze_subs[0] = first;
		slot->freeze_subs[1] = second;
		slot->frozen = false;
		pg_atomic_write_u32(&slot->freeze, 1);
	}
	oe_slots_unlock();
	if (by != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("process %d is moving the place of other subscriptions", by),
				 errdetail("A transaction moves the places of two subscriptions at most."),
				 errhint("SELECT * FROM pg_catalog.pg_stat_get_activity(%d);", by)));
}

/*
 * _freeze(first int4, second int4, patience int4): these subscriptions stand
 * still until the transaction ends.  False if their requests have not ended
 * within so many milliseconds.
 */
Datum
oe_sql_freeze(PG_FUNCTION_ARGS)
{
	OeSlot	   *slot = oe_slot_mine(false);
	int64		until = oe_mono() + (int64) PG_GETARG_INT32(2) * 1000;
	static uint32 event = 0;
	bool		still = slot == NULL;

	if (slot != NULL)
		oe_freeze_begin(slot, PG_GETARG_INT32(0), PG_GETARG_INT32(1));
	if (event == 0)
		event = oe_wait_event_new("OdooEventsFreeze");
	while (!still)
	{
		oe_slots_lock(false);
		/* whoever starts now looks here first */
		still = slot->frozen || slot->state != OE_WORKER_RUNNING;
		oe_slots_unlock();
		if (still || oe_mono() > until)
			break;
		oe_wake(MyDatabaseId, OE_WAKE_EVENTS);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, OE_LOOK_MS, event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_BOOL(still);
}
