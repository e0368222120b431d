/*
 * pace.c
 *	  How fast a backfill goes, so that Odoo does not notice it.
 *
 * Worker only.  A round is a step of a backfill, the publishing of its
 * snapshots, and their reading by delivery.  It is timed without the time that
 * the worker waited.  After a round that took t, the backfill pauses for t *
 * (100 / pace - 1), so that it uses at most odoo_events.backfill_pace percent
 * of one processor.  The worker publishes and delivers during the pause.  A round
 * ends only when every subscription that can send has read its snapshots, so
 * that an ordinary event waits behind few of them.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/guc.h"
#include "deliver/deliver.h"
#include "publish/tools/backfill.h"
#include "worker/worker.h"

/* However much else there was to publish in a round. */
#define OE_REST_MAX_MS 10000

static int64 oe_waited = 0;		/* microseconds, since the worker started */
static int64 oe_round_waited;	/* until the round began */
static TimestampTz oe_round = 0;	/* when it began; 0: it has ended */
static int64 oe_round_position; /* of its last snapshot; 0: not published */
static TimestampTz oe_rest_until = 0;
static bool oe_behind = false;	/* it waits for a subscription */

void
oe_pace_waited(int64 microseconds)
{
	oe_waited += microseconds;
}

/*
 * A round begins; answers how many rows its step looks at.
 */
int
oe_pace_begin(void)
{
	oe_round = GetCurrentTimestamp();
	oe_round_waited = oe_waited;
	oe_round_position = 0;
	return oe_guc_backfill_pace < 100 ? OE_BACKFILL_PACED_ROWS : OE_BACKFILL_ROWS;
}

/*
 * There was nothing to do in it: no backfill runs.
 */
void
oe_pace_end(void)
{
	oe_round = 0;
}

/*
 * The round is over: rests.
 */
static void
oe_rest(TimestampTz now)
{
	int64		worked = Max(now - oe_round - (oe_waited - oe_round_waited), 0);
	int64		rest = worked * (100 - oe_guc_backfill_pace) / oe_guc_backfill_pace;

	OE_FAULT("hold-rest");
	oe_round = 0;
	oe_rest_until = now + Min(rest, INT64CONST(1000) * OE_REST_MAX_MS);
}

/*
 * Milliseconds until the next round may begin; LONG_MAX: not before something
 * else has happened, for which the worker wakes anyway.  Only to be asked when
 * all is published, up to last_position.
 */
long
oe_pace_until(int64 last_position)
{
	TimestampTz now = GetCurrentTimestamp();

	oe_behind = false;
	if (oe_guc_backfill_pace == 100)
	{
		oe_round = oe_rest_until = 0;
		return 0;
	}
	if (oe_round != 0)
	{
		if (oe_round_position == 0)
			oe_round_position = last_position;
		oe_behind = oe_deliver_behind(oe_round_position);
		if (oe_behind)
			return LONG_MAX;
		oe_rest(now);
	}
	/* the clock was set back: a rest is never that long */
	oe_rest_until = Min(oe_rest_until, TimestampTzPlusMilliseconds(now, OE_REST_MAX_MS));
	return oe_rest_until > now ? TimestampDifferenceMilliseconds(now, oe_rest_until) + 1 : 0;
}

bool
oe_pace_behind(void)
{
	return oe_behind;
}
