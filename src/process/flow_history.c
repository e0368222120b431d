/*
 * flow_history.c
 *	  Reads what the flows had in the weeks before, and tells which of them are
 *	  unusual: _flow_judge().
 *
 * Any process, in a transaction; the reader behind the publisher calls it once
 * per bucket.  It reads about 126 buckets of each flow by index.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/settle/request_stats.h"
#include "process/flow_judge.h"

PG_FUNCTION_INFO_V1(oe_sql_flow_judge);

/* Where so many flows, and most of those that should have events, are low at
 * once, it is the plant that is. */
#define OE_ALL_LEAST 5
#define OE_ALL_EXPECTED 10

typedef struct OeHistories
{
	OeFlowHistory *flows;
	int			n;
	int64		width;			/* of a bucket, in microseconds */
	TimestampTz buckets[OE_JUDGE_BUCKETS];	/* week by week */
	bool		known[OE_JUDGE_BUCKETS];
	bool		with_requests[OE_JUDGE_BUCKETS];	/* the requests are known,
													 * too */
} OeHistories;

/*
 * The same time of day in the weeks before: the clock's, not the sun's.
 */
static void
oe_history_buckets(OeHistories *h, TimestampTz bucket)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[2] = {TIMESTAMPTZOID, TEXTOID};
	Datum		values[2] = {TimestampTzGetDatum(bucket), CStringGetTextDatum(oe_guc_flow_timezone[0] ? oe_guc_flow_timezone : GetConfigOption("log_timezone", false, false))};

	(void) oe_spi_keep_context(&plan, "SELECT ($1 AT TIME ZONE $2 - w * interval '7 days') AT TIME ZONE $2 FROM pg_catalog.generate_series(0, 8) w ORDER BY w", 2, types, values, NULL, true, 0);
	for (int week = 0; week <= OE_JUDGE_WEEKS; week++)
		for (int i = 0; i < OE_JUDGE_SPAN; i++)
			h->buckets[week * OE_JUDGE_SPAN + i] = oe_spi_int8(week, 1) + (i - OE_JUDGE_NOW) * h->width;
}

/* The place of a bucket; -1: none. */
static int
oe_history_place(const OeHistories *h, TimestampTz bucket)
{
	for (int week = 0; week <= OE_JUDGE_WEEKS; week++)
	{
		int64		i = (bucket - h->buckets[week * OE_JUDGE_SPAN]) / h->width;

		if (bucket >= h->buckets[week * OE_JUDGE_SPAN] && i < OE_JUDGE_SPAN)
			return week * OE_JUDGE_SPAN + (int) i;
	}
	return -1;
}

static Datum
oe_history_array(const OeHistories *h)
{
	Datum		elements[OE_JUDGE_BUCKETS];

	for (int i = 0; i < OE_JUDGE_BUCKETS; i++)
		elements[i] = TimestampTzGetDatum(h->buckets[i]);
	return PointerGetDatum(construct_array(elements, OE_JUDGE_BUCKETS, TIMESTAMPTZOID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static OeFlowHistory *
oe_history_of(OeHistories *h, int id)
{
	int			low = 0;
	int			high = h->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (h->flows[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < h->n && h->flows[low].id == id ? &h->flows[low] : NULL;
}

/*
 * Reads the flows, and which of their buckets are known.  A subscription that is
 * paused or gone is silent because somebody wanted that.
 */
static void
oe_history_flows(OeHistories *h, Datum buckets)
{
	static SPIPlanPtr known = NULL;
	static SPIPlanPtr flows = NULL;
	static const Oid types[1] = {TIMESTAMPTZARRAYOID};

	(void) oe_spi_keep_context(&known, "SELECT b.bucket, b.requests FROM odoo_events.flow_bucket b WHERE b.bucket = ANY ($1)", 1, types, &buckets, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int			place = oe_history_place(h, oe_spi_int8(i, 1));

		h->known[place] = true;
		h->with_requests[place] = oe_cell_bool(SPI_tuptable, i, 2);
	}
	(void) oe_spi_keep_context(&flows, "SELECT f.id, f.subscription_id IS NOT NULL, f.since FROM odoo_events.flow f"
							   " WHERE f.subscription_id IS NULL OR EXISTS (SELECT FROM odoo_events.subscription_config c WHERE c.id = f.subscription_id AND c.state = 'active') ORDER BY f.id", 0, NULL, NULL, NULL, true, 0);
	h->n = SPI_processed;
	h->flows = palloc0(sizeof(OeFlowHistory) * Max(h->n, 1));
	for (int i = 0; i < h->n; i++)
	{
		OeFlowHistory *flow = &h->flows[i];
		TimestampTz since = oe_spi_int8(i, 3);

		flow->id = oe_cell_int4(SPI_tuptable, i, 1);
		flow->of_requests = oe_cell_bool(SPI_tuptable, i, 2);
		for (int place = 0; place < OE_JUDGE_BUCKETS; place++)
			flow->cells[place / OE_JUDGE_SPAN][place % OE_JUDGE_SPAN].known =
				(flow->of_requests ? h->with_requests[place] : h->known[place]) && h->buckets[place] >= since;
	}
}

/*
 * Reads what came; and what was announced, which counts for nothing.
 */
static void
oe_history_counts(OeHistories *h, Datum buckets)
{
	static SPIPlanPtr counts = NULL;
	static SPIPlanPtr announced = NULL;
	static const Oid types[2] = {TIMESTAMPTZARRAYOID, INT8OID};
	Datum		values[2] = {buckets, Int64GetDatum(h->width)};

	(void) oe_spi_keep_context(&counts, "SELECT s.flow, s.bucket, s.n, s.requests, s.failures, s.p95 FROM odoo_events.flow_stat_row s WHERE s.bucket = ANY ($1)", 1, types, values, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeFlowHistory *flow = oe_history_of(h, oe_cell_int4(SPI_tuptable, i, 1));
		int			place = oe_history_place(h, oe_spi_int8(i, 2));
		bool		isnull;
		OeFlowCell *cell;

		if (flow == NULL || place < 0)
			continue;
		cell = &flow->cells[place / OE_JUDGE_SPAN][place % OE_JUDGE_SPAN];
		cell->n = oe_cell_int4(SPI_tuptable, i, 3);
		cell->requests = flow->of_requests ? oe_cell_int4(SPI_tuptable, i, 4) : cell->n;
		cell->failures = oe_cell_int4(SPI_tuptable, i, 5);
		cell->p95 = DatumGetFloat4(oe_cell(SPI_tuptable, i, 6, &isnull));
	}
	(void) oe_spi_keep_context(&announced, "SELECT a.flow, b.bucket FROM odoo_events._flow_announced($1) a, pg_catalog.unnest($1) b (bucket)"
							   " WHERE b.bucket + $2 * interval '1 us' > a.since AND b.bucket < a.until", 2, types, values, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeFlowHistory *flow = oe_history_of(h, oe_cell_int4(SPI_tuptable, i, 1));
		int			place = oe_history_place(h, oe_spi_int8(i, 2));

		if (flow != NULL && place >= 0)
			flow->cells[place / OE_JUDGE_SPAN][place % OE_JUDGE_SPAN].known = false;
	}
}

static void
oe_history_tell(const OeHistories *h, ReturnSetInfo *rsinfo, TimestampTz bucket, int flow, const OeFlowVerdict *v)
{
	Datum		values[8];
	bool		nulls[8] = {false};

	values[0] = Int32GetDatum(flow);
	values[1] = TimestampTzGetDatum(bucket - (v->since - 1) * h->width);
	values[2] = Float8GetDatum(v->n);
	values[3] = Float8GetDatum(v->expected);
	values[4] = Float8GetDatum(v->low);
	values[5] = Float8GetDatum(v->high);
	values[6] = Float8GetDatum(v->score);
	values[7] = CStringGetTextDatum(v->kind);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * Where most flows of events are low at once, one finding is told of all, as
 * flow 0; the caller leaves theirs out.
 */
static bool
oe_history_all_low(const OeHistories *h, const OeFlowVerdict *counts, OeFlowVerdict *all)
{
	int			expected = 0;
	int			low = 0;
	double		variance = 0;

	memset(all, 0, sizeof(*all));
	for (int i = 0; i < h->n; i++)
	{
		if (h->flows[i].of_requests || !counts[i].judged || counts[i].expected < OE_ALL_EXPECTED)
			continue;
		expected++;
		all->n += counts[i].n;
		all->expected += counts[i].expected;
		all->low += counts[i].low;
		all->high += counts[i].high;
		variance += counts[i].spread * counts[i].spread;
		if (counts[i].kind == NULL || counts[i].score > 0)
			continue;
		low++;
		all->since = Max(all->since, counts[i].since);
	}
	if (low < OE_ALL_LEAST || low * 2 <= expected)
		return false;
	all->kind = all->n == 0 ? "silence" : "drop";
	all->score = (all->n - all->expected) / sqrt(variance);
	return true;
}

static void
oe_history_judge(const OeHistories *h, ReturnSetInfo *rsinfo, TimestampTz bucket)
{
	OeFlowVerdict *counts = palloc(sizeof(OeFlowVerdict) * Max(h->n, 1));
	OeFlowVerdict all;
	bool		all_low;

	for (int i = 0; i < h->n; i++)
		counts[i] = oe_judge_count(&h->flows[i], oe_guc_flow_score, oe_guc_flow_factor);
	all_low = oe_history_all_low(h, counts, &all);
	if (all_low)
		oe_history_tell(h, rsinfo, bucket, 0, &all);
	for (int i = 0; i < h->n; i++)
	{
		OeFlowVerdict slow = oe_judge_duration(&h->flows[i], oe_guc_flow_score, oe_guc_flow_factor);
		OeFlowVerdict failing = oe_judge_failures(&h->flows[i], oe_guc_flow_score);

		if (counts[i].kind != NULL && !(all_low && counts[i].score < 0 && !h->flows[i].of_requests))
			oe_history_tell(h, rsinfo, bucket, h->flows[i].id, &counts[i]);
		if (slow.kind != NULL)
			oe_history_tell(h, rsinfo, bucket, h->flows[i].id, &slow);
		if (failing.kind != NULL)
			oe_history_tell(h, rsinfo, bucket, h->flows[i].id, &failing);
	}
}

/*
 * _flow_judge(bucket timestamptz) -> the flows that are unusual in it.
 */
Datum
oe_sql_flow_judge(PG_FUNCTION_ARGS)
{
	TimestampTz bucket = PG_GETARG_TIMESTAMPTZ(0);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OeHistories *h = palloc0(sizeof(OeHistories));
	MemoryContext cxt = CurrentMemoryContext;
	Datum		buckets;

	InitMaterializedSRF(fcinfo, 0);
	if (oe_guc_flow_score == 0)
		return (Datum) 0;
	h->width = oe_bucket_width();
	SPI_connect();
	MemoryContextSwitchTo(cxt);
	oe_history_buckets(h, bucket);
	buckets = oe_history_array(h);
	oe_history_flows(h, buckets);
	oe_history_counts(h, buckets);
	oe_history_judge(h, rsinfo, bucket);
	SPI_finish();
	return (Datum) 0;
}
