/*
 * batch.c
 *	  Batches: fixed before their first attempt, settled as a whole.
 *
 * Worker only; no transaction.  A batch is NEW until settle.c has committed its
 * members and its id with the progress, so that a repetition has the same
 * bytes, also after a crash.  While a batch exists the keys of its members are
 * busy.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "deliver/message/signature.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/dead_letter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/replay.h"

OeBatch *
oe_batch_make(OeSub *sub, OeItem **items, int n, const char *id)
{
	OeBatch    *batch = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeBatch));

	batch->sub = sub;
	if (n > 0)
	{
		batch->items = MemoryContextAlloc(oe_delivery.cxt, sizeof(OeItem *) * n);
		memcpy(batch->items, items, sizeof(OeItem *) * n);
		batch->n = n;
	}
	if (id != NULL)
		strlcpy(batch->id, id, OE_ID_LEN);
	else
		oe_batch_id(items, n, batch->id);
	for (int i = 0; i < n; i++)
	{
		items[i]->batch = batch;
		items[i]->key->busy++;
	}
	dlist_push_tail(&sub->batches, &batch->node);
	sub->nbatches++;
	return batch;
}

/*
 * Forgets a batch; its items stay.
 */
void
oe_batch_free(OeBatch *batch)
{
	for (int i = 0; i < batch->n; i++)
	{
		batch->items[i]->batch = NULL;
		batch->items[i]->key->busy--;
	}
	dlist_delete(&batch->node);
	batch->sub->nbatches--;
	if (batch->items)
		pfree(batch->items);
	pfree(batch);
}

static int
oe_item_compare(const void *a, const void *b)
{
	const OeItem *x = *(OeItem *const *) a;
	const OeItem *y = *(OeItem *const *) b;

	return x->event->position < y->event->position ? -1 : 1;
}

/*
 * A member that was loaded from behind a blocked key becomes a live item:
 * progress lists it from now on, and the key is blocked from the next event on.
 */
static void
oe_item_enliven(OeItem *item)
{
	OeKey	   *key = item->key;

	if (item->kind != OE_BLOCKED)
		return;
	item->kind = OE_LIVE;
	dlist_push_tail(&item->sub->live, &item->in_sub);
	item->sub->nlive++;
	if (key->blocked_from != 0 && key->blocked_from <= item->event->position)
	{
		dlist_node *next = dlist_has_next(&key->queue, &item->in_key) ?
		dlist_next_node(&key->queue, &item->in_key) : NULL;

		if (next != NULL)
			key->blocked_from = dlist_container(OeItem, in_key, next)->event->position;
		else
		{
			int64		end = key->mode != 'k' ? 0 : key->upto != 0 ? key->upto : item->sub->cursor;

			key->blocked_from = Max(item->event->position, key->loaded_to) + 1;
			if (key->blocked_from > end)
				key->blocked_from = 0;
		}
		oe_key_dirty(key);
	}
}

/*
 * Collects the first items of ready keys, at most "max".  An item whose batch
 * was given up is sent alone.
 */
static int
oe_batch_gather(OeSub *sub, OeItem **items, int max)
{
	int			n = 0;
	dlist_iter	k;

	dlist_foreach(k, &sub->ready)
	{
		OeKey	   *key = dlist_container(OeKey, link, k.cur);
		dlist_iter	i;

		if (dlist_is_empty(&key->queue))
			continue;
		dlist_foreach(i, &key->queue)
		{
			OeItem	   *item = dlist_container(OeItem, in_key, i.cur);

			if (n == max || (item->single && n > 0))
				break;
			items[n++] = item;
			if (item->single)
				return n;
		}
		if (n == max)
			break;
	}
	return n;
}

/*
 * Sends the first item of a key that has only replays, alone.  Nothing has to be
 * committed for that.
 */
static bool
oe_batch_form_replay(OeSub *sub)
{
	dlist_iter	k;

	dlist_foreach(k, &sub->ready)
	{
		OeKey	   *key = dlist_container(OeKey, link, k.cur);
		OeItem	   *item;
		OeBatch    *batch;

		if (!dlist_is_empty(&key->queue))
			continue;
		item = dlist_head_element(OeItem, in_key, &key->replays);
		batch = oe_batch_make(sub, &item, 1, NULL);
		batch->replay = true;
		batch->attempts = item->attempts;
		batch->first_at = item->first_at;
		batch->state = OE_BATCH_READY;
		oe_key_schedule(key);
		return true;
	}
	return false;
}

/*
 * Are enough batches ready to be sent? Several are committed together.
 */
static bool
oe_batches_in_stock(OeSub *sub)
{
	int			n = 0;
	dlist_iter	it;

	dlist_foreach(it, &sub->batches)
		if (dlist_container(OeBatch, node, it.cur)->state == OE_BATCH_READY)
		n++;
	return n > sub->conf->max_in_flight / 2;
}

/*
 * Forms batches of ready items; true if some must be committed before they can
 * be sent.  An incomplete batch waits for up to batch_wait.
 */
bool
oe_batch_form(OeSub *sub)
{
	int			size = sub->conf->batch_size;
	OeItem	  **items;
	bool		formed = false;

	if (sub->nready == 0 || sub->nbatches >= 2 * sub->conf->max_in_flight || oe_batches_in_stock(sub))
		return false;
	items = palloc(sizeof(OeItem *) * size);
	while (sub->nready > 0 && sub->nbatches < 2 * sub->conf->max_in_flight)
	{
		int			n = oe_batch_gather(sub, items, size);
		OeBatch    *batch;

		if (n == 0 && oe_batch_form_replay(sub))
			continue;
		if (n == 0 ||
			(n < size && !items[0]->single && sub->conf->batch_wait > 0 &&
			 oe_delivery.now - items[0]->since < sub->conf->batch_wait))
			break;
		qsort(items, n, sizeof(OeItem *), oe_item_compare);
		batch = oe_batch_make(sub, items, n, NULL);
		for (int i = 0; i < n; i++)
			oe_item_enliven(items[i]);
		for (int i = 0; i < n; i++)
			if (items[i]->key->state == OE_KEY_READY)
				oe_key_schedule(items[i]->key);
		batch->state = OE_BATCH_NEW;
		sub->dirty = true;
		formed = true;
	}
	pfree(items);
	return formed;
}

/*
 * The new batches are committed and may be sent.
 */
void
oe_batches_committed(OeSub *sub)
{
	dlist_iter	it;

	dlist_foreach(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		if (batch->state == OE_BATCH_NEW)
			batch->state = OE_BATCH_READY;
	}
}

/*
 * An item was accepted, alone or with its batch.  A dead letter that was not
 * really sent stays one.
 */
void
oe_item_delivered(OeItem *item, bool dry)
{
	if ((item->sub->conf->outcomes == 'l' || item->sub->conf->outcomes == 'p') && !dry)
		oe_received_add(item->sub->id, item->event->position);
	if (item->replay != NULL)
		oe_replay_settle(item->replay, item, !(dry && item->replay->dead_letters));
	else
		oe_item_settle(item);
}

/*
 * Settles all members, in order.
 */
void
oe_batch_delivered(OeBatch *batch, bool dry)
{
	int			n = batch->n;
	OeItem	  **items = batch->items;

	batch->items = NULL;
	batch->n = 0;
	for (int i = 0; i < n; i++)
	{
		OeKey	   *key = items[i]->key;

		key->busy--;
		oe_item_delivered(items[i], dry);
		if (key->busy == 0)
			oe_key_schedule(key);
	}
	pfree(items);
	oe_batch_free(batch);
}

/*
 * The receiver took a part of a batch.  The others leave it, and are sent
 * alone; what it took stays accepted.  True if it took an event that follows
 * a refused one of the same key.
 */
bool
oe_batch_partly(OeBatch *batch, const bool *rejected)
{
	int			n = batch->n;
	OeItem	  **items = batch->items;
	bool		disordered = false;

	batch->items = NULL;
	batch->n = 0;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i && !rejected[i]; j++)
			disordered = disordered || (rejected[j] && items[j]->key == items[i]->key);
	for (int i = 0; i < n; i++)
	{
		OeKey	   *key = items[i]->key;

		key->busy--;
		if (rejected[i])
		{
			items[i]->batch = NULL;
			items[i]->single = true;
		}
		else
			oe_item_delivered(items[i], false);
		if (key->busy == 0)
			oe_key_schedule(key);
	}
	pfree(items);
	oe_batch_free(batch);
	return disordered;
}

/*
 * Dissolves a batch.  "single": its retries are used up, so each member is tried
 * once more, alone.
 */
void
oe_batch_take_apart(OeBatch *batch, bool single)
{
	int			n = batch->n;
	OeItem	  **items = batch->items;

	batch->items = NULL;
	batch->n = 0;
	batch->sub->dirty = true;
	for (int i = 0; i < n; i++)
	{
		OeKey	   *key = items[i]->key;

		items[i]->batch = NULL;
		items[i]->single = single;
		if (--key->busy == 0)
			oe_key_schedule(key);
	}
	pfree(items);
	oe_batch_free(batch);
}

/*
 * Makes dead letters of the members that are not wanted any more.  The batch is
 * dissolved for that, and the others form new batches.  False if none was
 * unwanted.
 */
bool
oe_batch_drop(OeBatch *batch, bool (*unwanted) (const OeItem *item), const char *reason, int attempts, int status)
{
	OeItem	  **dropped = palloc(sizeof(OeItem *) * Max(batch->n, 1));
	TimestampTz first_at = batch->first_at;
	int			n = 0;

	for (int i = 0; i < batch->n; i++)
		if (unwanted(batch->items[i]))
			dropped[n++] = batch->items[i];
	if (n > 0)
		oe_batch_take_apart(batch, false);
	for (int i = 0; i < n; i++)
	{
		OeKey	   *key = dropped[i]->key;

		oe_item_dead_letter(dropped[i], attempts, first_at, status, reason ? reason : dropped[i]->skip_reason);
		oe_key_schedule(key);
	}
	pfree(dropped);
	return n > 0;
}

/*
 * The batch that has waited longest and can be sent now; NULL: none.
 */
OeBatch *
oe_batch_due(OeSub *sub)
{
	dlist_mutable_iter it;
	OeBatch    *early = NULL;

	dlist_foreach_modify(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		if (batch->n == 0)
		{
			/* recovered, and its events are gone */
			oe_batch_free(batch);
			continue;
		}
		if (batch->state == OE_BATCH_READY ||
			(batch->state == OE_BATCH_WAITING && (batch->hurried || batch->next_at <= oe_delivery.now)))
			return batch;
		if (batch->state == OE_BATCH_WAITING && early == NULL)
			early = batch;
	}
	/* an open breaker probes with what is not due if there is nothing else */
	return sub->breaker == OE_BREAKER_OPEN ? early : NULL;
}

/*
 * When the next batch is due, or full enough; PG_INT64_MAX: none waits.
 */
TimestampTz
oe_batch_next(OeSub *sub)
{
	TimestampTz next = PG_INT64_MAX;
	dlist_iter	it;

	dlist_foreach(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		if (batch->state == OE_BATCH_WAITING && batch->hurried)
			next = 0;
		else if (batch->state == OE_BATCH_WAITING)
			next = Min(next, sub->breaker == OE_BREAKER_OPEN ? sub->not_before : batch->next_at);
		else if (batch->state == OE_BATCH_READY)
			next = 0;
	}
	if (sub->nready > 0 && sub->nbatches < 2 * sub->conf->max_in_flight)
	{
		OeKey	   *key = dlist_head_element(OeKey, link, &sub->ready);

		next = Min(next, dlist_is_empty(&key->queue) ? 0 :
				   dlist_head_element(OeItem, in_key, &key->queue)->since + sub->conf->batch_wait);
	}
	return next;
}

/*
 * The batches as column "batches" of progress has them.
 */
void
oe_batch_json(OeSub *sub, StringInfo buf)
{
	dlist_iter	it;
	bool		first = true;

	appendStringInfoChar(buf, '[');
	dlist_foreach(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		if (batch->replay)
			continue;
		appendStringInfo(buf, "%s{\"id\":\"%s\",\"attempts\":%d,\"first\":" INT64_FORMAT ",\"next\":" INT64_FORMAT ",\"positions\":[",
						 first ? "" : ",", batch->id, batch->attempts, batch->first_at, batch->next_at);
		for (int i = 0; i < batch->n; i++)
			appendStringInfo(buf, "%s" INT64_FORMAT, i > 0 ? "," : "", batch->items[i]->event->position);
		appendStringInfoString(buf, "]}");
		first = false;
	}
	appendStringInfoChar(buf, ']');
}
