/*
 * watch.c
 *	  A limit on the processor time of one judgement (watch.h).
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/watch.h"

#define OE_TICK_MS 20

volatile uint32 oe_watch_judgement = 0;
volatile uint32 oe_watch_last = 0;
volatile bool oe_watch_expired = false;

static TimeoutId oe_watch_timer = MAX_TIMEOUTS;
static uint32 oe_watch_seen = 0;	/* judgement at the latest tick, and since
									 * when, in us of processor time */
static int64 oe_watch_seen_us = 0;

static int64
oe_processor_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/*
 * Runs in the signal handler.  The first tick during a judgement notes the time.
 * A later tick during the same judgement cancels it once its time is over.
 */
static void
oe_watch_tick(void)
{
	int64		now;

	if (oe_watch_judgement == 0)
		return;
	now = oe_processor_us();
	if (oe_watch_judgement != oe_watch_seen)
	{
		oe_watch_seen = oe_watch_judgement;
		oe_watch_seen_us = now;
	}
	else if (now - oe_watch_seen_us >= (int64) oe_guc_filter_timeout * 1000)
	{
		oe_watch_expired = true;
		QueryCancelPending = true;
		InterruptPending = true;
	}
}

/*
 * Starts the timer; returns whether it ran already.
 */
bool
oe_watch_on(void)
{
	if (oe_watch_timer == MAX_TIMEOUTS)
		oe_watch_timer = RegisterTimeout(USER_TIMEOUT, oe_watch_tick);
	if (get_timeout_active(oe_watch_timer))
		return true;
	enable_timeout_every(oe_watch_timer, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OE_TICK_MS), OE_TICK_MS);
	return false;
}

/*
 * Stops the timer, unless it ran before the matching oe_watch_on().
 */
void
oe_watch_off(bool was)
{
	oe_watch_judgement = 0;
	if (!was && oe_watch_timer != MAX_TIMEOUTS)
		disable_timeout(oe_watch_timer, false);
}

/*
 * Withdraws a cancellation that the judgement has not noticed, so that it does not
 * hit the caller's statement.
 */
bool
oe_watch_take_back(void)
{
	oe_watch_expired = false;
	QueryCancelPending = false;
	return true;
}

/*
 * Was the error caused by the filter or condition itself, so that it concerns only
 * the one who wrote it?  It was not where the process is told to stop or has no
 * memory, where the transaction must be repeated, or where the system fails.
 */
static bool
oe_watch_contains(int sqlerrcode, bool expired)
{
	if (sqlerrcode == ERRCODE_QUERY_CANCELED)
		return expired;
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return false;
		default:
			return true;
	}
}

ErrorData *
oe_watch_caught(MemoryContext cxt, bool expired)
{
	ErrorData  *err;

	MemoryContextSwitchTo(cxt);
	err = CopyErrorData();
	if (!oe_watch_contains(err->sqlerrcode, expired))
		PG_RE_THROW();
	FlushErrorState();
	return err;
}
