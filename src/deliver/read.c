/*
 * read.c
 *	  Takes events from the outbox into memory, as far as bounds allow.
 *
 * Worker only; one transaction of own work per call.  Subscriptions that
 * stand at about the same place share one reading.  Heads of held keys are
 * loaded here too, when they are due.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/session.h"
#include "deliver/internal.h"

#define OE_ROW_COLUMNS 9
#define OE_READ_ROUNDS 4
#define OE_READ_BYTES (1024 * 1024)
#define OE_LOAD_KEYS 64
#define OE_STALL_US 1000000

#define OE_ROW_SQL "o.position, o.id, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, o.event"

static const char oe_range_sql[] =
"SELECT " OE_ROW_SQL " FROM odoo_events.outbox_all o"
" WHERE o.position > $1 AND o.position <= $2 ORDER BY o.position LIMIT $3";

static const char oe_chain_sql[] =
"SELECT k.n, " OE_ROW_SQL " FROM unnest($1::text[], $2::int8[], $3::int8[]) WITH ORDINALITY k(key, lo, hi, n)"
" CROSS JOIN LATERAL (SELECT * FROM odoo_events.outbox_all x WHERE x.partitionkey = k.key"
"  AND x.position >= k.lo AND x.position <= k.hi ORDER BY x.position LIMIT $4) o"
" ORDER BY k.n, o.position";

static const char oe_single_sql[] =
"SELECT k.n, " OE_ROW_SQL " FROM unnest($1::int8[]) WITH ORDINALITY k(position, n)"
" JOIN odoo_events.outbox_all o ON o.position = k.position ORDER BY k.n";

static SPIPlanPtr oe_range_plan = NULL;
static SPIPlanPtr oe_chain_plan = NULL;
static SPIPlanPtr oe_single_plan = NULL;
static int	oe_average_size = 2048;

/*
 * Plans are made while the outbox is small and used when it is large.
 */
static void
oe_plan_by_index(void)
{
	static const char *const off[] = {"enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_hashjoin", "enable_mergejoin"};

	for (int i = 0; i < lengthof(off); i++)
		(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

static const char *
oe_text_of(Datum d, int *len)
{
	text	   *t = DatumGetTextPP(d);

	*len = VARSIZE_ANY_EXHDR(t);
	return VARDATA_ANY(t);
}

/*
 * Takes a row apart; "first" columns stand before the row's own.  What it
 * points to is valid until the tuple or the memory context goes.
 */
void
oe_row_from(OeRow *row, HeapTuple tup, TupleDesc desc, int first)
{
	Datum		values[OE_ROW_COLUMNS + 1];
	bool		nulls[OE_ROW_COLUMNS + 1];
	Datum	   *v = values + first;

	Assert(desc->natts <= OE_ROW_COLUMNS + 1);
	heap_deform_tuple(tup, desc, values, nulls);
	memset(row, 0, sizeof(*row));
	row->position = DatumGetInt64(v[0]);
	row->id = DatumGetUUIDP(v[1]);
	row->type = oe_text_of(v[2], &row->type_len);
	row->subject = oe_text_of(v[3], &row->subject_len);
	row->key = oe_text_of(v[4], &row->key_len);
	row->has_company = !nulls[first + 5];
	row->company = row->has_company ? DatumGetInt32(v[5]) : 0;
	row->has_warehouse = !nulls[first + 6];
	row->warehouse = row->has_warehouse ? DatumGetInt32(v[6]) : 0;
	row->body = oe_text_of(v[7], &row->body_len);
}

/*
 * The row has been shown to all who might want it.
 */
void
oe_row_done(OeRow *row)
{
	oe_average_size += (row->body_len - oe_average_size) / 16;
}

static int
oe_window(const OeConf *conf)
{
	return Min(Max(2 * conf->batch_size * conf->max_in_flight, OE_WINDOW_MIN), OE_WINDOW_MAX);
}

/*
 * How many items of one key there may be in memory.
 */
static int
oe_chain_max(const OeConf *conf)
{
	return Max(OE_CHAIN_MAX, 2 * conf->batch_size);
}

static bool
oe_has_room(OeSub *sub, int window)
{
	if (sub->nlive >= window)
		return false;
	if (sub->conf->ordering == 's')
	{
		OeKey	   *key = oe_key_find(sub, 's', "", 0);

		if (key != NULL && (key->implicit_from != 0 || key->nqueue >= oe_chain_max(sub->conf)))
			return false;
	}
	return sub->bytes < OE_BYTES_SHARE || oe_event_bytes < OE_BYTES_MAX;
}

/*
 * Is it worth reading for this subscription now?
 */
static bool
oe_sub_reads(OeSub *sub, int64 last_position)
{
	return sub->active && sub->written_at != 0 && sub->conf->secret != NULL && sub->cursor < last_position &&
		sub->stalled_until <= oe_now &&
		oe_has_room(sub, oe_window(sub->conf) / 2);
}

/*
 * Are heads of held keys to be loaded?  Not while the breaker is open, but
 * for the probe, nor when there is enough to do.
 */
static bool
oe_sub_loads(OeSub *sub)
{
	return sub->active && sub->conf->secret != NULL && !dlist_is_empty(&sub->loading) &&
		(sub->breaker == OE_BREAKER_CLOSED ? sub->not_before <= oe_now &&
		 sub->nready < 2 * sub->conf->max_in_flight * sub->conf->batch_size :
		 sub->nready == 0 && sub->not_before <= oe_now);
}

/*
 * Is there anything for oe_read() to do?
 */
bool
oe_read_wanted(int64 last_position)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (oe_sub_reads(sub, last_position) || oe_sub_loads(sub) || oe_replay_wanted(sub))
			return true;
	}
	return false;
}

/*
 * The key an event is ordered by, for this subscription.
 */
static OeKey *
oe_key_of(OeSub *sub, OeRow *row)
{
	char		number[24];

	switch (sub->conf->ordering)
	{
		case 'n':
			return oe_key_get(sub, 'n', number, snprintf(number, sizeof(number), INT64_FORMAT, row->position));
		case 's':
			return oe_key_get(sub, 's', "", 0);
		default:
			return oe_key_get(sub, 'k', row->key, row->key_len);
	}
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
	return key->nqueue >= oe_chain_max(key->sub->conf) || (head->batch != NULL && head->batch->attempts > 0);
}

/*
 * Shows a subscription the event after its cursor; false if it cannot take it
 * in now.
 */
static bool
oe_take_in(OeSub *sub, OeRow *row)
{
	OeKey	   *key;

	if (!oe_sub_wants(sub, row))
	{
		sub->cursor = row->position;
		sub->moved = true;
		return true;
	}
	key = oe_key_of(sub, row);
	if (key->implicit_from == 0 && oe_key_full(key))
		oe_key_imply(key, row->position);
	if (key->implicit_from != 0)
	{
		/* bounded by an earlier change of the ordering: let it run dry */
		if (key->upto != 0 || key->mode != 'k')
		{
			sub->stalled_until = oe_now + OE_STALL_US;
			return false;
		}
		sub->cursor = row->position;
		sub->moved = true;
		return true;
	}
	key->upto = 0;
	(void) oe_item_make(sub, key, oe_event_make(row), OE_LIVE);
	sub->cursor = row->position;
	sub->dirty = true;
	oe_key_schedule(key);
	return true;
}

/*
 * Reads one chunk after "from" and shows it to all that read; false if there
 * was nothing left.
 */
static bool
oe_read_chunk(OeSub **subs, int n, int64 from, int64 last_position)
{
	static const Oid types[3] = {INT8OID, INT8OID, INT8OID};
	int64		limit = Min(Max(OE_READ_BYTES / Max(oe_average_size, 1), 16), 512);
	Datum		values[3] = {Int64GetDatum(from), Int64GetDatum(last_position), Int64GetDatum(limit)};
	SPITupleTable *table;
	int64		rows;

	(void) oe_spi(&oe_range_plan, oe_range_sql, 3, types, values, NULL, true, 0);
	table = SPI_tuptable;
	rows = SPI_processed;
	for (int64 i = 0; i < rows; i++)
	{
		OeRow		row;

		oe_row_from(&row, table->vals[i], table->tupdesc, 0);
		for (int s = 0; s < n; s++)
		{
			if (subs[s] == NULL || subs[s]->cursor >= row.position)
				continue;
			if (!oe_has_room(subs[s], oe_window(subs[s]->conf)) || !oe_take_in(subs[s], &row))
				subs[s] = NULL;
		}
		oe_row_done(&row);
	}
	SPI_freetuptable(table);
	if (rows == limit)
		return true;
	for (int s = 0; s < n; s++)
		if (subs[s] != NULL && subs[s]->cursor < last_position)
		{
			subs[s]->cursor = last_position;
			subs[s]->moved = true;
		}
	return false;
}

static void
oe_read_new(int64 last_position)
{
	OeSub	  **subs;
	int			n = 0;
	dlist_iter	it;

	dlist_foreach(it, &oe_subs)
		n++;
	subs = palloc(sizeof(OeSub *) * Max(n, 1));
	for (int round = 0; round < OE_READ_ROUNDS; round++)
	{
		int64		from = PG_INT64_MAX;

		n = 0;
		dlist_foreach(it, &oe_subs)
		{
			OeSub	   *sub = dlist_container(OeSub, node, it.cur);

			if (!oe_sub_reads(sub, last_position))
				continue;
			subs[n++] = sub;
			from = Min(from, sub->cursor);
		}
		if (n == 0)
			break;
		(void) oe_read_chunk(subs, n, from, last_position);
	}
	pfree(subs);
}

/*
 * Queues the loaded events of a held key; "complete" if there are no more of
 * it up to "hi".
 */
static void
oe_chain_loaded(OeKey *key, int64 hi, int64 last_row, bool complete)
{
	bool		found = !dlist_is_empty(&key->queue);
	int64		covered = Max(complete ? hi : last_row, key->implicit_from);

	key->loaded_to = covered;
	if (!found)
	{
		/* filtered out meanwhile, or settled to the end */
		oe_key_passed(key, covered);
	}
	else if (dlist_head_element(OeItem, in_key, &key->queue)->event->position != key->implicit_from)
		oe_key_passed(key, key->implicit_from - 1);
	oe_key_schedule(key);
}

/*
 * Shows the rows of keys[0..n-1], numbered from 1 in the first column.
 */
static void
oe_chain_take(OeKey **keys, int n, const int64 *hi, int limit)
{
	SPITupleTable *table = SPI_tuptable;
	int64		rows = SPI_processed;
	int64		at = 0;

	for (int k = 0; k < n; k++)
	{
		int			seen = 0;
		int64		last_row = keys[k]->implicit_from;

		for (; at < rows; at++)
		{
			OeRow		row;
			bool		isnull;

			if (DatumGetInt64(SPI_getbinval(table->vals[at], table->tupdesc, 1, &isnull)) != k + 1)
				break;
			oe_row_from(&row, table->vals[at], table->tupdesc, 1);
			seen++;
			last_row = row.position;
			/* what is being retried is retried whatever the filter says now */
			if ((keys[k]->attempts > 0 && row.position == keys[k]->implicit_from) ||
				oe_sub_wants(keys[k]->sub, &row))
				(void) oe_item_make(keys[k]->sub, keys[k], oe_event_make(&row), OE_CHAINED);
		}
		oe_chain_loaded(keys[k], hi[k], last_row, limit == 0 || seen < limit);
	}
	SPI_freetuptable(table);
}

static void
oe_load_chains(OeKey **keys, int n)
{
	static const Oid types[4] = {TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8OID};
	Datum		names[OE_LOAD_KEYS];
	Datum		lo[OE_LOAD_KEYS];
	Datum		his[OE_LOAD_KEYS];
	int64		hi[OE_LOAD_KEYS];
	int			most = oe_chain_max(keys[0]->sub->conf);
	int			limit = Min(Max(Max(256, most) / n, 2), most);
	Datum		values[4];

	for (int i = 0; i < n; i++)
	{
		names[i] = PointerGetDatum(cstring_to_text_with_len(keys[i]->name, keys[i]->name_len));
		lo[i] = Int64GetDatum(keys[i]->implicit_from);
		hi[i] = keys[i]->upto != 0 ? Min(keys[i]->upto, keys[i]->sub->cursor) : keys[i]->sub->cursor;
		his[i] = Int64GetDatum(hi[i]);
	}
	values[0] = PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_array(lo, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[2] = PointerGetDatum(construct_array(his, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = Int64GetDatum(limit);
	(void) oe_spi(&oe_chain_plan, oe_chain_sql, 4, types, values, NULL, true, 0);
	oe_chain_take(keys, n, hi, limit);
}

/*
 * Heads of keys that consist of one event only.
 */
static void
oe_load_singles(OeKey **keys, int n)
{
	static const Oid types[1] = {INT8ARRAYOID};
	Datum		positions[OE_LOAD_KEYS];
	int64		hi[OE_LOAD_KEYS];
	Datum		values[1];

	for (int i = 0; i < n; i++)
	{
		hi[i] = keys[i]->implicit_from;
		positions[i] = Int64GetDatum(hi[i]);
	}
	values[0] = PointerGetDatum(construct_array(positions, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	(void) oe_spi(&oe_single_plan, oe_single_sql, 1, types, values, NULL, true, 0);
	oe_chain_take(keys, n, hi, 0);
}

/*
 * Loads what is due of one subscription: a bounded number of keys.
 */
static void
oe_load_due(OeSub *sub)
{
	OeKey	   *chains[OE_LOAD_KEYS];
	OeKey	   *singles[OE_LOAD_KEYS];
	int			nchains = 0;
	int			nsingles = 0;
	dlist_iter	it;

	dlist_foreach(it, &sub->loading)
	{
		OeKey	   *key = dlist_container(OeKey, link, it.cur);

		if (nchains + nsingles == OE_LOAD_KEYS || (sub->breaker != OE_BREAKER_CLOSED && nchains + nsingles == 1))
			break;
		if (key->mode == 'k')
			chains[nchains++] = key;
		else
			singles[nsingles++] = key;
	}
	if (nchains > 0)
		oe_load_chains(chains, nchains);
	if (nsingles > 0)
		oe_load_singles(singles, nsingles);
}

/*
 * One transaction: new events, due heads, replays.
 */
void
oe_read(int64 last_position)
{
	OeSession	session;
	dlist_iter	it;

	oe_own_begin(&session);
	oe_plan_by_index();
	oe_read_new(last_position);
	dlist_foreach(it, &oe_subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (oe_sub_loads(sub))
			oe_load_due(sub);
		if (oe_replay_wanted(sub))
			oe_replay_read(sub);
	}
	oe_own_end(&session);
}
