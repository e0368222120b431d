/*
 * flow.c
 *	  Counts the events of each flow, five minutes by five minutes.
 *
 * A consumer of the reader behind the publisher (consumer.h): its trusted
 * transaction, and the worker's maintenance.
 *
 * A bucket is closed when it is over and the reader has reached the outbox's
 * end, or, while there is always more to read, when events have come that are
 * much later.  Its rows are written in the transaction that moves the reader's
 * cursor.  What is counted of later buckets is in memory only; it is counted
 * again from the outbox after a restart or an error, so the row of a closed
 * bucket has the position that this begins behind.
 *
 * A bucket without a row in flow_bucket is unknown, not silent: the server did
 * not run for all of it.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/durations.h"
#include "base/fault.h"
#include "base/insert.h"
#include "base/oe.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/settle/request_stats.h"
#include "process/flow.h"

#define OE_FLOW_MEMBERS 12		/* of the ring, a week each */
#define OE_FLOWS_MAX 1000
/* After the end of a bucket: what was committed in it is published by then. */
#define OE_FLOW_GRACE_US OE_TUNED("flow-grace-ms", 10000) * INT64CONST(1000)
/* Where the reader never reaches the end: events that are so much later. */
#define OE_FLOW_LATE_US USECS_PER_MINUTE
/* Buckets that one slice closes, and events that are counted again at most. */
#define OE_FLOW_CLOSES 4
#define OE_FLOW_AGAIN OE_TUNED("flow-again", 200000)
#define OE_FLOW_MAINTAIN_US USECS_PER_HOUR

typedef struct OeFlow
{
	uint64		hash;			/* of type and warehouse, or of a
								 * subscription; key */
	int			id;				/* 0: it has no row yet */
	char	   *type;			/* NULL: a subscription's */
	int			warehouse;
	int			company;
	int64		subscription;
} OeFlow;

/* A hash key: must have no padding. */
typedef struct OeFlowBucket
{
	int64		bucket;			/* its start, divided by its width */
	uint64		flow;
} OeFlowBucket;

typedef struct OeFlowCount
{
	OeFlowBucket key;
	int64		first;			/* position of the first event */
	int64		n;
	OeDurations took;			/* from the commit to the outbox */
} OeFlowCount;

typedef struct OeFlowMemory
{
	MemoryContext cxt;
	HTAB	   *flows;			/* of OeFlow */
	HTAB	   *counts;			/* of OeFlowCount; open buckets */
	int64		width;			/* of a bucket, in microseconds */
	int64		closed;			/* the last bucket that is closed */
	int64		position;		/* of the last event that was counted */
	TimestampTz latest;			/* the latest commit that was seen */
	bool		dirty;			/* counted, and not committed */
} OeFlowMemory;

static OeFlowMemory oe_flows;
static TimestampTz oe_flows_maintained = 0;

static OeFlow *
oe_flow_find(uint64 hash, const char *type, int warehouse, int company, int64 subscription)
{
	bool		found;
	OeFlow	   *flow = hash_search(oe_flows.flows, &hash, HASH_FIND, NULL);

	if (flow != NULL || hash_get_num_entries(oe_flows.flows) >= OE_FLOWS_MAX)
		return flow;
	flow = hash_search(oe_flows.flows, &hash, HASH_ENTER, &found);
	flow->id = 0;
	flow->type = type ? MemoryContextStrdup(oe_flows.cxt, type) : NULL;
	flow->warehouse = warehouse;
	flow->company = company;
	flow->subscription = subscription;
	return flow;
}

static uint64
oe_flow_type_hash(const char *type)
{
	/* fits into OeReadType.data */
	return (uint64) (uintptr_t) oe_text_hash(type, strlen(type));
}

static uint64
oe_flow_hash(uint64 type, int warehouse)
{
	return hash_combine64(type, (uint64) warehouse);
}

static uint64
oe_flow_subscription_hash(int64 subscription)
{
	return hash_combine64(oe_flow_type_hash("subscription"), (uint64) subscription);
}

/*
 * What a plant's people cause: not what this extension tells of itself, nor the
 * snapshots of a backfill.
 */
static bool
oe_flow_counts_type(const char *type)
{
	return strncmp(type, "odoo.platform.", 14) != 0 && strstr(type, ".snapshot.v") == NULL;
}

/*
 * Counts an event, unless its bucket is closed.  A commit that is later than its
 * publication, where the clock was set back, is one of then.
 */
static void
oe_flow_count(const char *type, uint64 type_hash, int warehouse, int company, int64 position, TimestampTz time, TimestampTz recorded)
{
	uint64		hash = oe_flow_hash(type_hash, warehouse);
	OeFlowBucket key = {Min(time, recorded) / oe_flows.width, hash};
	OeFlowCount *count;
	bool		found;

	oe_flows.position = position;
	oe_flows.dirty = true;
	if (key.bucket <= oe_flows.closed || oe_flow_find(hash, type, warehouse, company, 0) == NULL)
		return;
	oe_flows.latest = Max(oe_flows.latest, Min(time, recorded));
	count = hash_search(oe_flows.counts, &key, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) count + sizeof(key), 0, sizeof(*count) - sizeof(key));
		count->first = position;
	}
	count->n++;
	oe_durations_add(&count->took, (recorded - time) / 1000000.0);
}

/* ---- memory ---- */

static void
oe_flows_forget(void)
{
	HASHCTL		flows = {.keysize = sizeof(uint64),.entrysize = sizeof(OeFlow)};
	HASHCTL		counts = {.keysize = sizeof(OeFlowBucket),.entrysize = sizeof(OeFlowCount)};

	if (oe_flows.cxt == NULL)
		oe_flows.cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events flows", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_flows.cxt);
	flows.hcxt = counts.hcxt = oe_flows.cxt;
	oe_flows.flows = hash_create("odoo_events flows", 256, &flows, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	oe_flows.counts = hash_create("odoo_events flow counts", 512, &counts, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	oe_flows.width = oe_bucket_width();
	oe_flows.closed = GetCurrentTimestamp() / oe_flows.width;
	oe_flows.latest = 0;
	oe_flows.dirty = false;
}

static void
oe_flows_read(void)
{
	(void) oe_spi_keep_context(NULL, "SELECT f.id, f.type, COALESCE(f.warehouse_id, 0), COALESCE(f.company_id, 0), f.subscription_id::int8 FROM odoo_events.flow f", 0, NULL, NULL, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *type = oe_spi_text(i, 2);
		int			warehouse = oe_cell_int4(SPI_tuptable, i, 3);
		int64		subscription = oe_spi_int8(i, 5);
		OeFlow	   *flow = oe_flow_find(type ? oe_flow_hash(oe_flow_type_hash(type), warehouse) : oe_flow_subscription_hash(subscription),
										type, warehouse, oe_cell_int4(SPI_tuptable, i, 4), subscription);

		if (flow != NULL)
			flow->id = oe_cell_int4(SPI_tuptable, i, 1);
	}
}

/*
 * Counts what the reader has read behind "position".  Where that is too much
 * nothing of it is counted, and the bucket is unknown.
 */
static void
oe_flows_count_again(int64 position, int64 upto)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[3] = {INT8OID, INT8OID, INT8OID};
	int64		most = OE_FLOW_AGAIN;
	Datum		values[3] = {Int64GetDatum(position), Int64GetDatum(upto), Int64GetDatum(most + 1)};
	SPITupleTable *table;

	oe_flows.position = position;
	if (position >= upto)
		return;
	(void) oe_spi_keep_context(&plan, "SELECT o.type, COALESCE(o.warehouse_id, 0), COALESCE(o.company_id, 0), o.position, o.\"time\", o.recordedtime"
							   " FROM odoo_events.outbox_all o WHERE o.position > $1 AND o.position <= $2 ORDER BY o.position LIMIT $3", 3, types, values, NULL, true, 0);
	table = SPI_tuptable;
	/* where the clock was set back, what is closed stays so */
	if (SPI_processed > most)
		oe_flows.closed = Max(oe_flows.closed, GetCurrentTimestamp() / oe_flows.width);
	for (uint64 i = 0; i < SPI_processed && SPI_processed <= most; i++)
	{
		char	   *type = SPI_getvalue(table->vals[i], table->tupdesc, 1);

		if (oe_flow_counts_type(type))
			oe_flow_count(type, oe_flow_type_hash(type), oe_cell_int4(table, i, 2), oe_cell_int4(table, i, 3), oe_cell_int8(table, i, 4),
						  oe_cell_int8(table, i, 5), oe_cell_int8(table, i, 6));
		pfree(type);
	}
	SPI_freetuptable(table);
	oe_flows.position = upto;
}

/*
 * Forgets everything and reads the flows.  The bucket in which the server
 * started is not known as a whole, nor is that in which counting begins for the
 * first time.  Buckets during which only the worker was away are, for a day.
 */
static void
oe_flows_begin(int64 closed)
{
	oe_flows_forget();
	if (closed >= 0)
		oe_flows.closed = Max(closed, Max(PgStartTime / oe_flows.width, oe_flows.closed - USECS_PER_DAY / oe_flows.width));
	oe_flows_read();
}

/*
 * Memory that was committed is good for as long as nobody else has closed a
 * bucket; what others have read meanwhile is counted then.
 */
static void
oe_flows_load(void)
{
	bool		keep = oe_flows.cxt != NULL && !oe_flows.dirty && oe_flows.width == oe_bucket_width();
	int64		closed = -1;
	int64		position;
	int64		cursor;

	(void) oe_spi_keep_context(NULL, "SELECT COALESCE((SELECT c.position FROM odoo_events.process_cursor c ORDER BY c.n DESC LIMIT 1), 0)", 0, NULL, NULL, NULL, false, 1);
	position = cursor = oe_spi_int8(0, 1);
	(void) oe_spi_keep_context(NULL, "SELECT b.bucket, b.position FROM odoo_events.flow_bucket b ORDER BY b.bucket DESC LIMIT 1", 0, NULL, NULL, NULL, false, 1);
	if (SPI_processed > 0)
	{
		closed = oe_spi_int8(0, 1) / oe_bucket_width();
		position = oe_spi_int8(0, 2);
	}
	if (keep && (closed == -1 || closed == oe_flows.closed))
		position = oe_flows.position;
	else
		oe_flows_begin(closed);
	oe_flows_count_again(position, cursor);
	oe_flows.dirty = false;
}

static bool
oe_flow_wanted(OeReadType *type, int index)
{
	type->data[index] = (void *) (uintptr_t) oe_flow_type_hash(type->type);
	return oe_flow_counts_type(type->type);
}

static void
oe_flow_event(OeReadEvent *ev, int index)
{
	oe_flow_count(ev->type->type, (uint64) (uintptr_t) ev->type->data[index], ev->warehouse, ev->company, ev->position, ev->time, ev->recorded);
}

/* ---- closing a bucket ---- */

typedef struct OeFlowRow
{
	OeFlow	   *flow;
	int64		n;
	int64		requests;		/* -1: of events, which have none */
	int64		failures;
	double		p50;
	double		p95;
} OeFlowRow;

static OeFlowRow *oe_flow_rows; /* slice's memory */
static int	oe_nflow_rows;

static void
oe_flow_row(OeFlow *flow, int64 n, int64 requests, int64 failures, const OeDurations *took)
{
	OeFlowRow  *row = &oe_flow_rows[oe_nflow_rows++];

	row->flow = flow;
	row->n = n;
	row->requests = requests;
	row->failures = failures;
	row->p50 = oe_durations_quantile(took, 0.5);
	row->p95 = oe_durations_quantile(took, 0.95);
}

static void
oe_flow_take_requests(const OeRequestStats *stats)
{
	OeFlow	   *flow = oe_flow_find(oe_flow_subscription_hash(stats->key.subscription), NULL, 0, 0, stats->key.subscription);

	if (flow != NULL && oe_nflow_rows < OE_FLOWS_MAX)
		oe_flow_row(flow, stats->events, stats->requests, stats->failures, &stats->took);
}

/*
 * Gives a flow that is met for the first time its number.
 */
static void
oe_flow_insert(OeFlow *flow, TimestampTz bucket)
{
	static const Oid types[5] = {TEXTOID, INT4OID, INT4OID, INT4OID, TIMESTAMPTZOID};
	Datum		values[5] = {0, Int32GetDatum(flow->warehouse), Int32GetDatum(flow->company), Int32GetDatum((int) flow->subscription), TimestampTzGetDatum(bucket)};
	const char *nulls = flow->type ? "     " : "n    ";

	if (flow->type)
		values[0] = CStringGetTextDatum(flow->type);
	(void) oe_spi_keep_context(NULL, "INSERT INTO odoo_events.flow (type, warehouse_id, company_id, subscription_id, since, seen)"
							   " VALUES ($1, NULLIF($2, 0), NULLIF($3, 0), NULLIF($4, 0), $5, CURRENT_DATE) RETURNING id", 5, types, values, nulls, false, 1);
	flow->id = oe_cell_int4(SPI_tuptable, 0, 1);
}

static void
oe_flow_rows_write(TimestampTz bucket)
{
	char		table[NAMEDATALEN];
	OeInserter	ins;

	for (int i = 0; i < oe_nflow_rows; i++)
		if (oe_flow_rows[i].flow->id == 0)
			oe_flow_insert(oe_flow_rows[i].flow, bucket);
	snprintf(table, sizeof(table), "flow_stat_%d", (int) (bucket / (USECS_PER_DAY * 7) % OE_FLOW_MEMBERS));
	oe_insert_begin(&ins, table_open(get_relname_relid(table, get_namespace_oid(OE_SCHEMA, false)), RowExclusiveLock), false);
	for (int i = 0; i < oe_nflow_rows; i++)
	{
		const OeFlowRow *row = &oe_flow_rows[i];
		TupleTableSlot *slot = oe_insert_slot(&ins);
		const Datum values[7] = {TimestampTzGetDatum(bucket), Int32GetDatum(row->flow->id), Int32GetDatum((int) Min(row->n, PG_INT32_MAX)),
		Int32GetDatum((int) row->requests), Int32GetDatum((int) row->failures), Float4GetDatum((float) row->p50), Float4GetDatum((float) row->p95)};

		memset(slot->tts_isnull, false, 7 * sizeof(bool));
		slot->tts_isnull[3] = slot->tts_isnull[4] = row->requests < 0;
		memcpy(slot->tts_values, values, sizeof(values));
		(void) oe_insert_row(&ins, slot);
	}
	oe_insert_end(&ins);
}

/*
 * Takes the counts of a bucket out of memory.  Answers the position before the
 * first event of a later bucket that was counted, or of the last event.
 */
static int64
oe_flow_take_counts(int64 bucket)
{
	HASH_SEQ_STATUS seq;
	OeFlowCount *count;
	int64		position = oe_flows.position;

	hash_seq_init(&seq, oe_flows.counts);
	while ((count = hash_seq_search(&seq)) != NULL)
	{
		if (count->key.bucket != bucket)
		{
			position = Min(position, count->first - 1);
			continue;
		}
		if (oe_nflow_rows < OE_FLOWS_MAX)
			oe_flow_row(hash_search(oe_flows.flows, &count->key.flow, HASH_FIND, NULL), count->n, -1, 0, &count->took);
		(void) hash_search(oe_flows.counts, &count->key, HASH_REMOVE, NULL);
	}
	return position;
}

/*
 * Writes a bucket, and has it compared with the weeks before.
 */
static void
oe_flow_close(int64 bucket)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[3] = {TIMESTAMPTZOID, INT8OID, BOOLOID};
	TimestampTz start = bucket * oe_flows.width;
	TimestampTz since = oe_request_stats_since();
	Datum		values[3] = {TimestampTzGetDatum(start), 0, BoolGetDatum(since != 0 && since <= start)};

	oe_flow_rows = palloc(OE_FLOWS_MAX * sizeof(OeFlowRow));
	oe_nflow_rows = 0;
	/* whatever fails from here on, what is taken out must be counted again */
	oe_flows.dirty = true;
	values[1] = Int64GetDatum(oe_flow_take_counts(bucket));
	if (since != 0 && since <= start)
		oe_request_stats_each(bucket, oe_flow_take_requests);
	oe_flow_rows_write(start);
	oe_flows.closed = bucket;
	(void) oe_spi_keep_context(&plan, "SELECT odoo_events._flow_close($1, $2, $3)", 3, types, values, NULL, false, 0);
	OE_FAULT("flow-closed");
}

/* When the next bucket may be closed. */
static TimestampTz
oe_flows_next(void)
{
	return (oe_flows.closed + 2) * oe_flows.width + OE_FLOW_GRACE_US;
}

static void
oe_flows_write(TimestampTz now, bool done)
{
	/* where the clock was set forward, a year has not been silent */
	if (done && oe_flows.closed < (now - USECS_PER_DAY) / oe_flows.width - 1)
		oe_flows_begin(oe_flows.closed);
	for (int i = 0; i < OE_FLOW_CLOSES; i++)
	{
		TimestampTz end = (oe_flows.closed + 2) * oe_flows.width;

		if (!(done && now >= oe_flows_next()) && oe_flows.latest < end + OE_FLOW_LATE_US)
			break;
		oe_flow_close(oe_flows.closed + 1);
	}
}

static void
oe_flows_committed(void)
{
	oe_flows.dirty = false;
	oe_request_stats_forget(oe_flows.closed);
}

/*
 * Empties the members whose weeks are over for long.
 */
static void
oe_flows_maintain(int64 position)
{
	TimestampTz now = GetCurrentTimestamp();
	uint32		old = 0;
	bool		gone;
	OeSession	session;

	if (now < oe_flows_maintained + OE_FLOW_MAINTAIN_US && now >= oe_flows_maintained)
		return;
	oe_flows_maintained = now;
	oe_own_begin(&session);
	for (int i = 0; i < OE_FLOW_MEMBERS; i++)
	{
		(void) oe_spi(NULL, psprintf("SELECT 1 FROM (SELECT max(s.bucket) AS last FROM odoo_events.flow_stat_%d s) x"
									 " WHERE x.last < pg_catalog.now() - interval '70 days'", i), 0, NULL, NULL, NULL, true, 1);
		if (SPI_processed > 0)
			old |= 1U << i;
	}
	(void) oe_spi(NULL, "SELECT 1 FROM odoo_events.flow f WHERE f.seen < CURRENT_DATE - 84", 0, NULL, NULL, NULL, true, 1);
	gone = SPI_processed > 0;
	(void) oe_spi(NULL, "SELECT odoo_events._flow_tidy()", 0, NULL, NULL, NULL, false, 0);
	oe_own_end(&session);
	/* the numbers of flows that are in memory mean nothing any more */
	if (gone)
		oe_flows.dirty = oe_consumers_load_again = true;
	for (int i = 0; i < OE_FLOW_MEMBERS; i++)
		if (old & (1U << i))
			(void) oe_ring_empty("flow_stat", i, psprintf("SELECT max(s.bucket) > pg_catalog.now() - interval '70 days' FROM odoo_events.flow_stat_%d s", i), 0, NULL, NULL, NULL);
}

const OeConsumer oe_flow_consumer = {
	.name = "flows",
	.load = oe_flows_load,
	.wants = oe_flow_wanted,
	.event = oe_flow_event,
	.write = oe_flows_write,
	.committed = oe_flows_committed,
	.next = oe_flows_next,
	.maintain = oe_flows_maintain
};
