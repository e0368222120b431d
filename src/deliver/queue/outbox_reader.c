/*
 * outbox_reader.c
 *	  Reads events from the outbox into memory, as far as the limits allow.
 *
 * Worker only; one trusted transaction per call.  Subscriptions that stand at
 * about the same place share one reading.  blocked_loader.c and replay.c read
 * within the same transaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/plan.h"
#include "base/session.h"
#include "base/watch.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/blocked_loader.h"
#include "deliver/queue/filter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/outbox_reader.h"
#include "deliver/queue/outbox_row.h"
#include "deliver/queue/replay.h"
#include "deliver/queue/scheduler.h"

#define OE_READ_ROUNDS 4
#define OE_READ_US 2500
#define OE_TIP_SPAN 512			/* positions within which one reading serves
								 * all */
#define OE_READ_BYTES (1024 * 1024)
#define OE_STALL_US 1000000
#define OE_CHUNK_US 100000		/* of showing rows to subscriptions */

static const char oe_range_sql[] =
"SELECT " OE_ROW_SQL " FROM odoo_events.outbox_all o"
" WHERE o.position > $1 AND o.position <= $2 ORDER BY o.position LIMIT $3";
static SPIPlanPtr oe_range_plan = NULL;
static int	oe_average_size = 2048;
static int64 oe_taken = 0;		/* events that somebody wanted */

static int
oe_prefetch_limit(const OeConfiguration *conf)
{
	return Min(Max(2 * conf->batch_size * conf->max_in_flight, OE_PREFETCH_MIN), OE_PREFETCH_MAX);
}

static bool
oe_has_room(OeSub *sub, int window)
{
	if (sub->nlive >= window)
		return false;
	if (sub->conf->ordering == 's')
	{
		OeKey	   *key = oe_key_find(sub, 's', "", 0);

		if (key != NULL && (key->blocked_from != 0 || key->nqueue >= oe_key_items_max(sub->conf)))
			return false;
	}
	return oe_sub_has_memory(sub);
}

/*
 * Is it worth reading for this subscription now?
 */
static bool
oe_sub_reads(OeSub *sub, int64 last_position)
{
	return sub->active && sub->written_at != 0 && sub->conf->nsigners > 0 &&
		sub->cursor < oe_sub_tip(sub, last_position) &&
		sub->stalled_until <= oe_delivery.now &&
		oe_has_room(sub, oe_prefetch_limit(sub->conf) / 2);
}

/*
 * Is there anything for oe_outbox_read() to do?
 */
bool
oe_outbox_read_wanted(int64 last_position)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (oe_sub_reads(sub, last_position) || oe_sub_loads(sub) || oe_replay_wanted(sub))
			return true;
	}
	return false;
}

/*
 * Must further events of this key stay out of memory?
 */
static bool
oe_key_full(OeKey *key)
{
	OeItem	   *head;

	if (key->mode != 'k' || dlist_is_empty(&key->queue))
		return false;
	head = dlist_head_element(OeItem, in_key, &key->queue);
	return key->nqueue >= oe_key_items_max(key->sub->conf) || (head->batch != NULL && head->batch->attempts > 0);
}

/*
 * Offers the event after its cursor to a subscription; false if it cannot take
 * the event now.
 */
static bool
oe_take_in(OeSub *sub, OeOutboxRow *row)
{
	OeKey	   *key;
	OeVerdict	verdict = oe_sub_judges(sub, row);

	if (!sub->active)
		return false;
	if (verdict != OE_WANTED)
	{
		if (verdict == OE_UNJUDGED)
			oe_row_dies(sub, row);
		sub->cursor = row->position;
		sub->moved = true;
		return true;
	}
	key = oe_key_of(sub, row);
	if (key->blocked_from == 0 && oe_key_full(key))
		oe_key_block(key, row->position);
	if (key->blocked_from != 0)
	{
		/* bounded by an earlier change of the ordering: let it run dry */
		if (key->upto != 0 || key->mode != 'k')
		{
			sub->stalled_until = oe_delivery.now + OE_STALL_US;
			return false;
		}
		sub->cursor = row->position;
		sub->moved = true;
		return true;
	}
	key->upto = 0;
	(void) oe_item_make(sub, key, oe_event_make(row), OE_LIVE);
	oe_taken++;
	sub->cursor = row->position;
	sub->dirty = true;
	oe_key_schedule(key);
	return true;
}

/*
 * Shows a row to all that read; one that cannot take it in reads no more.
 * False if filters took so long that requests should have their turn: whoever
 * has not seen the row by then is shown it next time.
 */
static bool
oe_show(OeSub **subs, int n, OeOutboxRow *row, int64 last_position, TimestampTz end)
{
	for (int s = 0; s < n; s++)
	{
		bool		filters;

		if (subs[s] == NULL || subs[s]->cursor >= row->position ||
			row->position > oe_sub_tip(subs[s], last_position))
			continue;
		filters = subs[s]->conf->filter != NULL;
		if (!oe_has_room(subs[s], oe_prefetch_limit(subs[s]->conf)) || !oe_take_in(subs[s], row))
			subs[s] = NULL;
		if (filters && GetCurrentTimestamp() > end)
			return false;
	}
	return true;
}

/*
 * Reads one chunk after "from" and offers it to all readers.
 */
static void
oe_read_chunk(OeSub **subs, int n, int64 from, int64 last_position)
{
	static const Oid types[3] = {INT8OID, INT8OID, INT8OID};
	int64		limit = Min(Max(OE_READ_BYTES / Max(oe_average_size, 1), 16), 512);
	Datum		values[3] = {Int64GetDatum(from), Int64GetDatum(last_position), Int64GetDatum(limit)};
	TimestampTz end = GetCurrentTimestamp() + OE_CHUNK_US;
	SPITupleTable *table;
	bool		late = false;
	int64		rows;

	(void) oe_spi(&oe_range_plan, oe_range_sql, 3, types, values, NULL, true, 0);
	table = SPI_tuptable;
	rows = SPI_processed;
	for (int64 i = 0; i < rows && !late; i++)
	{
		OeOutboxRow row;

		oe_outbox_row_read(&row, table->vals[i], table->tupdesc, 0);
		late = !oe_show(subs, n, &row, last_position, end);
		oe_average_size += (row.body_len - oe_average_size) / 16;
		oe_outbox_row_done(&row);
	}
	SPI_freetuptable(table);
	if (late || rows == limit)
		return;
	for (int s = 0; s < n; s++)
	{
		int64		tip = subs[s] ? oe_sub_tip(subs[s], last_position) : 0;

		if (subs[s] != NULL && subs[s]->cursor < tip)
		{
			subs[s]->cursor = tip;
			subs[s]->moved = true;
		}
	}
}

/*
 * Collects the subscriptions that read and stand between "from" and "to".
 */
static int
oe_readers(OeSub **subs, int64 from, int64 to, int64 last_position)
{
	int			n = 0;
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->cursor >= from && sub->cursor <= to && oe_sub_reads(sub, last_position))
			subs[n++] = sub;
	}
	return n;
}

/*
 * Reads one chunk for all of them, from where the last one stands.
 */
static void
oe_read_group(OeSub **subs, int n, int64 last_position)
{
	int64		from = PG_INT64_MAX;

	for (int i = 0; i < n; i++)
		from = Min(from, subs[i]->cursor);
	oe_read_chunk(subs, n, from, last_position);
}

/*
 * Of those that lag behind, the one that has read least for its weight.
 */
static OeSub *
oe_next_laggard(int64 tip, int64 last_position)
{
	OeSub	   *next = NULL;
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->cursor >= tip || !oe_sub_reads(sub, last_position))
			continue;
		if (next == NULL || (sub->conf->cron == NULL && next->conf->cron != NULL) ||
			((sub->conf->cron == NULL) == (next->conf->cron == NULL) && sub->read_pass < next->read_pass))
			next = sub;
	}
	return next;
}

/*
 * Subscriptions near the tip share one reading, which comes first, so that
 * those that lag behind do not delay them.  Then the backlog is read for a few
 * milliseconds, together for subscriptions that stand close to one another.
 * Returns whether there was something new.
 */
static bool
oe_read_new(int64 last_position)
{
	static double pass = 0;		/* of the laggard that read last */
	static bool waited = false;
	int64		taken = oe_taken;
	OeSub	  **subs = palloc(sizeof(OeSub *) * Max(oe_delivery.nsubs, 1));
	int64		tip = Max(last_position - OE_TIP_SPAN, 0);
	TimestampTz end = GetCurrentTimestamp() + OE_READ_US;
	bool		fresh;
	int			n = oe_readers(subs, tip, PG_INT64_MAX, last_position);

	if (n > 0)
		oe_read_group(subs, n, last_position);
	fresh = oe_taken != taken;
	waited = fresh && !waited;
	for (int round = 0; round < OE_READ_ROUNDS && !waited; round++)
	{
		OeSub	   *first = oe_next_laggard(tip, last_position);

		if (first == NULL || (round > 0 && GetCurrentTimestamp() > end))
			break;
		n = oe_readers(subs, first->cursor, Min(first->cursor + OE_TIP_SPAN, tip - 1), last_position);
		first->read_pass = Max(first->read_pass, pass);
		pass = first->read_pass;
		for (int i = 0; i < n; i++)
			subs[i]->read_pass = Max(subs[i]->read_pass, pass) + 1 / oe_weight(subs[i]);
		oe_read_group(subs, n, last_position);
	}
	pfree(subs);
	return fresh;
}

/*
 * One transaction: new events, due blocked events, replays.  Returns whether
 * there was something new at the tip.
 */
bool
oe_outbox_read(int64 last_position)
{
	OeSession	session;
	bool		fresh;
	bool		watched;
	dlist_iter	it;

	oe_own_begin(&session);
	oe_plan_by_index();
	watched = oe_watch_on();
	fresh = oe_read_new(last_position);
	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (oe_sub_loads(sub))
			oe_load_due(sub);
		if (oe_replay_wanted(sub))
			oe_replay_read(sub);
	}
	oe_watch_off(watched);
	OE_FAULT("deliver-read");
	oe_own_end(&session);
	return fresh;
}
