/*
 * clock.c
 *	  Delivery's times when somebody sets the clock.
 *
 * Worker only; no look-ups.  Whatever waits until a time waits on for as long
 * as it would have: all times in memory are moved along with the clock.  Rows
 * that show such times are written anew.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "deliver/model/clock.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"

#define OE_CLOCK_STEPS 8

/* When the clock was set, by the last event before, and by how much. */
static struct
{
	int64		position;
	int64		by;
}			oe_steps[OE_CLOCK_STEPS];
static int	oe_nsteps = 0;
static int64 (*oe_clock_moved) (int64 by) = NULL;

/*
 * Says who shifts all times in memory when the clock was set, by so many
 * microseconds; answers the last position of an event from before.
 */
void
oe_clock_init(int64 (*moved) (int64 by))
{
	oe_clock_moved = moved;
}

/*
 * The time, once all that was set by the clock before is put right.
 */
TimestampTz
oe_clock(void)
{
	static int64 seen = 0;
	int64		by = oe_clock_set() - seen;

	if (by == 0)
		return GetCurrentTimestamp();
	seen += by;
	oe_delivery.now += by;
	memmove(&oe_steps[1], &oe_steps[0], sizeof(oe_steps[0]) * (OE_CLOCK_STEPS - 1));
	oe_nsteps = Min(oe_nsteps + 1, OE_CLOCK_STEPS);
	oe_steps[0].by = by;
	oe_steps[0].position = oe_clock_moved ? oe_clock_moved(by) : 0;
	ereport(LOG,
			(errmsg("the clock was set by %.0f s; what waits to be sent waits no longer and no shorter for it", by / 1000000.0)));
	return GetCurrentTimestamp();
}

/*
 * When an event happened, by the clock as it is now.
 */
TimestampTz
oe_event_time(const OeOutboxEvent *event)
{
	TimestampTz time = event->time;

	for (int i = 0; i < oe_nsteps; i++)
		if (event->position <= oe_steps[i].position)
			time += oe_steps[i].by;
	return time;
}
