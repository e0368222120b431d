/*
 * quarantine.c
 *	  Changes that could not be made into events.
 *
 * Trusted transaction, except for oe_blocked() and oe_quarantine(), which
 * change memory only.  Changes are kept with their journal row.  Later changes of
 * the same key wait behind them.  requeue() marks rows, and the next cycle takes
 * marked rows before anything new, in the order of their ids.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/spi_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/transaction.h"
#include "publish/source/quarantine.h"

#define OE_KEY_LENGTH 256

typedef struct OeBlock
{
	char		key[OE_KEY_LENGTH];
	int64		id;				/* the first that could not be published */
} OeBlock;

static OeBlock *
oe_block(OeCycle *cy, const char *text, bool enter)
{
	char		key[OE_KEY_LENGTH];
	bool		found;
	OeBlock    *b;

	strlcpy(key, text, sizeof(key));
	if (cy->blocked == NULL)
	{
		HASHCTL		ctl = {.keysize = OE_KEY_LENGTH,.entrysize = sizeof(OeBlock),.hcxt = cy->cxt};

		cy->blocked = hash_create("odoo_events blocked keys", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	b = hash_search(cy->blocked, key, enter ? HASH_ENTER : HASH_FIND, &found);
	if (enter && !found)
		b->id = PG_INT64_MAX;
	return b;
}

/*
 * Must this change wait behind another one of its key? Then it goes into
 * quarantine, too.
 */
bool
oe_blocked(OeCycle *cy, OeChange *c)
{
	OeBlock    *b = oe_block(cy, c->key, false);

	if (b == NULL || b->id == c->id || (c->requeued && b->id > c->id))
		return false;
	c->quarantined = true;
	c->reason = psprintf("waits behind " INT64_FORMAT, b->id);
	return true;
}

void
oe_quarantine(OeCycle *cy, OeChange *c, const char *reason)
{
	OeBlock    *b = oe_block(cy, c->key, true);

	b->id = Min(b->id, c->id);
	c->quarantined = true;
	c->reason = pstrdup(reason);
	c->attempts++;
}

/*
 * Copies one row of the current result: xid, id, at, rule, relid, op,
 * record_id, old, new, traceparent.
 */
void
oe_change_read(OeCycle *cy, OeChange *c, uint64 row)
{
	HeapTuple	tup = SPI_tuptable->vals[row];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	bool		isnull;

	c->xid = U64FromFullTransactionId(DatumGetFullTransactionId(SPI_getbinval(tup, desc, 1, &isnull)));
	c->id = oe_spi_int8(row, 2);
	c->at = DatumGetTimestampTz(SPI_getbinval(tup, desc, 3, &isnull));
	c->rule_name = oe_spi_text(row, 4);
	c->rule = oe_rule_find(cy->cat, c->rule_name);
	c->relid = DatumGetObjectId(SPI_getbinval(tup, desc, 5, &isnull));
	c->op = DatumGetChar(SPI_getbinval(tup, desc, 6, &isnull));
	c->record_id = oe_spi_int8(row, 7);
	c->old_text = oe_spi_text(row, 8);
	c->new_text = oe_spi_text(row, 9);
	c->traceparent = oe_spi_text(row, 10);
}

/*
 * Takes requeued changes into the cycle, one transaction after another, and
 * collects the keys that wait.
 */
void
oe_quarantine_load(OeCycle *cy, int max_changes)
{
	static SPIPlanPtr rows_plan = NULL;
	static SPIPlanPtr keys_plan = NULL;
	static const Oid types[] = {INT8OID};
	Datum		values[1];
	OeTx	   *tx = NULL;
	int64		last = PG_INT64_MAX;

	values[0] = Int64GetDatum(max_changes);
	(void) oe_spi_keep_context(&rows_plan,
							   "SELECT xid, change_id, at, rule, relid, op, record_id, old, new, traceparent, attempts FROM odoo_events.quarantined"
							   " WHERE requeued ORDER BY change_id LIMIT $1",
							   1, types, values, NULL, false, 0);
	cy->more_requeued = SPI_processed == max_changes;
	cy->tx = palloc(sizeof(OeTx) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeChange   *c;
		bool		isnull;
		uint64		xid = U64FromFullTransactionId(DatumGetFullTransactionId(oe_cell(SPI_tuptable, i, 1, &isnull)));

		if (tx == NULL || tx->xid != xid)
		{
			tx = &cy->tx[cy->ntx];
			memset(tx, 0, sizeof(*tx));
			tx->index = cy->ntx++;
			tx->xid = xid;
			tx->changes = palloc0(sizeof(OeChange) * (SPI_processed - i));
		}
		c = &tx->changes[tx->n++];
		oe_change_read(cy, c, i);
		c->requeued = true;
		c->attempts = oe_cell_int4(SPI_tuptable, i, 11);
		if (SPI_processed == max_changes)
			last = c->id;
	}
	values[0] = Int64GetDatum(last);
	(void) oe_spi_keep_context(&keys_plan,
							   "SELECT key, pg_catalog.min(change_id) FROM odoo_events.quarantined WHERE NOT requeued OR change_id > $1 GROUP BY key",
							   1, types, values, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeBlock    *b = oe_block(cy, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1), true);

		b->id = oe_cell_int8(SPI_tuptable, i, 2);
	}
}

static void
oe_quarantine_put(OeChange *c)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {INT8OID, XID8OID, TIMESTAMPTZOID, TEXTOID, OIDOID, CHAROID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID};
	Datum		values[14];
	char		nulls[15] = "              ";
	char	   *texts[] = {c->old_text, c->new_text, c->traceparent};

	values[0] = Int64GetDatum(c->id);
	values[1] = FullTransactionIdGetDatum(FullTransactionIdFromU64(c->xid));
	values[2] = TimestampTzGetDatum(c->at);
	values[3] = CStringGetTextDatum(c->rule_name);
	values[4] = ObjectIdGetDatum(c->relid);
	values[5] = CharGetDatum(c->op);
	values[6] = Int64GetDatum(c->record_id);
	for (int i = 0; i < 3; i++)
	{
		values[7 + i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
		nulls[7 + i] = texts[i] ? ' ' : 'n';
	}
	values[10] = CStringGetTextDatum(c->key);
	values[11] = CStringGetTextDatum(c->rule && c->rule->entity ? c->rule->entity->name : c->rule_name);
	values[12] = CStringGetTextDatum(c->reason);
	values[13] = Int32GetDatum(c->attempts);
	(void) oe_spi_keep_context(&plan,
							   "INSERT INTO odoo_events.quarantined (change_id, xid, at, rule, relid, op, record_id, old, new, traceparent, key, entity,"
							   " reason, attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
							   " ON CONFLICT (change_id) DO UPDATE SET requeued = false, reason = excluded.reason, attempts = excluded.attempts",
							   14, types, values, nulls, false, 0);
}

/*
 * Writes what this cycle put into quarantine, and deletes what it published.
 */
void
oe_quarantine_store(OeCycle *cy)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {INT8OID};

	for (int i = 0; i < cy->ntx; i++)
		for (int j = 0; j < cy->tx[i].n; j++)
		{
			OeChange   *c = &cy->tx[i].changes[j];
			Datum		values[1] = {Int64GetDatum(c->id)};

			if (c->quarantined)
				oe_quarantine_put(c);
			else if (c->requeued)
				(void) oe_spi_keep_context(&plan, "DELETE FROM odoo_events.quarantined WHERE change_id = $1",
										   1, types, values, NULL, false, 0);
		}
}
