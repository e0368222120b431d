/*
 * metrics.c
 *	  Counters and histograms of one database in shared memory (metrics.h).
 *
 * Any process; no lock.
 */
#include "postgres.h"

#include "base/metrics.h"

const int64 oe_bucket_us[OE_BUCKETS] = {
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000
};

static void
oe_histogram_init(OeHistogram *h)
{
	for (int i = 0; i <= OE_BUCKETS; i++)
		pg_atomic_init_u64(&h->counts[i], 0);
	pg_atomic_init_u64(&h->sum_us, 0);
}

void
oe_metrics_init(OeMetrics *m)
{
	oe_histogram_init(&m->delivery_duration);
	oe_histogram_init(&m->commit_to_ack);
	pg_atomic_init_u32(&m->in_flight, 0);
	pg_atomic_init_u64(&m->spans_exported, 0);
	pg_atomic_init_u64(&m->spans_lost, 0);
	for (int i = 0; i < OE_MAX_TYPES; i++)
	{
		m->types[i].type[0] = '\0';
		pg_atomic_init_u64(&m->types[i].published, 0);
		pg_atomic_init_u64(&m->types[i].last_at, 0);
	}
	for (int i = 0; i < OE_MAX_DENIED; i++)
	{
		m->denied[i].role[0] = '\0';
		pg_atomic_init_u64(&m->denied[i].count, 0);
	}
}

static void
oe_histogram_clear(OeHistogram *h)
{
	for (int i = 0; i <= OE_BUCKETS; i++)
		pg_atomic_write_u64(&h->counts[i], 0);
	pg_atomic_write_u64(&h->sum_us, 0);
}

void
oe_metrics_clear(OeMetrics *m)
{
	oe_histogram_clear(&m->delivery_duration);
	oe_histogram_clear(&m->commit_to_ack);
	pg_atomic_write_u32(&m->in_flight, 0);
	pg_atomic_write_u64(&m->spans_exported, 0);
	pg_atomic_write_u64(&m->spans_lost, 0);
	for (int i = 0; i < OE_MAX_TYPES; i++)
	{
		m->types[i].type[0] = '\0';
		pg_atomic_write_u64(&m->types[i].published, 0);
		pg_atomic_write_u64(&m->types[i].last_at, 0);
	}
	for (int i = 0; i < OE_MAX_DENIED; i++)
	{
		m->denied[i].role[0] = '\0';
		pg_atomic_write_u64(&m->denied[i].count, 0);
	}
}

void
oe_histogram_add(OeHistogram *h, int64 us)
{
	int			b = 0;

	us = Max(us, 0);
	while (b < OE_BUCKETS && us > oe_bucket_us[b])
		b++;
	pg_atomic_fetch_add_u64(&h->counts[b], 1);
	pg_atomic_fetch_add_u64(&h->sum_us, us);
}
