/*
 * clock.c
 *	  A clock that runs evenly, and whether the wall clock does.
 *
 * Any process; no locks.  Timers are wall-clock times, because they are
 * written into tables and shown to users.  When somebody sets the clock, a timer
 * would fire too early or too late by the same amount.  Code that keeps timers
 * therefore asks oe_clock_set(), and moves them by the answer.
 */
#include "postgres.h"

#include <time.h>

#include "base/clock.h"
#include "utils/timestamp.h"

/* A smaller difference comes from a pause between the two readings, or from NTP,
 * which steers the clock without setting it. */
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
 * process asked first.  The boot-time clock goes on while the machine is
 * suspended, so that a suspension does not count as setting.
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
