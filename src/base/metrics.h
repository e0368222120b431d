/*
 * metrics.h
 *	  Counters and histograms of one database in shared memory, for metrics().
 *
 * Exist only with preload, as all of shmem.h; start at 0 with the server, as
 * Prometheus counters may.  Atomics; one entry per event type is made under
 * the slots' lock.  What must outlive the server stands in tables instead
 * (progress).
 */
#ifndef OE_METRICS_H
#define OE_METRICS_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"

#define OE_MAX_TYPES 512		/* more event types are not counted */
#define OE_TYPE_LEN 96
#define OE_BUCKETS 13			/* and one more, without a limit */

#define OE_MAX_DENIED 32

typedef struct OeTypeStats
{
	char		type[OE_TYPE_LEN];	/* empty: free */
	pg_atomic_uint64 published;
	pg_atomic_uint64 last_at;	/* TimestampTz of the latest */
} OeTypeStats;

typedef struct OeHistogram
{
	pg_atomic_uint64 counts[OE_BUCKETS + 1];	/* each by itself, not summed
												 * up */
	pg_atomic_uint64 sum_us;
} OeHistogram;

/* Calls of a role that a policy refused. */
typedef struct OeDenied
{
	char		role[NAMEDATALEN];	/* empty: free */
	pg_atomic_uint64 count;
} OeDenied;

typedef struct OeMetrics
{
	OeHistogram delivery_duration;	/* one request */
	OeHistogram commit_to_ack;	/* an event, the first time it is sent */
	pg_atomic_uint32 in_flight; /* requests of the worker */
	pg_atomic_uint64 spans_exported;	/* to an OpenTelemetry collector */
	pg_atomic_uint64 spans_lost;	/* not taken by it, or dropped before */
	OeTypeStats types[OE_MAX_TYPES];	/* by hash of the name, open
										 * addressing */
	OeDenied	denied[OE_MAX_DENIED];	/* the last one stands for all that
										 * found no room */
} OeMetrics;

/* Upper limits of the buckets, in microseconds. */
extern const int64 oe_bucket_us[OE_BUCKETS];

/* Postmaster, when shared memory is made. */
extern void oe_metrics_init(OeMetrics *m);

/* Under the slots' exclusive lock, when a slot changes its database. */
extern void oe_metrics_clear(OeMetrics *m);

extern void oe_histogram_add(OeHistogram *h, int64 us);

#endif							/* OE_METRICS_H */
