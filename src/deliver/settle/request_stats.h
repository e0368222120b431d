/*
 * request_stats.h
 *	  Requests of each subscription, counted by time bucket, for the statistics
 *	  of flows (process/flow.h).
 *
 * Worker only.  Counted in memory when a request has ended, and taken by the
 * reader behind the publisher when the bucket is over.  What is in memory when
 * the worker ends is lost; oe_request_stats_since() says what is complete.
 */
#ifndef OE_DELIVER_SETTLE_REQUEST_STATS_H
#define OE_DELIVER_SETTLE_REQUEST_STATS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "base/durations.h"

/* A hash key: must have no padding. */
typedef struct OeRequestBucket
{
	int64		bucket;			/* its start, divided by its width */
	int64		subscription;
} OeRequestBucket;

typedef struct OeRequestStats
{
	OeRequestBucket key;
	int64		events;			/* that were acknowledged */
	int64		requests;
	int64		failures;		/* requests without an acknowledgement */
	OeDurations took;
} OeRequestStats;

/* Microseconds of a bucket: five minutes. */
extern int64 oe_bucket_width(void);

extern void oe_request_stats_add(int subscription, TimestampTz at, int events, int requests, bool acknowledged, double took);

/* Counts in this process are complete from this time on; 0: there are none. */
extern TimestampTz oe_request_stats_since(void);

/* Calls "take" for each subscription that had requests in this bucket. */
extern void oe_request_stats_each(int64 bucket, void (*take) (const OeRequestStats *stats));

/* Forgets this bucket and those before it; after the commit. */
extern void oe_request_stats_forget(int64 bucket);

#endif							/* OE_DELIVER_SETTLE_REQUEST_STATS_H */
