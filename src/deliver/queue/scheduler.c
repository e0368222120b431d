/*
 * scheduler.c
 *	  Which subscription starts the next request: rates, shares, priorities,
 *	  schedules.
 *
 * Worker only, outside any transaction.  Among subscriptions with something to
 * send, the one that has started least for its weight is next (stride
 * scheduling: a start costs 1/weight, and being idle saves nothing).  Those with
 * a schedule come after all others.  A quarter of the requests is kept for
 * subscriptions below their share, so that endpoints that hang never occupy all
 * of them.  A failing subscription gets fewer requests at a time.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "utils/timestamp.h"

#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/cron.h"
#include "deliver/queue/dead_letter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/scheduler.h"
#include "deliver/transport/http/authorization.h"
#include "deliver/transport/transport.h"

static double oe_passes[2];		/* of the latest start: others, bulk */
static double oe_weights = 0;	/* of all that may send */
static bool oe_several = false; /* subscriptions may send */

double
oe_weight(const OeSub *sub)
{
	return 10 - sub->conf->priority;
}

static bool
oe_is_bulk(const OeSub *sub)
{
	return sub->conf->cron != NULL;
}

/*
 * Adds the tokens that have accrued; is there one?
 */
static bool
oe_has_token(OeSub *sub)
{
	OeConfiguration *conf = sub->conf;

	if (conf->rate_limit <= 0)
		return true;
	if (sub->tokens_at == 0)
		sub->tokens = 1;		/* a crash is no reason for a burst */
	else if (oe_delivery.now > sub->tokens_at)
		sub->tokens += conf->rate_limit * (oe_delivery.now - sub->tokens_at) / OE_SECOND;
	sub->tokens = Min(sub->tokens, conf->rate_burst);
	sub->tokens_at = oe_delivery.now;
	return sub->tokens >= 1;
}

/*
 * When there will be a token; 0: now.
 */
TimestampTz
oe_token_at(OeSub *sub)
{
	if (oe_has_token(sub))
		return 0;
	return oe_delivery.now + (int64) ((1 - sub->tokens) * OE_SECOND / sub->conf->rate_limit) + 1;
}

/*
 * How many requests the subscription may have open: fewer while they fail; one
 * while the breaker is not closed, or while the endpoint has not been asked
 * what it allows.
 */
static int
oe_sub_at_once(OeSub *sub)
{
	if (sub->breaker != OE_BREAKER_CLOSED || oe_authorization_unasked(sub->conf))
		return 1;
	return Max(sub->conf->max_in_flight >> Min(sub->failures, 8), 1);
}

/*
 * Is there room for one more request of this subscription?  What was under way
 * when the breaker opened may hang until its timeout: the probe does not wait
 * for it.
 */
bool
oe_sub_has_room(OeSub *sub)
{
	int			n = sub->requests;
	dlist_iter	it;

	if (sub->breaker != OE_BREAKER_CLOSED && n < sub->conf->max_in_flight)
		dlist_foreach(it, &sub->in_flight)
			n -= dlist_container(OeRequest, node, it.cur)->stale;
	return n < oe_sub_at_once(sub);
}

/*
 * May the subscription start a request now? An open breaker lets one probe
 * through when it is due, a half-open one a single request at a time.
 */
bool
oe_sub_may_start(OeSub *sub)
{
	return sub->active && sub->written_at != 0 && sub->conf->nsigners > 0 &&
		sub->not_before <= oe_delivery.now && oe_sub_has_room(sub) && oe_has_token(sub);
}

/*
 * Is there room for one more request of this subscription?
 */
bool
oe_has_slot(const OeSub *sub)
{
	const OeTransport *transport = sub->conf->transport;
	int			limit = transport->limit();
	int			reserve = oe_several ? limit / 4 : 0;

	if (transport->room != NULL && !transport->room(sub))
		return false;
	if (transport->open < limit - reserve)
		return true;
	return transport->open < limit && sub->requests < limit * oe_weight(sub) / oe_weights;
}

static int
oe_scheduler_compare(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const OeSub *x = pairingheap_const_container(OeSub, scheduled, a);
	const OeSub *y = pairingheap_const_container(OeSub, scheduled, b);

	/* the heap's first is the greatest */
	if (oe_is_bulk(x) != oe_is_bulk(y))
		return oe_is_bulk(x) ? -1 : 1;
	return x->pass < y->pass ? 1 : x->pass > y->pass ? -1 : 0;
}

/*
 * Collects subscriptions that have something to send and may.
 */
static void
oe_scheduler_fill(pairingheap *heap)
{
	int			n = 0;
	dlist_iter	it;

	oe_weights = 0;
	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->conf == NULL || !sub->active || sub->conf->nsigners == 0)
			continue;
		n++;
		oe_weights += oe_weight(sub);
		if ((sub->nready > 0 || sub->nbatches > 0) && oe_sub_may_start(sub))
		{
			sub->pass = Max(sub->pass, oe_passes[oe_is_bulk(sub)]);
			pairingheap_add(heap, &sub->scheduled);
		}
	}
	oe_several = n > 1;
}

/*
 * Starts requests in the order of the shares, until nothing is due or a limit
 * is reached; returns whether any was started.
 */
bool
oe_scheduler_run(bool (*start) (OeSub *sub))
{
	static pairingheap heap = {.ph_compare = oe_scheduler_compare};
	bool		started = false;

	pairingheap_reset(&heap);
	oe_scheduler_fill(&heap);
	while (!pairingheap_is_empty(&heap) && oe_delivery.nattempts < OE_ATTEMPTS_MAX)
	{
		OeSub	   *sub = pairingheap_container(OeSub, scheduled, pairingheap_remove_first(&heap));

		if (!oe_has_slot(sub) || !start(sub))
			continue;
		started = true;
		oe_passes[oe_is_bulk(sub)] = sub->pass;
		sub->pass += 1 / oe_weight(sub);
		if (sub->conf->rate_limit > 0)
			sub->tokens -= 1;
		if (oe_sub_may_start(sub))
			pairingheap_add(&heap, &sub->scheduled);
	}
	return started;
}

/*
 * A scheduled subscription sends, when the schedule fires, all events up to the
 * outbox position at that moment.  If firings were missed while the worker was
 * down, it fires once.
 */
void
oe_sub_fire(OeSub *sub, int64 last_position)
{
	if (sub->conf->cron == NULL || !sub->active)
		return;
	if (sub->fired_at == 0)
	{
		sub->fired_at = oe_delivery.now;
		sub->release_position = sub->cursor;
		sub->dirty = true;
	}
	/* the clock was set back since */
	sub->fired_at = Min(sub->fired_at, oe_delivery.now);
	if (sub->fires_at == 0)
		sub->fires_at = oe_cron_next(sub->conf->cron, sub->fired_at);
	if (sub->fires_at > oe_delivery.now)
		return;
	sub->release_position = last_position;
	sub->fired_at = oe_delivery.now;
	sub->fires_at = oe_cron_next(sub->conf->cron, oe_delivery.now);
	sub->dirty = true;
}

/*
 * Up to which position the subscription may read.
 */
int64
oe_sub_tip(const OeSub *sub, int64 last_position)
{
	return sub->conf->cron != NULL ? Min(sub->release_position, last_position) : last_position;
}

/*
 * Is the event too old for this subscription?
 */
static bool
oe_item_expired(const OeItem *item)
{
	return item->kind != OE_REPLAY && oe_event_time(item->event) < oe_delivery.now - item->sub->conf->expire_after;
}

/*
 * Makes dead letters of expired events: first events of keys, and members of
 * batches, which are dissolved for that.
 */
void
oe_expire(OeSub *sub)
{
	dlist_mutable_iter it;

	if (sub->conf->expire_after == 0)
		return;
	dlist_foreach_modify(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		if ((batch->state == OE_BATCH_READY || batch->state == OE_BATCH_WAITING) && !batch->replay)
			(void) oe_batch_drop(batch, oe_item_expired, "expired", batch->attempts, sub->last_status);
	}
	dlist_foreach_modify(it, &sub->ready)
	{
		OeKey	   *key = dlist_container(OeKey, link, it.cur);
		bool		died = false;

		while (!dlist_is_empty(&key->queue) && oe_delivery.ndead_letters < OE_ATTEMPTS_MAX)
		{
			OeItem	   *head = dlist_head_element(OeItem, in_key, &key->queue);

			if (!oe_item_expired(head))
				break;
			oe_item_dead_letter(head, key->attempts, key->first_at, key->last_status, "expired");
			died = true;
		}
		if (died)
			oe_key_schedule(key);
	}
}
