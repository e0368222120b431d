/*
 * deliver.c
 *	  The dispatcher: one step of delivery (deliver.h).
 *
 * Worker only.  A step loads the configuration if that is asked for, reads
 * events, forms batches, starts requests and commits results.  Each of these
 * that accesses tables is a short trusted transaction; none is open while curl
 * works.  One subscription's trouble does not affect another one: each has its
 * own prefetch limit, breaker and share of the requests.
 */
#include "postgres.h"

#include "access/xact.h"
#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/watch.h"
#include "deliver/deliver.h"
#include "deliver/freeze.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/clock_shift.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/outbox_reader.h"
#include "deliver/queue/scheduler.h"
#include "deliver/queue/unrendered.h"
#include "deliver/settle/measure.h"
#include "deliver/settle/result.h"
#include "deliver/settle/outcome.h"
#include "deliver/settle/outcome_poll.h"
#include "deliver/settle/settle.h"
#include "deliver/subscription/configuration.h"
#include "deliver/transport/http/http.h"
#include "deliver/transport/program/program.h"
#include "deliver/transport/transport.h"
#include "deliver/transport/wait.h"

#define OE_IDLE_MS OE_TUNED("deliver-idle-ms", 60000)

static MemoryContext oe_scratch = NULL; /* of oe_deliver_yield() */
static bool oe_armed = false;
static int64 oe_last_position = 0;

/*
 * The clock was set: all times in memory are moved along with it.
 */
static int64
oe_times_shift(int64 by)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
		oe_clock_shift(dlist_container(OeSub, node, it.cur), by);
	oe_settle_shift(by);
	return oe_last_position;
}

void
oe_deliver_init(void)
{
	oe_clock_init(oe_times_shift);
	oe_state_init();
	oe_delivery.now = oe_clock();
	oe_scratch = AllocSetContextCreate(oe_delivery.cxt, "odoo_events breath", ALLOCSET_DEFAULT_SIZES);
	oe_transport_register(&oe_http_transport);
	oe_transport_register(&oe_program_transport);
	oe_transport_init(oe_result_take);
	oe_polls_init();
}

int
oe_deliver_fd(void)
{
	return oe_wait_fd();
}

void
oe_deliver_poll(void)
{
	oe_transport_poll();
}

/*
 * Moves keys whose retry is due from waiting to loading or ready.
 */
static void
oe_wake_keys(OeSub *sub)
{
	while (!pairingheap_is_empty(&sub->waiting))
	{
		OeKey	   *key = pairingheap_container(OeKey, heap, pairingheap_first(&sub->waiting));

		if (key->due > oe_delivery.now)
			break;
		oe_key_schedule(key);
	}
}

/*
 * The probe interval of an open breaker is over: chooses what to send.  Prefers
 * a ready key; else takes the first blocked key, ahead of its time.
 */
static void
oe_choose_probe(OeSub *sub)
{
	OeKey	   *key;

	if (sub->breaker != OE_BREAKER_OPEN || sub->not_before > oe_delivery.now || !oe_sub_has_room(sub) ||
		!dlist_is_empty(&sub->loading) || pairingheap_is_empty(&sub->waiting) || sub->nready > 0)
		return;
	key = pairingheap_container(OeKey, heap, pairingheap_first(&sub->waiting));
	if (key->blocked_from != 0)
		oe_key_hurry(key);
}

static int
oe_attempt_of(OeItem *item)
{
	return (item->kind == OE_REPLAY ? item->attempts : item->key->attempts) + 1;
}

/*
 * Starts a request.  False if an event could not be rendered, and is a dead
 * letter now.  Making a request changes nothing but memory, so that its error
 * can be caught without a transaction.
 */
static bool
oe_start(OeSub *sub, OeItem *item, OeBatch *batch, int attempt)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool started = false;

	PG_TRY();
	{
		sub->conf->transport->start(sub, item, batch, attempt);
		started = true;
	}
	PG_CATCH();
	{
		ErrorData  *err = oe_watch_caught(cxt, false);

		if (!oe_drop_unrendered(item, batch))
			ReThrowError(err);
		FreeErrorData(err);
	}
	PG_END_TRY();
	return started;
}

/*
 * Starts the first item of the next ready key.
 */
static bool
oe_start_single(OeSub *sub)
{
	OeKey	   *key;
	OeItem	   *item;

	if (sub->nready == 0)
		return false;
	key = dlist_head_element(OeKey, link, &sub->ready);
	item = !dlist_is_empty(&key->queue) ? dlist_head_element(OeItem, in_key, &key->queue)
		: dlist_head_element(OeItem, in_key, &key->replays);
	if (!oe_start(sub, item, NULL, oe_attempt_of(item)))
		return false;
	key->busy++;
	oe_key_schedule(key);
	return true;
}

static bool
oe_start_batch(OeSub *sub)
{
	OeBatch    *batch = oe_batch_due(sub);

	if (batch == NULL)
		return false;
	if (!oe_start(sub, NULL, batch, batch->attempts + 1))
		return false;
	batch->early = batch->state == OE_BATCH_WAITING && batch->next_at > oe_delivery.now;
	batch->hurried = false;
	batch->state = OE_BATCH_BUSY;
	return true;
}

/*
 * Starts one request of a subscription; false if it has nothing to start.
 */
static bool
oe_start_one(OeSub *sub)
{
	if ((sub->conf->batched || !dlist_is_empty(&sub->batches)) && oe_start_batch(sub))
		return true;
	return !sub->conf->batched && oe_start_single(sub);
}

static void
oe_expire_due(void)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->nready + sub->nbatches > 0 && oe_sub_may_start(sub))
			oe_expire(sub);
	}
}

/*
 * Forms batches of ready items.  They are committed before they are sent, so
 * that they are the same after a crash.
 */
static void
oe_form_batches(void)
{
	bool		formed = false;
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->conf != NULL && sub->conf->batched && oe_sub_may_start(sub) && oe_batch_form(sub))
			formed = true;
	}
	if (formed)
	{
		OE_FAULT("batch-formed");
		oe_settle_commit();
		OE_FAULT("batch-committed");
	}
}

static void
oe_start_due(void)
{
	if (!oe_scheduler_run(oe_start_one))
		return;
	oe_transport_poll();
	OE_FAULT("deliver-sent");
}

/*
 * See deliver.h.  Where a part raises, memory is as it was before, or a part of
 * its work is done; nothing needs to be undone.
 */
void
oe_deliver_step(bool reload, bool armed, int64 last_position)
{
	dlist_iter	it;
	bool		fresh;

	oe_delivery.now = oe_clock();
	oe_armed = armed;
	oe_last_position = last_position;
	reload = oe_freeze_over() || reload;
	if (reload || !oe_delivery.config_loaded)
		oe_config_load(last_position);
	oe_freeze_step();
	if (armed)
	{
		dlist_foreach(it, &oe_delivery.subs)
		{
			OeSub	   *sub = dlist_container(OeSub, node, it.cur);

			oe_sub_fire(sub, last_position);
			oe_wake_keys(sub);
			oe_choose_probe(sub);
		}
		fresh = oe_outbox_read_wanted(last_position) && oe_outbox_read(last_position);
		oe_expire_due();
		/* what is new does not wait for the batches of others */
		if (fresh)
			oe_start_due();
		oe_form_batches();
		oe_start_due();
	}
	if (oe_settle_due())
		oe_settle_commit();
	if (armed)
	{
		oe_outcomes_step(reload, last_position);
		oe_polls_step(reload);
	}
	oe_measure_in_flight();
}

/*
 * See deliver.h.  Only reading happens within the surrounding transaction; what
 * this changes in memory stays true even if that transaction aborts.
 */
void
oe_deliver_yield(void)
{
	MemoryContext old = MemoryContextSwitchTo(oe_scratch);
	dlist_iter	it;

	oe_delivery.now = oe_clock();
	oe_transport_between = true;
	PG_TRY();
	{
		oe_transport_poll();
		if (oe_armed && oe_delivery.config_loaded)
		{
			dlist_foreach(it, &oe_delivery.subs)
			{
				oe_wake_keys(dlist_container(OeSub, node, it.cur));
			}
			if (oe_outbox_read_wanted(oe_last_position))
				(void) oe_outbox_read(oe_last_position);
			oe_start_due();
		}
	}
	PG_FINALLY();
	{
		oe_transport_between = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextReset(oe_scratch);
}

/*
 * When a subscription needs attention without an answer or a new event: a
 * retry, a probe, or a batch that has waited long enough.
 */
static TimestampTz
oe_sub_next(OeSub *sub)
{
	TimestampTz next = PG_INT64_MAX;

	if (!sub->active || sub->conf == NULL || sub->conf->nsigners == 0)
		return next;
	if (!pairingheap_is_empty(&sub->waiting))
		next = pairingheap_container(OeKey, heap, pairingheap_first(&sub->waiting))->due;
	if (oe_sub_has_room(sub) && oe_has_slot(sub))
	{
		if (sub->conf->batched || !dlist_is_empty(&sub->batches))
			next = Min(next, oe_batch_next(sub));
		else if (sub->nready > 0)
			next = 0;
		/* due, but not loaded before the endpoint wants to be asked */
		if (!dlist_is_empty(&sub->loading) && sub->not_before > oe_delivery.now)
			next = Min(next, sub->not_before);
		if (sub->breaker == OE_BREAKER_OPEN && !pairingheap_is_empty(&sub->waiting))
			next = Min(next, sub->not_before);
		/* whatever is due, not before the subscription is */
		next = Max(next, sub->not_before);
		if (next != PG_INT64_MAX)
			next = Max(next, oe_token_at(sub));
	}
	else if (next <= oe_delivery.now)
		next = PG_INT64_MAX;	/* an answer will come first */
	if (sub->conf->cron != NULL)
		next = Min(next, sub->fires_at);
	return next;
}

long
oe_deliver_timeout(void)
{
	TimestampTz next = oe_settle_next();
	TimestampTz now = oe_clock();
	long		timeout = OE_IDLE_MS;
	long		transports = oe_transport_timeout();
	dlist_iter	it;

	if (oe_armed && !oe_transport_full() && oe_delivery.nattempts < OE_ATTEMPTS_MAX)
	{
		if (oe_outbox_read_wanted(oe_last_position))
			return 0;
		next = Min(next, Min(oe_outcomes_next(oe_last_position), oe_polls_next()));
		dlist_foreach(it, &oe_delivery.subs)
		{
			OeSub	   *sub = dlist_container(OeSub, node, it.cur);

			next = Min(next, oe_sub_next(sub));
			if (sub->stalled_until > oe_delivery.now)
				next = Min(next, sub->stalled_until);
		}
	}
	if (next <= now)
		return 0;
	if (next < now + (int64) timeout * 1000)
		timeout = (long) ((next - now + 999) / 1000);
	if (transports >= 0)
		timeout = Min(timeout, transports);
	return timeout;
}

bool
oe_deliver_behind(int64 position)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (oe_armed && sub->active && sub->conf != NULL && sub->conf->nsigners > 0 && sub->written_at != 0 &&
			sub->conf->cron == NULL && sub->breaker == OE_BREAKER_CLOSED && sub->cursor < position)
			return true;
	}
	return false;
}

/*
 * Commits the results so far.  Requests in flight are repeated by the next
 * worker.
 */
void
oe_deliver_shutdown(void)
{
	oe_transport_poll();
	OE_FAULT("deliver-shutdown");
	oe_settle_commit();
	oe_transport_shutdown();
}
