/*
 * clock_shift.c
 *	  Moves the times of a subscription when the wall clock was set.
 *
 * Worker only; no look-ups.  Whatever waits until a time waits for as long as
 * it would have.  Rows that show such times are written anew.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "utils/timestamp.h"

#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/clock_shift.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/transport/request.h"

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
	memset(sub->buckets, 0, sizeof(sub->buckets));
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
	if (sub->conf != NULL && sub->conf->authorization != NULL)
	{
		oe_shift(&sub->conf->authorization->token_until, by);
		oe_shift(&sub->conf->authorization->renew_at, by);
	}
	sub->dirty = true;
}
