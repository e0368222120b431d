/*
 * clock.c
 *	  Delivery's times when somebody sets the clock.
 *
 * Worker only; no look-ups.  Whatever waits until a time waits on for as long
 * as it would have: all times in memory are moved along with the clock.  Rows
 * that show such times are written anew.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/clock.h"
#include "deliver/internal.h"

#define OE_CLOCK_STEPS 8

/* When the clock was set, by the last event before, and by how much. */
static struct
{
	int64		position;
	int64		by;
}			oe_steps[OE_CLOCK_STEPS];
static int	oe_nsteps = 0;

static void
oe_shift(TimestampTz *t, int64 by)
{
	/* 0 is none, and some are for ever */
	if (*t != 0 && *t != PG_INT64_MAX)
		*t += by;
}

static void
oe_shift_key(OeKey *key, void *arg)
{
	int64		by = *(int64 *) arg;
	dlist_iter	it;

	oe_shift(&key->due, by);
	oe_shift(&key->first_at, by);
	oe_shift(&key->next_at, by);
	oe_shift(&key->replay_at, by);
	dlist_foreach(it, &key->queue)
		oe_shift(&dlist_container(OeItem, in_key, it.cur)->since, by);
	dlist_foreach(it, &key->replays)
		oe_shift(&dlist_container(OeItem, in_key, it.cur)->first_at, by);
	if (key->stored)
		oe_key_dirty(key);
}

/*
 * Moves the times of one subscription.
 */
void
oe_clock_shift(OeSub *sub, int64 by)
{
	TimestampTz *times[] = {&sub->tokens_at, &sub->written_at, &sub->stalled_until, &sub->not_before, &sub->last_success_at,
	&sub->failing_since, &sub->tried_at, &sub->logged_at};
	dlist_iter	it;

	for (int i = 0; i < lengthof(times); i++)
		oe_shift(times[i], by);
	for (int i = 0; i < sub->nopenings; i++)
		oe_shift(&sub->openings[i], by);
	/* half minutes are counted by the clock */
	memset(sub->slices, 0, sizeof(sub->slices));
	sub->fires_at = 0;
	oe_key_each(sub, oe_shift_key, &by);
	dlist_foreach(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		oe_shift(&batch->first_at, by);
		oe_shift(&batch->next_at, by);
	}
	dlist_foreach(it, &sub->in_flight)
	{
		OeRequest  *req = dlist_container(OeRequest, node, it.cur);

		oe_shift(&req->started, by);
		oe_shift(&req->sent_at, by);
	}
	if (sub->conf != NULL && sub->conf->gate != NULL)
	{
		oe_shift(&sub->conf->gate->token_until, by);
		oe_shift(&sub->conf->gate->renew_at, by);
	}
	sub->dirty = true;
}

/*
 * The time, once all that was set by the clock before is put right.
 */
TimestampTz
oe_clock(void)
{
	static int64 seen = 0;
	int64		by = oe_clock_set() - seen;
	dlist_iter	it;

	if (by == 0)
		return GetCurrentTimestamp();
	seen += by;
	oe_now += by;
	memmove(&oe_steps[1], &oe_steps[0], sizeof(oe_steps[0]) * (OE_CLOCK_STEPS - 1));
	oe_nsteps = Min(oe_nsteps + 1, OE_CLOCK_STEPS);
	oe_steps[0].position = oe_deliver_last_position();
	oe_steps[0].by = by;
	dlist_foreach(it, &oe_subs)
		oe_clock_shift(dlist_container(OeSub, node, it.cur), by);
	oe_settle_shift(by);
	ereport(LOG,
			(errmsg("the clock was set by %.0f s; what waits to be sent waits no longer and no shorter for it", by / 1000000.0)));
	return GetCurrentTimestamp();
}

/*
 * When an event happened, by the clock as it is now.
 */
TimestampTz
oe_event_time(const OeEvent *event)
{
	TimestampTz time = event->time;

	for (int i = 0; i < oe_nsteps; i++)
		if (event->position <= oe_steps[i].position)
			time += oe_steps[i].by;
	return time;
}
