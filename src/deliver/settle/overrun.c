/*
 * overrun.c
 *	  Gives up the oldest events, because the outbox is full.
 *
 * Worker only, outside a transaction; by odoo_events.on_full = drop.  Removes
 * from memory all events up to a position that are not in a request.  settle.c
 * writes that, together with the lost range, a line of the audit log and a
 * platform event.  Dead letters have their own bytes and are not affected.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/session.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/settle/overrun.h"
#include "deliver/settle/settle.h"

typedef struct OeOverrun
{
	int64		upto;
	int64		first;			/* least position needed */
	OeKey	  **keys;
	int			nkeys;
} OeOverrun;

static void
oe_overrun_key(OeKey *key, void *arg)
{
	OeOverrun  *o = arg;

	if (key->blocked_from == 0 || key->blocked_from > o->upto || key->busy > 0)
		return;
	o->first = Min(o->first, key->blocked_from);
	o->keys[o->nkeys++] = key;
}

static bool
oe_is_overrun(const OeItem *item, int64 upto)
{
	return item->event->position <= upto &&
		(item->batch != NULL ? item->batch->state != OE_BATCH_BUSY : item->key->busy == 0);
}

/*
 * Batches that wait are dissolved first, so that their members are in the
 * queues of their keys like all others.
 */
static void
oe_overrun_items(OeSub *sub, OeOverrun *o)
{
	dlist_mutable_iter it;

	dlist_foreach_modify(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		if (batch->n > 0 && batch->state != OE_BATCH_BUSY && batch->items[0]->event->position <= o->upto)
			oe_batch_take_apart(batch, false);
	}
	dlist_foreach_modify(it, &sub->live)
	{
		OeItem	   *item = dlist_container(OeItem, in_sub, it.cur);
		OeKey	   *key = item->key;

		if (!oe_is_overrun(item, o->upto))
			continue;
		o->first = Min(o->first, item->event->position);
		oe_item_settle(item);
		oe_key_schedule(key);
	}
}

static void
oe_overrun_keys(OeSub *sub, OeOverrun *o)
{
	o->keys = palloc_extended(sizeof(OeKey *) * (Size) (oe_key_count(sub) + 1), MCXT_ALLOC_HUGE);
	o->nkeys = 0;
	oe_key_each(sub, oe_overrun_key, o);
	for (int i = 0; i < o->nkeys; i++)
	{
		OeKey	   *key = o->keys[i];

		while (!dlist_is_empty(&key->queue))
			oe_item_free(dlist_head_element(OeItem, in_key, &key->queue));
		key->loaded_to = 0;
		oe_key_passed(key, o->upto);
		oe_key_schedule(key);
	}
	pfree(o->keys);
}

/*
 * Replays go on behind the lost range.
 */
static void
oe_overrun_replays(OeSub *sub, int64 upto)
{
	dlist_iter	it;

	dlist_foreach(it, &sub->replays)
	{
		OeReplay   *replay = dlist_container(OeReplay, node, it.cur);

		if (replay->dead_letters || replay->read >= upto)
			continue;
		replay->read = upto;
		replay->dirty = true;
		sub->dirty = true;
	}
}

static void
oe_sub_overrun(OeSub *sub, int64 upto)
{
	OeOverrun	o = {upto, PG_INT64_MAX, NULL, 0};

	if (sub->conf == NULL || sub->written_at == 0)
		return;
	oe_overrun_replays(sub, upto);
	if (sub->cursor < upto)
		o.first = sub->cursor + 1;
	oe_overrun_items(sub, &o);
	sub->cursor = Max(sub->cursor, upto);
	oe_overrun_keys(sub, &o);
	if (o.first == PG_INT64_MAX)
		return;
	sub->lost_from = sub->lost_from == 0 ? o.first : Min(sub->lost_from, o.first);
	sub->lost_to = upto;
	sub->dirty = true;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("subscription \"%s\" has lost the positions " INT64_FORMAT " to " INT64_FORMAT,
					sub->conf->name, o.first, upto),
			 errhint("odoo_events.on_full = 'drop' lets the oldest events go when the outbox exceeds odoo_events.max_outbox_size.")));
}

void
oe_deliver_overrun(int64 upto)
{
	dlist_iter	it;
	OeSession	session;
	static const Oid types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(upto)};

	if (!oe_delivery.config_loaded)
		return;
	oe_delivery.now = oe_clock();
	dlist_foreach(it, &oe_delivery.subs)
		oe_sub_overrun(dlist_container(OeSub, node, it.cur), upto);
	oe_settle_commit();
	oe_own_begin(&session);
	(void) oe_spi(NULL, "SELECT odoo_events._overrun_pull($1)", 1, types, values, NULL, false, 0);
	oe_own_end(&session);
}
