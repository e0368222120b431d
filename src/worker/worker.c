/*
 * worker.c
 *	  The worker of one database: when things run, not how.
 *
 * One background process per database, connected as the database's owner.  Its
 * loop: publish what was committed, take a step of delivery, let curl work,
 * wait for {latch, curl's descriptor, postmaster death}.  No transaction and no
 * lock of ours is held while it waits.  A failing step is rolled back, logged,
 * and repeated after 1 s, doubling to 1 min; publishing and delivery each by
 * themselves.
 *
 * SIGTERM cancels what runs in a transaction at once; otherwise the loop
 * commits the results so far and ends.  It never waits for an endpoint.
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/oe.h"
#include "base/session.h"
#include "base/shmem.h"
#include "base/watch.h"
#include "capture/gap.h"
#include "capture/reattach.h"
#include "deliver/deliver.h"
#include "deliver/settle/overrun.h"
#include "deliver/settle/rotation.h"
#include "deliver/settle/settle.h"
#include "deliver/transport/http/peer.h"
#include "process/reader.h"
#include "publish/cycle.h"
#include "publish/model/yield.h"
#include "publish/outbox/rotation.h"
#include "publish/retry_unit.h"
#include "publish/tools/backfill.h"
#include "seal/seal.h"
#include "telemetry/otlp.h"
#include "walreader/reader.h"
#include "worker/presence.h"
#include "worker/sample.h"
#include "worker/worker.h"

/* Journal rows per cycle: few, so that HTTP does not wait long. */
#define OE_PUBLISH_BATCH 500
/* While a transaction older than our snapshot is still running. */
#define OE_OPEN_RECHECK_MS 1000
/* While another process publishes. */
#define OE_BUSY_RECHECK_MS 50
#define OE_MAINTAIN_MS OE_TUNED("maintain-ms", 10000)
#define OE_ARMING_MS OE_TUNED("arming-ms", 5000)
#define OE_BACKOFF_MIN_MS OE_TUNED("backoff-ms", 1000)
#define OE_BACKOFF_MAX_MS 60000

/* A step that can fail: when it may be tried again, and how long to wait then. */
typedef struct OeWorkerStep
{
	const char *name;
	TimestampTz not_before;
	int			backoff_ms;
} OeWorkerStep;

typedef struct OeWorker
{
	OeSlot	   *slot;
	MemoryContext cycle_cxt;
	WaitEventSet *wait_set;
	uint32		wait_event;
	OeWorkerStep publish;
	OeWorkerStep backfill;
	OeWorkerStep deliver;
	OeWorkerStep maintain;
	OeWorkerStep reader;
	OeWorkerStep process;
	OeWorkerStep seal;
	bool		want_publish;	/* something may be in the journal, or is in a
								 * request */
	bool		woken;			/* since the cycle that is in a request read
								 * it */
	bool		want_backfill;	/* a job may be running */
	bool		asked;			/* what its last step asks for is not
								 * published */
	TimestampTz publish_again;	/* without a reason by then; 0: not at all */
	bool		reload_deliver;
	bool		worked;			/* since the rings were last looked at */
	int64		last_position;
	bool		armed;
	TimestampTz armed_checked;
	TimestampTz maintained;
	TimestampTz reader_next;	/* 0: nothing is captured from the WAL */
} OeWorker;

static OeWorker oe_me;
static volatile sig_atomic_t oe_interruptible = false;

extern PGDLLEXPORT void oe_worker_main(Datum arg);

/*
 * SIGTERM: whoever waits or is between steps leaves the loop in order; a step
 * inside a transaction is broken off like any backend's statement.
 */
static void
oe_worker_sigterm(SIGNAL_ARGS)
{
	int			save_errno = errno;

	ShutdownRequestPending = true;
	if (oe_interruptible)
		oe_die();
	SetLatch(MyLatch);
	errno = save_errno;
}

/*
 * Is this an error that may be over in a moment, so that it is only logged if
 * it comes again?  DROP EXTENSION in another session is one: the worker leaves
 * once that is committed.
 */
static bool
oe_step_silent(const OeWorkerStep *step, const ErrorData *err)
{
	return err->sqlerrcode == ERRCODE_OBJECT_IN_USE && step->backoff_ms == 0;
}

/*
 * After an error: rolls back, logs, notes, and says when to try again.  Where
 * the extension is gone that is no error, but the reason to leave.
 */
static void
oe_step_failed(OeWorkerStep *step)
{
	ErrorData  *err;
	const char *message;
	bool		here;

	HOLD_INTERRUPTS();
	oe_watch_off(false);
	MemoryContextSwitchTo(oe_me.cycle_cxt);
	err = CopyErrorData();
	AbortCurrentTransaction();
	here = oe_worker_belongs_here();
	MemoryContextSwitchTo(oe_me.cycle_cxt);
	message = oe_session_aborted(err->sqlerrcode);
	if (here && !oe_step_silent(step, err))
		EmitErrorReport();
	FlushErrorState();

	step->backoff_ms = step->backoff_ms == 0 ? OE_BACKOFF_MIN_MS :
		Min(step->backoff_ms * 2, OE_BACKOFF_MAX_MS);
	step->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), step->backoff_ms);
	oe_slots_lock(true);
	snprintf(oe_me.slot->last_error, sizeof(oe_me.slot->last_error), "%s: %s",
			 step->name, message ? message : err->message);
	oe_me.slot->last_error_at = GetCurrentTimestamp();
	oe_slots_unlock();
	RESUME_INTERRUPTS();

	if (!here)
		oe_worker_leave();
}

static bool
oe_step_due(OeWorkerStep *step)
{
	return step->not_before == 0 || step->not_before <= GetCurrentTimestamp();
}

static void
oe_step_succeeded(OeWorkerStep *step)
{
	step->not_before = 0;
	step->backoff_ms = 0;
}

/*
 * Runs "body" as a step that may fail.
 */
static void
oe_step(OeWorkerStep *step, void (*body) (void))
{
	if (!oe_step_due(step))
		return;
	PG_TRY();
	{
		oe_worker_activity(step->name);
		oe_interruptible = true;
		body();
		oe_interruptible = false;
		oe_step_succeeded(step);
	}
	PG_CATCH();
	{
		oe_interruptible = false;
		oe_step_failed(step);
	}
	PG_END_TRY();
	Assert(!IsTransactionState());
	CHECK_FOR_INTERRUPTS();
	MemoryContextSwitchTo(oe_me.cycle_cxt);
}

static void
oe_publish_body(void)
{
	OePublishResult result;

	memset(&result, 0, sizeof(result));
	if (!oe_publish_underway())
		oe_me.woken = false;
	if (!oe_publish_time_slice(OE_PUBLISH_BATCH, &result))
	{
		/* somebody runs publish(): its commit will wake us */
		oe_me.want_publish = false;
		oe_me.publish_again = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OE_BUSY_RECHECK_MS);
		return;
	}
	oe_me.want_publish = result.more || oe_me.woken;
	oe_me.asked = oe_me.asked && oe_me.want_publish;
	oe_me.publish_again = result.open_transactions ? TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OE_OPEN_RECHECK_MS) : 0;
	oe_me.last_position = result.last_position;
	if (result.changes > 0)
		oe_me.worked = true;
	oe_slots_lock(true);
	if (!result.more)
		oe_me.slot->published_until = result.published_until;
	oe_slots_unlock();
}

/*
 * A step of the backfill.  Its snapshots are published before the next one.
 */
static void
oe_backfill_body(void)
{
	oe_me.want_backfill = oe_backfill_step(oe_pace_begin());
	if (!oe_me.want_backfill)
		oe_pace_end();
	oe_me.asked = oe_me.want_publish = true;
}

/*
 * A copy must not send: looked at before the first and every few seconds
 * while there is something to send.
 */
static void
oe_check_arming(void)
{
	TimestampTz now = GetCurrentTimestamp();
	char		reason[128];
	bool		armed;

	if (oe_me.armed_checked != 0 && !oe_me.reload_deliver &&
		now < TimestampTzPlusMilliseconds(oe_me.armed_checked, OE_ARMING_MS))
		return;
	armed = oe_arming_check(reason, sizeof(reason));
	if (oe_me.armed_checked == 0 || armed != oe_me.armed)
		ereport(LOG,
				(errmsg(armed ? "odoo_events delivers from database \"%s\"" :
						"odoo_events does not deliver from database \"%s\": %s",
						oe_session_database, reason)));
	oe_slots_lock(true);
	strlcpy(oe_me.slot->unarmed, armed ? "" : reason, sizeof(oe_me.slot->unarmed));
	oe_slots_unlock();
	oe_me.armed = armed;
	oe_me.armed_checked = now;
}

static void
oe_deliver_body(void)
{
	bool		reload = oe_me.reload_deliver;

	if (reload && oe_erasure_came())
	{
		ShutdownRequestPending = true;
		return;
	}
	oe_check_arming();
	oe_deliver_step(reload, oe_me.armed, oe_me.last_position);
	oe_me.reload_deliver = false;
	oe_peers_write();
	/* rings fill by delivering alone, too */
	if (oe_deliver_worked())
		oe_me.worked = true;
}

static void
oe_maintain_body(void)
{
	int64		overflow;

	oe_gaps_note_late();
	oe_seal_look();
	if (oe_me.armed)
		oe_capture_reattach();
	oe_slow_conditions_disable();
	oe_deliver_maintain();
	if (oe_guc_on_full == OE_FULL_DROP && (overflow = oe_publish_overflow(oe_deliver_low_water())) > 0)
	{
		oe_deliver_overrun(overflow);
		oe_reader_overrun(overflow);
		oe_seal_overrun(overflow);
	}
	oe_publish_maintain(oe_deliver_low_water());
	oe_reader_maintain();
	oe_me.maintained = GetCurrentTimestamp();
	oe_me.worked = false;
}

static void
oe_process_body(void)
{
	(void) oe_reader_slice(oe_me.want_publish);
}

static void
oe_reader_body(void)
{
	int			again = oe_reader_step(oe_me.armed);

	oe_me.reader_next = again == 0 ? 0 : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), again);
}

static bool
oe_maintain_due(void)
{
	TimestampTz now = GetCurrentTimestamp();
	int			every = oe_me.worked ? OE_MAINTAIN_MS : OE_MAINTAIN_MS * 30;

	return now >= TimestampTzPlusMilliseconds(oe_me.maintained, every);
}

/*
 * Takes the reasons we were woken for.
 */
static void
oe_take_wakes(void)
{
	uint32		wakes = pg_atomic_fetch_and_u32(&oe_me.slot->wakes, OE_WAKE_REGISTER);

	if (wakes & OE_WAKE_CHANGES)
		oe_me.worked = true;	/* a loss may be to be noted */
	/* of events it learns the last position */
	if (wakes & (OE_WAKE_CHANGES | OE_WAKE_EVENTS | OE_WAKE_CONFIG))
		oe_me.want_publish = oe_me.woken = true;
	if (wakes & OE_WAKE_CONFIG)
	{
		oe_me.reload_deliver = true;
		oe_reader_reload();
		oe_me.want_backfill = true;
		oe_me.reader_next = 1;
	}
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		oe_me.reload_deliver = true;
	}
}

/*
 * Where the clock was set, the worker's own times are moved along with it, so
 * that nothing waits longer for that.
 */
static void
oe_follow_clock(void)
{
	static int64 seen = 0;
	int64		by = oe_clock_set() - seen;
	TimestampTz *times[] = {&oe_me.publish.not_before, &oe_me.backfill.not_before, &oe_me.deliver.not_before,
		&oe_me.maintain.not_before, &oe_me.reader.not_before, &oe_me.process.not_before, &oe_me.seal.not_before, &oe_me.publish_again, &oe_me.maintained, &oe_me.armed_checked,
	&oe_me.reader_next};

	if (by == 0)
		return;
	seen += by;
	for (int i = 0; i < lengthof(times); i++)
		if (*times[i] > 1)		/* 0: none; 1: at once */
			*times[i] += by;
}

/*
 * Milliseconds until a step that waits for the end of its back-off may run.
 */
static long
oe_until(OeWorkerStep *step, long otherwise)
{
	TimestampTz now = GetCurrentTimestamp();

	if (step->not_before == 0)
		return otherwise;
	if (step->not_before <= now)
		return 0;
	return TimestampDifferenceMilliseconds(now, step->not_before) + 1;
}

/*
 * Milliseconds until the next step of a backfill: only when nothing else waits
 * to be published.
 */
static long
oe_until_backfill(void)
{
	if (!oe_me.want_backfill || oe_me.want_publish || oe_me.asked)
		return LONG_MAX;
	return Max(oe_pace_until(oe_me.last_position), oe_until(&oe_me.backfill, 0));
}

static long
oe_worker_timeout(void)
{
	long		timeout = oe_me.worked ? OE_MAINTAIN_MS : OE_MAINTAIN_MS * 30;

	if (oe_me.want_publish)
		timeout = Min(timeout, oe_until(&oe_me.publish, 0));
	else if (oe_me.publish_again != 0)
		timeout = Min(timeout, oe_until(&oe_me.publish, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), oe_me.publish_again)));
	timeout = Min(timeout, oe_until_backfill());
	if (oe_me.reader_next != 0)
		timeout = Min(timeout, oe_until(&oe_me.reader, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), oe_me.reader_next)));
	timeout = Min(timeout, oe_until(&oe_me.process, oe_reader_due(oe_me.last_position, oe_me.want_publish)));
	timeout = Min(timeout, oe_until(&oe_me.seal, oe_seal_due(oe_me.last_position, oe_me.want_publish)));
	timeout = Min(timeout, oe_until(&oe_me.maintain, oe_sample_until()));
	timeout = Min(timeout, oe_until(&oe_me.deliver, oe_deliver_timeout()));
	if (oe_otlp_timeout() >= 0)
		timeout = Min(timeout, oe_otlp_timeout());
	return Max(timeout, 0);
}

/*
 * What is shown while the worker waits: which step failed last, if any, and
 * for how long its back-off is.
 */
static void
oe_worker_idle(void)
{
	OeWorkerStep *steps[] = {&oe_me.publish, &oe_me.backfill, &oe_me.deliver, &oe_me.maintain, &oe_me.reader, &oe_me.process, &oe_me.seal};
	char		text[sizeof(oe_me.slot->activity)] = "idle";

	if (oe_me.want_backfill && oe_pace_behind())
		strlcpy(text, "idle; the backfill waits for a subscription", sizeof(text));
	for (int i = 0; i < lengthof(steps); i++)
		if (steps[i]->backoff_ms > 0)
		{
			snprintf(text, sizeof(text), "%s failed, again after %g s", steps[i]->name, steps[i]->backoff_ms / 1000.0);
			break;
		}
	oe_worker_activity(text);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * Sleeps until there is something to do.
 */
static void
oe_worker_wait(long timeout)
{
	WaitEvent	events[3];
	TimestampTz began = 0;
	int			n;

	if (timeout > 0)
	{
		pgstat_report_stat(false);
		oe_worker_idle();
		began = GetCurrentTimestamp();
	}
	n = WaitEventSetWait(oe_me.wait_set, timeout, events, lengthof(events), oe_me.wait_event);
	if (timeout > 0)
		oe_pace_waited(GetCurrentTimestamp() - began);
	for (int i = 0; i < n; i++)
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
}

static void
oe_worker_setup(Oid dboid, Oid owner)
{
	oe_me.slot = oe_worker_enter(dboid);
	BackgroundWorkerInitializeConnectionByOid(dboid, owner, 0);
	oe_session_is_worker = true;
	OE_FAULT("worker-setup");
	oe_session_reset_settings();
	/* of what is registered from here on we may not know */
	pg_atomic_fetch_and_u32(&oe_me.slot->wakes, ~OE_WAKE_REGISTER);
	if (!oe_worker_belongs_here())
	{
		OE_FAULT("hold-leaving");
		oe_worker_leave();
	}
	oe_report_versions();

	oe_me.cycle_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events worker",
											ALLOCSET_DEFAULT_SIZES);
	oe_me.wait_event = oe_wait_event_new("OdooEventsWorker");
	oe_me.publish.name = "publishing";
	oe_me.backfill.name = "backfilling";
	oe_me.deliver.name = "delivering";
	oe_me.maintain.name = "rotating";
	oe_me.reader.name = "looking after the reader of the WAL";
	oe_me.process.name = "following the outbox";
	oe_me.seal.name = "keeping evidence";
	oe_me.reader_next = 1;
	oe_me.want_publish = true;
	oe_me.want_backfill = true;
	oe_me.reload_deliver = true;
	oe_me.maintained = GetCurrentTimestamp();
	oe_deliver_init();
	oe_publish_yield_hook = oe_deliver_yield;
	oe_me.wait_set = oe_create_wait_event_set(3);
	AddWaitEventToSet(oe_me.wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(oe_me.wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(oe_me.wait_set, WL_SOCKET_READABLE, oe_deliver_fd(), NULL, NULL);
	oe_worker_forget_error();
	oe_worker_state(OE_WORKER_RUNNING);
}

/*
 * The last thing done: what endpoints have acknowledged is written down, so
 * that it need not be sent again.
 */
static void
oe_worker_shutdown(void)
{
	(void) set_config_option("lock_timeout", "300ms", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	oe_step_succeeded(&oe_me.deliver);
	oe_step(&oe_me.deliver, oe_deliver_shutdown);
	proc_exit(0);
}

void
oe_worker_main(Datum arg)
{
	Oid			owner;

	memcpy(&owner, MyBgworkerEntry->bgw_extra, sizeof(Oid));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	oe_worker_setup(DatumGetObjectId(arg), owner);
	pqsignal(SIGTERM, oe_worker_sigterm);

	for (;;)
	{
		if (ShutdownRequestPending)
			oe_worker_shutdown();
		CHECK_FOR_INTERRUPTS();
		oe_follow_clock();
		oe_take_wakes();
		OE_FAULT("hold-turn");
		if (oe_me.publish_again != 0 && oe_me.publish_again <= GetCurrentTimestamp())
			oe_me.want_publish = true;
		if (oe_me.want_publish)
			oe_step(&oe_me.publish, oe_publish_body);
		/* only what nothing else waits for */
		if (oe_until_backfill() == 0)
			oe_step(&oe_me.backfill, oe_backfill_body);
		oe_deliver_poll();
		/* what was ordered before an event that is published now is known */
		oe_take_wakes();
		oe_step(&oe_me.deliver, oe_deliver_body);
		if (oe_reader_due(oe_me.last_position, oe_me.want_publish) == 0)
			oe_step(&oe_me.process, oe_process_body);
		if (oe_seal_due(oe_me.last_position, oe_me.want_publish) == 0)
			oe_step(&oe_me.seal, oe_seal_slice);
		if (oe_maintain_due())
			oe_step(&oe_me.maintain, oe_maintain_body);
		if (oe_sample_until() == 0)
			oe_step(&oe_me.maintain, oe_sample);
		if (oe_me.reader_next != 0 && oe_me.reader_next <= GetCurrentTimestamp())
			oe_step(&oe_me.reader, oe_reader_body);
		MemoryContextReset(oe_me.cycle_cxt);
		oe_deliver_poll();
		oe_otlp_step();
		if (!ShutdownRequestPending)
			oe_worker_wait(oe_worker_timeout());
	}
}
