/*
 * command.c
 *	  Operators' orders: retry now, skip.
 *
 * Worker only, inside the transaction that loads configuration.  The tables
 * may say what memory has left behind by now: an order that fits nothing any
 * more is forgotten.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/session.h"
#include "deliver/internal.h"

/* Taken, still in the table. */
typedef struct OeCommand
{
	int64		id;
	int			waiting;		/* items that it is about are on their way */
} OeCommand;

static OeCommand *oe_commands = NULL;
static int	oe_ncommands = 0;
static int	oe_commands_size = 0;

/* What "skip" looks for. */
typedef struct OeSkip
{
	int64		position;
	OeKey	   *key;
} OeSkip;

/*
 * Notes that this order is being carried out.
 */
static void
oe_command_taken(int64 id)
{
	if (oe_ncommands == oe_commands_size)
	{
		int			size = Max(16, oe_commands_size * 2);

		if (oe_commands == NULL)
			oe_commands = MemoryContextAlloc(oe_deliver_cxt, size * sizeof(OeCommand));
		else
			oe_commands = repalloc(oe_commands, size * sizeof(OeCommand));
		oe_commands_size = size;
	}
	oe_commands[oe_ncommands++] = (OeCommand)
	{
		id, 0
	};
}

static OeCommand *
oe_command_find(int64 id)
{
	for (int i = 0; i < oe_ncommands; i++)
		if (oe_commands[i].id == id)
			return &oe_commands[i];
	elog(ERROR, "an order of an operator is forgotten");
}

/*
 * An item that this order waited for is settled.
 */
void
oe_command_settled(int64 id)
{
	oe_command_find(id)->waiting--;
}

/*
 * Has an order been carried out that still stands in the table?
 */
bool
oe_commands_done(void)
{
	for (int i = 0; i < oe_ncommands; i++)
		if (oe_commands[i].waiting == 0)
			return true;
	return false;
}

/*
 * The ids of those taken, or only of those carried out.
 */
static ArrayType *
oe_commands_array(bool done)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(oe_ncommands, 1));
	int			n = 0;

	for (int i = 0; i < oe_ncommands; i++)
		if (!done || oe_commands[i].waiting == 0)
			ids[n++] = Int64GetDatum(oe_commands[i].id);
	return construct_array(ids, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

static void
oe_skip_match(OeKey *key, void *arg)
{
	OeSkip	   *skip = arg;

	if (key->implicit_from == skip->position)
		skip->key = key;
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
 * An item in memory: at once, or, if it is on its way, when that fails.  Its
 * batch is taken apart; the other members are gathered anew.
 */
static void
oe_skip_item(OeItem *item, int64 order, const char *reason)
{
	OeKey	   *key = item->key;
	OeBatch    *batch = item->batch;
	int			attempts = key->attempts;
	TimestampTz first_at = key->first_at;

	if (batch != NULL && batch->state != OE_BATCH_BUSY)
	{
		attempts = batch->attempts;
		first_at = batch->first_at;
		oe_batch_take_apart(batch, false);
	}
	if (key->busy == 0)
	{
		oe_item_dies(item, Max(attempts, 1), first_at, item->sub->last_status, reason);
		oe_key_schedule(key);
		return;
	}
	if (item->skip_reason)
		return;
	item->skip_reason = MemoryContextStrdup(oe_deliver_cxt, reason);
	item->skip_order = order;
	oe_command_find(order)->waiting++;
}

/*
 * The head of a held key that is not in memory, or may be thrown out of it.
 */
static void
oe_skip_held(OeKey *key, int64 position, const char *reason)
{
	SPITupleTable *saved = SPI_tuptable;
	static const Oid types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(position)};
	bool		isnull;

	(void) oe_spi(NULL, "SELECT id FROM odoo_events.outbox_all WHERE position = $1", 1, types, values, NULL, true, 1);
	if (SPI_processed == 1)
	{
		OeDeath    *d = oe_death_add();

		d->sub = key->sub->id;
		d->position = position;
		d->id = *DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		d->attempts = key->attempts;
		d->first_at = key->first_at != 0 ? key->first_at : oe_now;
		d->last_at = oe_now;
		d->status = key->last_status;
		d->error = MemoryContextStrdup(oe_deliver_cxt, reason);
		oe_key_dies(key);
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = saved;
	while (!dlist_is_empty(&key->queue) && dlist_head_element(OeItem, in_key, &key->queue)->kind == OE_CHAINED)
		oe_item_free(dlist_head_element(OeItem, in_key, &key->queue));
	key->loaded_to = 0;
	oe_key_passed(key, position);
	oe_key_schedule(key);
}

/*
 * An event that is being retried becomes a dead letter by order.
 */
static void
oe_skip(OeSub *sub, int64 order, int64 position, const char *by)
{
	OeSkip		skip = {position, NULL};
	OeItem	   *item = oe_skip_live(sub, position);
	char	   *reason = psprintf("skipped by %s", by);

	oe_key_each(sub, oe_skip_match, &skip);
	if (item != NULL)
		oe_skip_item(item, order, reason);
	else if (skip.key != NULL && skip.key->busy > 0)
		oe_skip_item(dlist_head_element(OeItem, in_key, &skip.key->queue), order, reason);
	else if (skip.key != NULL)
		oe_skip_held(skip.key, position, reason);
}

static void
oe_due_now(OeKey *key, void *arg)
{
	if (key->implicit_from != 0 && key->next_at > oe_now)
	{
		key->next_at = oe_now;
		oe_key_dirty(key);
	}
	key->replay_at = 0;
}

/*
 * All that waits is due, and the breaker is closed.
 */
static void
oe_retry_now(OeSub *sub)
{
	dlist_iter	it;

	oe_breaker_reset(sub);
	if (sub->conf->cron != NULL)
		sub->fires_at = oe_now;
	oe_key_each(sub, oe_due_now, NULL);
	while (!pairingheap_is_empty(&sub->waiting))
		oe_key_schedule(pairingheap_container(OeKey, heap, pairingheap_first(&sub->waiting)));
	dlist_foreach(it, &sub->batches)
	{
		OeBatch    *batch = dlist_container(OeBatch, node, it.cur);

		if (batch->state == OE_BATCH_WAITING)
			batch->next_at = oe_now;
	}
}

/*
 * Carries out what operators ordered, inside the transaction that loads
 * configuration.  The orders stay in the table until what they led to is
 * written, an answer waited for included, and may come again after a crash.
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
		OeSub	   *sub = oe_sub_find(DatumGetInt32(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull)));
		char	   *what = TextDatumGetCString(SPI_getbinval(table->vals[i], table->tupdesc, 2, &isnull));
		char	   *by = TextDatumGetCString(SPI_getbinval(table->vals[i], table->tupdesc, 4, &isnull));
		Datum	   *positions;
		bool	   *nulls;
		int64		id = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 5, &isnull));
		int			n;

		oe_command_taken(id);
		if (sub == NULL)
			continue;
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(table->vals[i], table->tupdesc, 3, &isnull)),
						  INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &positions, &nulls, &n);
		if (strcmp(what, "retry_now") == 0)
			oe_retry_now(sub);
		for (int p = 0; p < n; p++)
			oe_skip(sub, id, DatumGetInt64(positions[p]), by);
	}
	SPI_freetuptable(table);
}

/*
 * Inside the settlement: what was ordered is done.
 */
void
oe_write_commands(void)
{
	static const Oid types[1] = {INT8ARRAYOID};
	Datum		values[1];

	if (!oe_commands_done())
		return;
	values[0] = PointerGetDatum(oe_commands_array(true));
	(void) oe_spi(NULL, "DELETE FROM odoo_events.command WHERE id = ANY ($1)", 1, types, values, NULL, false, 0);
}

/*
 * The settlement is committed: the rows are gone.
 */
void
oe_commands_written(void)
{
	int			n = 0;

	for (int i = 0; i < oe_ncommands; i++)
		if (oe_commands[i].waiting > 0)
			oe_commands[n++] = oe_commands[i];
	oe_ncommands = n;
}
