/*
 * metrics.h
 *	  Counters and histograms of one database in shared memory, for metrics().
 *
 * They exist only where the library is preloaded, as all of shmem.h, and start at
 * 0 with the server, as Prometheus counters may.  All are atomics; the entry of
 * an event type or a role is made under the slots' lock.  Counters that must
 * survive a restart are in table progress instead.
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
	pg_atomic_uint64 counts[OE_BUCKETS + 1];	/* per bucket, not cumulative */
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
	OeHistogram delivery_duration;	/* of one request */
	OeHistogram commit_to_ack;	/* from the commit in Odoo to the
								 * acknowledgement; not of replays */
	pg_atomic_uint32 in_flight; /* requests that the worker has started and
								 * that are not answered yet */
	pg_atomic_uint64 spans_exported;	/* to an OpenTelemetry collector */
	pg_atomic_uint64 spans_lost;	/* refused by it, or dropped before */
	OeTypeStats types[OE_MAX_TYPES];	/* by hash of the name, open
										 * addressing */
	OeDenied	denied[OE_MAX_DENIED];	/* the last entry counts for all roles
										 * that found no room */
} OeMetrics;

/* Upper limits of the buckets, in microseconds. */
extern const int64 oe_bucket_us[OE_BUCKETS];

/* Postmaster, when shared memory is made. */
extern void oe_metrics_init(OeMetrics *m);

/* Under the slots' exclusive lock, when a slot changes its database. */
extern void oe_metrics_clear(OeMetrics *m);

extern void oe_histogram_add(OeHistogram *h, int64 us);

#endif							/* OE_METRICS_H */
