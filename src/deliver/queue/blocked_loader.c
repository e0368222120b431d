/*
 * blocked_loader.c
 *	  Loads events of blocked keys whose retry is due: the first one, and
 *	  those behind it.
 *
 * Worker only, within the trusted transaction that outbox_reader.c opens.
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
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/acknowledged.h"
#include "deliver/queue/blocked_loader.h"
#include "deliver/queue/filter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/outbox_row.h"

#define OE_LOAD_KEYS 64

static const char oe_chain_sql[] =
"SELECT k.n, " OE_ROW_SQL " FROM unnest($1::text[], $2::int8[], $3::int8[]) WITH ORDINALITY k(key, lo, hi, n)"
" CROSS JOIN LATERAL (SELECT * FROM odoo_events.outbox_all x WHERE x.partitionkey = k.key"
"  AND x.position >= k.lo AND x.position <= k.hi ORDER BY x.position LIMIT $4) o"
" ORDER BY k.n, o.position";
static const char oe_single_sql[] =
"SELECT k.n, " OE_ROW_SQL " FROM unnest($1::int8[]) WITH ORDINALITY k(position, n)"
" JOIN odoo_events.outbox_all o ON o.position = k.position ORDER BY k.n";

/*
 * Should events of blocked keys be loaded? Not while the breaker is open,
 * except for a probe, and not while enough other items are ready.
 */
bool
oe_sub_loads(OeSub *sub)
{
	return sub->active && sub->conf->nsigners > 0 && !dlist_is_empty(&sub->loading) &&
		(sub->breaker == OE_BREAKER_CLOSED ? sub->not_before <= oe_delivery.now &&
		 sub->nready < 2 * sub->conf->max_in_flight * sub->conf->batch_size :
		 sub->nready == 0 && sub->not_before <= oe_delivery.now);
}

/*
 * Queues the loaded events of a blocked key.  "complete": there are no more of
 * them up to "hi".
 */
static void
oe_chain_loaded(OeKey *key, int64 hi, int64 last_row, bool complete)
{
	bool		found = !dlist_is_empty(&key->queue);
	int64		covered = Max(complete ? hi : last_row, key->blocked_from);

	key->loaded_to = covered;
	if (!found)
	{
		/* filtered out meanwhile, or settled to the end */
		oe_key_passed(key, covered);
	}
	else if (dlist_head_element(OeItem, in_key, &key->queue)->event->position != key->blocked_from)
		oe_key_passed(key, key->blocked_from - 1);
	oe_key_schedule(key);
}

/*
 * Shows a row of a blocked key to its subscription.  False if that became
 * inactive over it: then the row counts as not seen.
 */
static bool
oe_chain_row(OeKey *key, OeOutboxRow *row)
{
	OeVerdict	verdict = OE_WANTED;

	if (!key->sub->active)
		return false;
	/* what is being retried is retried whatever the filter says now */
	if (key->attempts == 0 || row->position != key->blocked_from || oe_is_acknowledged(key->sub, row->position))
		verdict = oe_sub_judges(key->sub, row);
	if (key->sub->active && verdict == OE_WANTED)
		(void) oe_item_make(key->sub, key, oe_event_make(row), OE_BLOCKED);
	else if (key->sub->active && verdict == OE_UNJUDGED)
		oe_row_dies(key->sub, row);
	oe_outbox_row_done(row);
	return key->sub->active;
}

/*
 * Handles the rows of keys[0..n-1]; the first column numbers the keys from 1.
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
		bool		stopped = false;
		int64		last_row = keys[k]->blocked_from;

		for (; at < rows; at++)
		{
			OeOutboxRow row;

			if (oe_cell_int8(table, at, 1) != k + 1)
				break;
			oe_outbox_row_read(&row, table->vals[at], table->tupdesc, 1);
			stopped = stopped || !oe_chain_row(keys[k], &row);
			if (stopped)
				continue;
			seen++;
			last_row = row.position;
		}
		if (stopped && seen == 0)
			oe_key_schedule(keys[k]);	/* as it was, for when it goes on */
		else
			oe_chain_loaded(keys[k], hi[k], last_row, !stopped && (limit == 0 || seen < limit));
	}
	SPI_freetuptable(table);
}

static SPIPlanPtr oe_chain_plan = NULL;
static SPIPlanPtr oe_single_plan = NULL;

static void
oe_load_chains(OeKey **keys, int n)
{
	static const Oid types[4] = {TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8OID};
	Datum		names[OE_LOAD_KEYS];
	Datum		lo[OE_LOAD_KEYS];
	Datum		his[OE_LOAD_KEYS];
	int64		hi[OE_LOAD_KEYS];
	int			most = oe_key_items_max(keys[0]->sub->conf);
	int			limit = Min(Max(Max(256, most) / n, 2), most);
	Datum		values[4];

	for (int i = 0; i < n; i++)
	{
		names[i] = PointerGetDatum(cstring_to_text_with_len(keys[i]->name, keys[i]->name_len));
		lo[i] = Int64GetDatum(keys[i]->blocked_from);
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
 * Loads the first events of keys that consist of one event only.
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
		hi[i] = keys[i]->blocked_from;
		positions[i] = Int64GetDatum(hi[i]);
	}
	values[0] = PointerGetDatum(construct_array(positions, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	(void) oe_spi(&oe_single_plan, oe_single_sql, 1, types, values, NULL, true, 0);
	oe_chain_take(keys, n, hi, 0);
}

/*
 * Loads due events of one subscription, for a limited number of keys.
 */
void
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
