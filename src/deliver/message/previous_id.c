/*
 * previous_id.c
 *	  The header webhook-previous: the event that was sent before, of the
 *	  same key.
 *
 * Worker only.  A receiver that knows the event in this header has missed
 * nothing; one that does not has missed what was given up.  The last event of
 * each key is remembered in a table of fixed size, where one key may overwrite
 * another; then the header is left out.  If the header is there, it is correct.
 *
 * A new worker fills the table from attempts and dead letters that the previous
 * worker wrote.  A request with several events has no such header and no event
 * in its attempt, so nothing before the latest batch is used.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "base/compat.h"
#include "base/json.h"
#include "base/session.h"
#include "deliver/message/previous_id.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"

#define OE_PREVIOUS_MAX 131072	/* a power of two */
#define OE_PREVIOUS_READ "32768"	/* attempts */
#define OE_PREVIOUS_DEAD "1000" /* dead letters of each */

typedef struct OePrevious
{
	uint64		hash;			/* 0: free */
	pg_uuid_t	id;
} OePrevious;

static OePrevious *oe_previous = NULL;

static uint64
oe_previous_hash(int sub, const char *key, int len)
{
	return hash_bytes_extended((const unsigned char *) key, len, sub) | 1;
}

static OePrevious *
oe_previous_slot(uint64 hash)
{
	return &oe_previous[(hash >> 1) & (OE_PREVIOUS_MAX - 1)];
}

static void
oe_previous_put(uint64 hash, const pg_uuid_t *id)
{
	if (oe_previous == NULL)
		oe_previous = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OePrevious) * OE_PREVIOUS_MAX);
	oe_previous_slot(hash)->hash = hash;
	oe_previous_slot(hash)->id = *id;
}

/*
 * The item was accepted or given up, so the next event of its key refers to it.
 */
void
oe_previous_id_note(OeItem *item)
{
	if (item->sub->conf->ordering == 'n' || item->sub->conf->dry_run)
		return;
	oe_previous_put(oe_previous_hash(item->sub->id, item->event->key, item->event->key_len), &item->event->uuid);
}

/*
 * Writes the id of the event that was sent before this one; false if it is not
 * known, or if this is a repetition of the same event.
 */
bool
oe_previous_id_find(OeItem *item, char *id)
{
	uint64		hash = oe_previous_hash(item->sub->id, item->event->key, item->event->key_len);
	OePrevious *p;

	if (oe_previous == NULL || item->sub->conf->ordering == 'n')
		return false;
	p = oe_previous_slot(hash);
	if (p->hash != hash || memcmp(&p->id, &item->event->uuid, sizeof(pg_uuid_t)) == 0)
		return false;
	oe_uuid_digits(p->id.data, id);
	return true;
}

/*
 * Fills the table for subscriptions that this worker has not seen: from the
 * latest attempts, except for events that are still to be delivered, and from
 * dead letters without an attempt.  Within the transaction of recovery.
 */
void
oe_previous_id_recover(const Oid *types, Datum *ids)
{
	static bool recovered = false;

	/* one that comes later has no past */
	if (recovered)
		return;
	(void) oe_spi(NULL,
				  "WITH a AS (SELECT * FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) x"
				  " ORDER BY x.n DESC LIMIT " OE_PREVIOUS_READ "),"
				  " b AS (SELECT a.subscription_id, max(a.n) AS n FROM a WHERE a.event_id IS NULL GROUP BY 1)"
				  " SELECT s.subscription_id, s.event_id, s.partitionkey FROM ("
				  "SELECT a.subscription_id, a.event_id, o.partitionkey, a.at + pg_catalog.make_interval(secs => a.duration) AS at, o.position"
				  " FROM a JOIN odoo_events.outbox_all o ON o.position = a.first_position LEFT JOIN b ON b.subscription_id = a.subscription_id"
				  " JOIN odoo_events.subscription_progress p ON p.subscription_id = a.subscription_id"
				  " JOIN (SELECT x.id, pg_catalog.to_jsonb(x) -> 'success_statuses' AS known FROM odoo_events.subscription_config x) c ON c.id = a.subscription_id"
				  " WHERE a.event_id IS NOT NULL AND (a.status IS NOT NULL OR a.error IS NOT NULL) AND a.n > COALESCE(b.n, 0)"
				  " AND (a.status BETWEEN 200 AND 299 OR c.known @> pg_catalog.to_jsonb(a.status) OR NOT (o.position = ANY (p.in_flight || p.batched) OR EXISTS (SELECT FROM odoo_events.held h"
				  " WHERE h.subscription_id = a.subscription_id AND h.position = o.position)))"
				  " UNION ALL SELECT i.id, d.event_id, d.partitionkey, d.last_at, d.position FROM unnest($1) i(id),"
				  " LATERAL (SELECT * FROM odoo_events.dead x WHERE x.subscription_id = i.id ORDER BY x.position DESC LIMIT " OE_PREVIOUS_DEAD ") d) s"
				  " ORDER BY s.at, s.position",
				  1, types, ids, NULL, true, 0);
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		int			sub = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
		pg_uuid_t  *id = DatumGetUUIDP(SPI_getbinval(row, desc, 2, &isnull));
		text	   *key = DatumGetTextPP(SPI_getbinval(row, desc, 3, &isnull));

		oe_previous_put(oe_previous_hash(sub, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)), id);
	}
	SPI_freetuptable(SPI_tuptable);
	recovered = true;
}
