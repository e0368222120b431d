/*
 * recovery.c
 *	  Builds a subscription's memory from tables progress and held.
 *
 * Worker only, within the trusted transaction that loads the configuration.
 * What the previous worker had in flight is sent again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/message/previous_id.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/acknowledged.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/clock_shift.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/outbox_row.h"
#include "deliver/queue/recovery.h"

#define OE_RECOVER_CHUNK 200

/* A position that a subscription had in flight. */
typedef struct OePending
{
	int64		position;
	OeSub	   *sub;
	OeBatch    *batch;
} OePending;

static OePending *oe_pending = NULL;
static int	oe_npending = 0;
static int	oe_pending_size = 0;

static void
oe_pend(OeSub *sub, OeBatch *batch, Datum array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		OePending  *p;

		if (oe_npending == oe_pending_size)
		{
			oe_pending_size = Max(1024, oe_pending_size * 2);
			if (oe_pending == NULL)
				oe_pending = palloc(sizeof(OePending) * oe_pending_size);
			else
				oe_pending = repalloc(oe_pending, sizeof(OePending) * oe_pending_size);
		}
		p = &oe_pending[oe_npending++];
		p->position = DatumGetInt64(values[i]);
		p->sub = sub;
		p->batch = batch;
	}
	if (batch != NULL)
		batch->items = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeItem *) * Max(n, 1));
}

static int
oe_pending_compare(const void *a, const void *b)
{
	const OePending *x = a;
	const OePending *y = b;

	return x->position < y->position ? -1 : x->position > y->position ? 1 : 0;
}

static void
oe_recover_outcomes(OeSub *sub, Datum array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &n);
	for (int i = 0; i < Min(n, OE_REQUEST_OUTCOMES); i++)
		sub->outcomes[i] = DatumGetInt64(values[i]);
}

static void
oe_recover_openings(OeSub *sub, Datum array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &n);
	sub->nopenings = Min(n, OE_OPENINGS);
	for (int i = 0; i < sub->nopenings; i++)
		sub->openings[i] = DatumGetTimestampTz(values[i]);
}

static void
oe_recover_progress(const Oid *types, Datum *ids)
{
	SPITupleTable *table;

	(void) oe_spi(NULL, psprintf("SELECT subscription_id, cursor, in_flight, delivered, failed, filter_errors, breaker, not_before,"
								 " last_status, last_error, last_success_at, failing_since, at, outcomes, requests, gate, fired_at, probe_ms, %s"
								 " FROM odoo_events.subscription_progress WHERE subscription_id = ANY ($1)",
								 oe_own_column("subscription_progress", "openings") ?
								 "openings, filter_error_at, filter_error_position, filter_passed, filter_refused" :
								 "'{}'::timestamptz[], NULL::timestamptz, NULL::int8, 0::int8, 0::int8"),
				  1, types, ids, NULL, true, 0);
	table = SPI_tuptable;
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		OeSub	   *sub = oe_sub_find(oe_cell_int4(table, i, 1));
		bool		isnull;
		Datum		d;

		sub->cursor = oe_cell_int8(table, i, 2);
		oe_pend(sub, NULL, oe_cell(table, i, 3, &isnull));
		sub->delivered = oe_cell_int8(table, i, 4);
		sub->failed = oe_cell_int8(table, i, 5);
		sub->filter_errors = oe_cell_int8(table, i, 6);
		d = oe_cell(table, i, 7, &isnull);
		if (strcmp(TextDatumGetCString(d), "closed") != 0)
			sub->breaker = OE_BREAKER_OPEN;
		sub->not_before = oe_cell_int8(table, i, 8);
		sub->last_status = oe_cell_int4(table, i, 9);
		d = oe_cell(table, i, 10, &isnull);
		if (!isnull)
			strlcpy(sub->last_error, TextDatumGetCString(d), sizeof(sub->last_error));
		sub->last_success_at = oe_cell_int8(table, i, 11);
		sub->failing_since = oe_cell_int8(table, i, 12);
		sub->tried_at = oe_cell_int8(table, i, 13);
		oe_recover_outcomes(sub, oe_cell(table, i, 14, &isnull));
		/* the worker before us had them; none is ours */
		sub->requests_written = oe_cell_int4(table, i, 15);
		sub->release_position = oe_cell_int8(table, i, 16);
		sub->fired_at = oe_cell_int8(table, i, 17);
		sub->probe_ms = oe_cell_int4(table, i, 18);
		oe_recover_openings(sub, oe_cell(table, i, 19, &isnull));
		sub->filter_error_at = oe_cell_int8(table, i, 20);
		sub->filter_error_position = oe_cell_int8(table, i, 21);
		sub->filter_passed = oe_cell_int8(table, i, 22);
		sub->filter_refused = oe_cell_int8(table, i, 23);
		sub->seen = false;
	}
	SPI_freetuptable(table);
}

static void
oe_recover_batches(const Oid *types, Datum *ids)
{
	SPITupleTable *table;

	(void) oe_spi(NULL, "SELECT p.subscription_id, b ->> 'id', (b ->> 'attempts')::int4, (b ->> 'first')::int8, (b ->> 'next')::int8,"
				  " ARRAY(SELECT e::int8 FROM jsonb_array_elements_text(b -> 'positions') e)"
				  " FROM odoo_events.subscription_progress p, jsonb_array_elements(p.batches) b WHERE p.subscription_id = ANY ($1)",
				  1, types, ids, NULL, true, 0);
	table = SPI_tuptable;
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		OeSub	   *sub = oe_sub_find(oe_cell_int4(table, i, 1));
		bool		isnull;
		OeBatch    *batch = oe_batch_make(sub, NULL, 0, TextDatumGetCString(oe_cell(table, i, 2, &isnull)));

		batch->attempts = oe_cell_int4(table, i, 3);
		batch->first_at = oe_cell_int8(table, i, 4);
		batch->next_at = oe_cell_int8(table, i, 5);
		batch->state = batch->attempts > 0 ? OE_BATCH_WAITING : OE_BATCH_READY;
		oe_pend(sub, batch, oe_cell(table, i, 6, &isnull));
	}
	SPI_freetuptable(table);
}

static void
oe_recover_held(const Oid *types, Datum *ids)
{
	SPITupleTable *table;

	(void) oe_spi(NULL, "SELECT subscription_id, mode, key, position, upto, attempts, first_at, next_attempt_at, last_status, last_error"
				  " FROM odoo_events.held WHERE subscription_id = ANY ($1)",
				  1, types, ids, NULL, true, 0);
	table = SPI_tuptable;
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		OeSub	   *sub = oe_sub_find(oe_cell_int4(table, i, 1));
		bool		isnull;
		char		mode = TextDatumGetCString(oe_cell(table, i, 2, &isnull))[0];
		char	   *name = TextDatumGetCString(oe_cell(table, i, 3, &isnull));
		OeKey	   *key = oe_key_get(sub, mode, name, strlen(name));
		Datum		d;

		key->stored = true;
		key->blocked_from = oe_cell_int8(table, i, 4);
		key->upto = oe_cell_int8(table, i, 5);
		key->attempts = oe_cell_int4(table, i, 6);
		key->first_at = oe_cell_int8(table, i, 7);
		key->next_at = oe_cell_int8(table, i, 8);
		key->last_status = oe_cell_int4(table, i, 9);
		d = oe_cell(table, i, 10, &isnull);
		if (!isnull)
			key->last_error = MemoryContextStrdup(oe_delivery.cxt, TextDatumGetCString(d));
		/* the ordering was changed while no worker ran */
		if (mode == 'k' && sub->conf->ordering != 'k' && key->upto == 0)
		{
			key->upto = sub->cursor;
			oe_key_dirty(key);
		}
	}
	SPI_freetuptable(table);
}

/*
 * Puts one pending event back into the queue of its key, and into its batch.
 */
static void
oe_recover_item(OePending *p, OeOutboxRow *row)
{
	OeSub	   *sub = p->sub;
	OeKey	   *key;
	OeItem	   *item;

	if (oe_is_acknowledged(sub, row->position))
	{
		sub->dirty = true;
		return;
	}
	key = oe_key_of(sub, row);
	item = oe_item_make(sub, key, oe_event_make(row), OE_LIVE);
	if (p->batch != NULL)
	{
		item->batch = p->batch;
		p->batch->items[p->batch->n++] = item;
		key->busy++;
	}
}

/*
 * Loads the events of oe_pending[from..to-1], ordered by position.
 */
static void
oe_recover_chunk(int from, int to)
{
	static const Oid types[1] = {INT8ARRAYOID};
	Datum		positions[OE_RECOVER_CHUNK];
	Datum		values[1];
	SPITupleTable *table;
	int			at = from;

	for (int i = from; i < to; i++)
		positions[i - from] = Int64GetDatum(oe_pending[i].position);
	values[0] = PointerGetDatum(construct_array(positions, to - from, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	(void) oe_spi(NULL, "SELECT " OE_ROW_SQL
				  " FROM odoo_events.outbox_all o WHERE o.position = ANY ($1) ORDER BY o.position",
				  1, types, values, NULL, true, 0);
	table = SPI_tuptable;
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		OeOutboxRow row;

		oe_outbox_row_read(&row, table->vals[i], table->tupdesc, 0);
		while (at < to && oe_pending[at].position < row.position)
			at++;
		for (; at < to && oe_pending[at].position == row.position; at++)
			oe_recover_item(&oe_pending[at], &row);
	}
	SPI_freetuptable(table);
}

static void
oe_recover_items(void)
{
	int			from = 0;

	if (oe_npending == 0)
		return;
	qsort(oe_pending, oe_npending, sizeof(OePending), oe_pending_compare);
	while (from < oe_npending)
	{
		int			to = Min(from + OE_RECOVER_CHUNK, oe_npending);

		/* a position of several subscriptions stays in one chunk */
		while (to < oe_npending && to > from + 1 && oe_pending[to].position == oe_pending[to - 1].position)
			to--;
		oe_recover_chunk(from, to);
		from = to;
	}
}

/*
 * Collects keys.
 */
static void
oe_schedule_one(OeKey *key, void *arg)
{
	OeKey	 ***next = arg;

	*(*next)++ = key;
}

/*
 * Puts every key where it belongs.  Scheduling may free keys, so they are
 * collected first.
 */
static void
oe_schedule_all(OeSub *sub)
{
	OeKey	  **keys;
	OeKey	  **next;

	keys = next = palloc_extended(sizeof(OeKey *) * (Size) (oe_key_count(sub) + 1), MCXT_ALLOC_HUGE);
	oe_key_each(sub, oe_schedule_one, &next);
	for (OeKey **k = keys; k < next; k++)
		oe_key_schedule(*k);
	pfree(keys);
}

/*
 * Recovers subscriptions that this worker has not seen.  One without progress
 * comes from a backup: it begins with new events.
 */
void
oe_recovery_read(OeSub **subs, int n, int64 last_position)
{
	static const Oid types[1] = {INT4ARRAYOID};
	Datum	   *ids = palloc(sizeof(Datum) * n);
	Datum		values[1];

	for (int i = 0; i < n; i++)
	{
		ids[i] = Int32GetDatum(subs[i]->id);
		subs[i]->seen = true;
		/* an attempt before this one may have failed half way */
		while (!dlist_is_empty(&subs[i]->batches))
			oe_batch_free(dlist_head_element(OeBatch, node, &subs[i]->batches));
		oe_sub_forget_keys(subs[i]);
	}
	values[0] = PointerGetDatum(construct_array(ids, n, INT4OID, 4, true, TYPALIGN_INT));
	oe_pending = NULL;
	oe_npending = oe_pending_size = 0;
	oe_recover_progress(types, values);
	oe_recover_batches(types, values);
	oe_recover_items();
	oe_recover_held(types, values);
	oe_previous_id_recover(types, values);
	for (int i = 0; i < n; i++)
	{
		if (subs[i]->seen)
		{
			subs[i]->cursor = last_position;
			subs[i]->dirty = true;
		}
		subs[i]->seen = true;
		/* what was written lies ahead: the clock was set back meanwhile */
		if (subs[i]->tried_at > oe_delivery.now)
			oe_clock_shift(subs[i], oe_delivery.now - subs[i]->tried_at);
		subs[i]->written_at = oe_delivery.now;
		oe_schedule_all(subs[i]);
	}
}
