/*
 * command.c
 *	  Operators' commands: retry now, skip, acknowledge.
 *
 * Worker only, within the transaction that loads the configuration.  A command
 * may refer to an event that has been delivered meanwhile; then it is ignored.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/command_list.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/breaker.h"
#include "deliver/queue/command.h"
#include "deliver/queue/dead_letter.h"
#include "deliver/queue/ordering_key.h"

/* What is to be skipped, or was settled by hand. */
typedef struct OeSkip
{
	int64		position;
	OeKey	   *key;			/* that it blocks */
	OeItem	   *item;			/* in memory, of a blocked key */
	const char *reason;			/* of the dead letter */
	bool		by_hand;		/* there is none */
} OeSkip;

static void
oe_skip_match(OeKey *key, void *arg)
{
	OeSkip	   *skip = arg;

	if (key->blocked_from == skip->position)
		skip->key = key;
	if (skip->by_hand && key->blocked_from != 0)
	{
		dlist_iter	it;

		dlist_foreach(it, &key->queue)
		{
			OeItem	   *item = dlist_container(OeItem, in_key, it.cur);

			if (item->event->position == skip->position)
				skip->item = item;
		}
	}
}

static OeItem *
oe_skip_live(OeSub *sub, int64 position)
{
	dlist_iter	it;

	dlist_foreach(it, &sub->live)
	{
		OeItem	   *item = dlist_container(OeItem, in_sub, it.cur);

		if (item->event->position == position)
			return item;
	}
	return NULL;
}

/*
 * Settles an item that waits behind others of its key: they are not concerned.
 * False if it is the first, or in a request or batch.
 */
static bool
oe_settle_behind(OeItem *item)
{
	OeKey	   *key = item->key;

	if (item->batch != NULL || dlist_head_element(OeItem, in_key, &key->queue) == item)
		return false;
	item->sub->dirty = true;
	oe_item_free(item);
	oe_key_schedule(key);
	return true;
}

/*
 * Skips an item in memory: at once, or, while it is in a request, when that
 * fails.  Its batch is dissolved, and the other members form new ones.
 */
static void
oe_skip_item(OeItem *item, int64 order, const OeSkip *skip)
{
	OeKey	   *key = item->key;
	OeBatch    *batch = item->batch;
	int			attempts = key->attempts;
	TimestampTz first_at = key->first_at;

	if (skip->by_hand && oe_settle_behind(item))
		return;
	item->by_hand = item->by_hand || skip->by_hand;
	if (batch != NULL && batch->state != OE_BATCH_BUSY)
	{
		attempts = batch->attempts;
		first_at = batch->first_at;
		oe_batch_take_apart(batch, false);
	}
	if (key->busy == 0)
	{
		oe_item_dead_letter(item, Max(attempts, 1), first_at, item->sub->last_status, skip->reason);
		oe_key_schedule(key);
		return;
	}
	if (item->skip_reason)
		return;
	item->skip_reason = MemoryContextStrdup(oe_delivery.cxt, skip->reason);
	item->skip_order = order;
	oe_command_find(order)->waiting++;
}

/*
 * The dead letter of the first event of a blocked key.
 */
static void
oe_skip_dead_letter(OeKey *key, const OeSkip *skip)
{
	SPITupleTable *saved = SPI_tuptable;
	static const Oid types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(skip->position)};
	bool		isnull;

	(void) oe_spi(NULL, "SELECT id FROM odoo_events.outbox_all WHERE position = $1", 1, types, values, NULL, true, 1);
	if (SPI_processed == 1)
	{
		OeDeadLetter *d = oe_dead_letter_add();

		d->sub = key->sub->id;
		d->position = skip->position;
		d->id = *DatumGetUUIDP(oe_cell(SPI_tuptable, 0, 1, &isnull));
		d->attempts = key->attempts;
		d->first_at = key->first_at != 0 ? key->first_at : oe_delivery.now;
		d->last_at = oe_delivery.now;
		d->status = key->last_status;
		d->error = MemoryContextStrdup(oe_delivery.cxt, skip->reason);
		oe_key_dead_letter(key);
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = saved;
}

/*
 * Skips the first event of a blocked key, which may not be in memory.
 */
static void
oe_skip_held(OeKey *key, const OeSkip *skip)
{
	if (!skip->by_hand)
		oe_skip_dead_letter(key, skip);
	while (!dlist_is_empty(&key->queue) && dlist_head_element(OeItem, in_key, &key->queue)->kind == OE_BLOCKED)
		oe_item_free(dlist_head_element(OeItem, in_key, &key->queue));
	key->loaded_to = 0;
	oe_key_passed(key, skip->position);
	oe_key_schedule(key);
}

/*
 * Makes a dead letter of an event that is being retried; or, by hand, settles
 * any event that is in memory or blocks its key.
 */
static void
oe_skip(OeSub *sub, int64 order, int64 position, const char *by, bool by_hand)
{
	OeSkip		skip = {position, NULL, NULL, psprintf("skipped by %s", by), by_hand};
	OeItem	   *item = oe_skip_live(sub, position);

	oe_key_each(sub, oe_skip_match, &skip);
	if (item == NULL && skip.key == NULL)
		item = skip.item;
	if (item != NULL)
		oe_skip_item(item, order, &skip);
	else if (skip.key != NULL && skip.key->busy > 0)
		oe_skip_item(dlist_head_element(OeItem, in_key, &skip.key->queue), order, &skip);
	else if (skip.key != NULL)
		oe_skip_held(skip.key, &skip);
}

static void
oe_due_now(OeKey *key, void *arg)
{
	if (key->blocked_from != 0 && key->next_at > oe_delivery.now)
	{
		key->next_at = oe_delivery.now;
		oe_key_dirty(key);
	}
	key->replay_at = 0;
}

/*
 * Makes everything due that waits for a retry, and closes the breaker.
 */
static void
oe_retry_now(OeSub *sub)
{
	dlist_iter	it;

	oe_breaker_reset(sub);
	if (sub->conf->cron != NULL)
		sub->fires_at = oe_delivery.now;
	oe_key_each(sub, oe_due_now, NULL);
	while (!pairingheap_is_empty(&sub->waiting))
		oe_key_schedule(pairingheap_container(OeKey, heap, pairingheap_first(&sub->waiting)));
	dlist_foreach(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		if (batch->state == OE_BATCH_WAITING)
			batch->next_at = oe_delivery.now;
	}
}

/*
 * Makes the keys due whose first events have these positions.  The breaker is
 * the whole subscription's, and stays.
 */
static void
oe_retry_some(OeSub *sub, Datum *positions, int n)
{
	for (int i = 0; i < n; i++)
	{
		OeSkip		found = {.position = DatumGetInt64(positions[i])};

		oe_key_each(sub, oe_skip_match, &found);
		if (found.key == NULL)
			continue;
		oe_due_now(found.key, NULL);
		oe_key_schedule(found.key);
	}
}

/*
 * Carries out commands, within the transaction that loads the configuration.
 * Their rows stay until the consequences are committed, so a command may be
 * repeated after a crash.
 */
void
oe_commands_take(void)
{
	static const Oid types[1] = {INT8ARRAYOID};
	Datum		values[1] = {PointerGetDatum(oe_commands_array(false))};
	SPITupleTable *table;
	int64		rows;

	(void) oe_spi(NULL, "SELECT subscription_id, what, positions, by, id FROM odoo_events.command WHERE id <> ALL ($1) ORDER BY id",
				  1, types, values, NULL, true, 0);
	table = SPI_tuptable;
	rows = SPI_processed;
	for (int64 i = 0; i < rows; i++)
	{
		bool		isnull;
		OeSub	   *sub = oe_sub_find(oe_cell_int4(table, i, 1));
		char	   *what = TextDatumGetCString(SPI_getbinval(table->vals[i], table->tupdesc, 2, &isnull));
		char	   *by = TextDatumGetCString(SPI_getbinval(table->vals[i], table->tupdesc, 4, &isnull));
		Datum	   *positions;
		bool	   *nulls;
		int64		id = oe_cell_int8(table, i, 5);
		int			n;

		oe_command_taken(id);
		if (sub == NULL)
			continue;
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(table->vals[i], table->tupdesc, 3, &isnull)),
						  INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &positions, &nulls, &n);
		if (strcmp(what, "skip") == 0 || strcmp(what, "acknowledge") == 0)
			for (int p = 0; p < n; p++)
				oe_skip(sub, id, DatumGetInt64(positions[p]), by, what[0] == 'a');
		else if (n > 0)
			oe_retry_some(sub, positions, n);
		else
			oe_retry_now(sub);
	}
	SPI_freetuptable(table);
}
