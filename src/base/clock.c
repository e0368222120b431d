/*
 * clock.c
 *	  A clock that runs evenly, and whether the wall clock does.
 *
 * Any process; no locks.  Timers are wall-clock times, because they are
 * written into tables and shown.  When somebody sets the clock they would be
 * reached too early or too late by as much: whoever keeps such times asks
 * oe_clock_set() and moves them along.
 */
#include "postgres.h"

#include <time.h>

#include "base/clock.h"
#include "utils/timestamp.h"

/* What is less is a reading that was interrupted, or a clock that is steered. */
#define OE_CLOCK_SET_US INT64CONST(1000000)

static int64
oe_clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/*
 * Microseconds; only their differences mean something.
 */
int64
oe_mono(void)
{
	return oe_clock_us(CLOCK_MONOTONIC);
}

/*
 * By how many microseconds the wall clock has been set, in all, since this
 * process asked first.  A time during which the machine slept is no such thing.
 */
int64
oe_clock_set(void)
{
	static bool started = false;
	static int64 apart;			/* the two clocks, when last looked at */
	static int64 set = 0;
	int64		now = GetCurrentTimestamp() - oe_clock_us(CLOCK_BOOTTIME);

	if (!started)
		apart = now;
	started = true;
	if (now - apart >= OE_CLOCK_SET_US || apart - now >= OE_CLOCK_SET_US)
	{
		set += now - apart;
		apart = now;
	}
	return set;
}
