/*
 * replay.c
 *	  Sends events again that were delivered before.
 *
 * Worker only.  A replay reads its events by _replay_events(), at most
 * OE_REPLAY_PREFETCH at a time.  They queue behind everything else of their key.
 * The replay's cursor passes an event only when that is settled, so that a
 * crash repeats only what was in memory.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/filter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/outbox_row.h"
#include "deliver/queue/replay.h"

static OeReplay *
oe_replay_find(OeSub *sub, int64 id)
{
	dlist_iter	it;

	dlist_foreach(it, &sub->replays)
	{
		OeReplay   *r = dlist_container(OeReplay, node, it.cur);

		if (r->id == id)
			return r;
	}
	return NULL;
}

/*
 * Frees a replay and its items that are not in a request.  Items in flight stay
 * until their request ends and are then ignored.  Call only when none is in
 * flight, or when the subscription has been dropped.
 */
void
oe_replay_free(OeReplay *replay)
{
	while (!dlist_is_empty(&replay->items))
	{
		OeItem	   *item = dlist_head_element(OeItem, in_sub, &replay->items);

		oe_item_free(item);
	}
	dlist_delete(&replay->node);
	pfree(replay);
}

/*
 * A cancelled replay reads nothing more; its queued items are removed.
 */
static void
oe_replay_cancel(OeReplay *replay)
{
	dlist_mutable_iter it;

	replay->read_all = true;
	replay->dirty = true;
	replay->sub->dirty = true;
	dlist_foreach_modify(it, &replay->items)
	{
		OeItem	   *item = dlist_container(OeItem, in_sub, it.cur);
		OeKey	   *key = item->key;

		/* the head of a busy key is in a request */
		if (item->batch != NULL || (key->busy > 0 && dlist_is_empty(&key->queue)))
			continue;
		oe_item_free(item);
		key->replay_at = 0;
		oe_key_schedule(key);
	}
}

/*
 * Loads running replays, within the transaction that loads the configuration.
 */
void
oe_replay_load(void)
{
	SPITupleTable *table;
	dlist_iter	it;

	(void) oe_spi(NULL, "SELECT id, subscription_id, dead_letters, to_position, cursor, sent, failed"
				  " FROM odoo_events.replay_job WHERE state = 'running' ORDER BY id",
				  0, NULL, NULL, NULL, true, 0);
	table = SPI_tuptable;
	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);
		dlist_iter	r;

		dlist_foreach(r, &sub->replays)
		{
			OeReplay   *replay = dlist_container(OeReplay, node, r.cur);
			bool		running = false;

			for (int i = 0; i < (int) table->numvals; i++)
			{

				if (oe_cell_int8(table, i, 1) == replay->id)
					running = true;
			}
			if (!running && !replay->read_all)
				oe_replay_cancel(replay);
		}
	}
	for (int i = 0; i < (int) table->numvals; i++)
	{
		int64		id = oe_cell_int8(table, i, 1);
		OeSub	   *sub = oe_sub_find(oe_cell_int4(table, i, 2));
		OeReplay   *replay;

		if (sub == NULL || oe_replay_find(sub, id) != NULL)
			continue;
		replay = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeReplay));
		dlist_init(&replay->items);
		replay->id = id;
		replay->sub = sub;
		replay->dead_letters = oe_cell_bool(table, i, 3);
		replay->to_position = oe_cell_int8(table, i, 4);
		replay->read = oe_cell_int8(table, i, 5);
		replay->sent = oe_cell_int8(table, i, 6);
		replay->failed = oe_cell_int8(table, i, 7);
		dlist_push_tail(&sub->replays, &replay->node);
	}
	SPI_freetuptable(table);
}

/*
 * Has a replay of this subscription room for more items?
 */
bool
oe_replay_wanted(OeSub *sub)
{
	dlist_iter	it;

	if (!sub->active || sub->conf->nsigners == 0 || sub->written_at == 0)
		return false;
	dlist_foreach(it, &sub->replays)
	{
		OeReplay   *r = dlist_container(OeReplay, node, it.cur);

		if (!r->read_all && r->nitems <= OE_REPLAY_PREFETCH / 2 &&
			oe_sub_has_memory(sub))
			return true;
	}
	return false;
}

static void
oe_replay_item(OeReplay *replay, OeOutboxRow *row)
{
	OeSub	   *sub = replay->sub;
	OeKey	   *key;
	OeItem	   *item;

	/* what cannot be judged was told when it was to be sent first */
	if (!replay->dead_letters && oe_sub_judges(sub, row) != OE_WANTED)
	{
		if (sub->active)
			replay->read = row->position;
		return;
	}
	key = oe_key_of(sub, row);
	item = oe_item_make(sub, key, oe_event_make(row), OE_REPLAY);
	item->replay = replay;
	dlist_push_tail(&replay->items, &item->in_sub);
	replay->nitems++;
	replay->read = row->position;
	oe_key_schedule(key);
}

/*
 * Reads the next events of a subscription's replays, within oe_outbox_read().
 */
void
oe_replay_read(OeSub *sub)
{
	static const Oid types[3] = {INT8OID, INT8OID, INT4OID};
	dlist_iter	it;

	dlist_foreach(it, &sub->replays)
	{
		OeReplay   *replay = dlist_container(OeReplay, node, it.cur);
		int			limit = OE_REPLAY_PREFETCH - replay->nitems;
		Datum		values[3] = {Int64GetDatum(replay->id), Int64GetDatum(replay->read), Int32GetDatum(limit)};
		SPITupleTable *table;
		int64		rows;

		if (replay->read_all || limit < OE_REPLAY_PREFETCH / 2)
			continue;
		/* an extension of 0.1.0 filters by itself */
		(void) oe_spi(NULL, oe_own_column("subscription_progress", "filter_passed") ?
					  "SELECT e.* FROM odoo_events.replay_job r, odoo_events._replay_events(r, $2, $3, false) e WHERE r.id = $1 ORDER BY e.position" :
					  "SELECT e.* FROM odoo_events.replay_job r, odoo_events._replay_events(r, $2, $3) e WHERE r.id = $1 ORDER BY e.position",
					  3, types, values, NULL, true, 0);
		table = SPI_tuptable;
		rows = SPI_processed;
		for (int64 i = 0; i < rows && sub->active; i++)
		{
			OeOutboxRow row;

			oe_outbox_row_read(&row, table->vals[i], table->tupdesc, 0);
			oe_replay_item(replay, &row);
			oe_outbox_row_done(&row);
		}
		SPI_freetuptable(table);
		if (rows < limit && sub->active)
			replay->read_all = true;
		replay->dirty = true;
		sub->dirty = true;
	}
}

/*
 * A replayed event was accepted or given up.
 */
void
oe_replay_settle(OeReplay *replay, OeItem *item, bool sent)
{
	if (sent)
		replay->sent++;
	else
		replay->failed++;
	replay->dirty = true;
	if (sent && replay->dead_letters)
	{
		OeDeadLetter *d = oe_dead_letter_add();

		d->sub = item->sub->id;
		d->id = item->event->uuid;
		d->redelivered = true;
	}
	oe_item_settle(item);
}
