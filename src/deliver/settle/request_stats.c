/*
 * request_stats.c
 *	  Requests of each subscription, counted by time bucket (request_stats.h).
 *
 * Worker only, outside any transaction but for the calls of the reader.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/session.h"
#include "deliver/settle/request_stats.h"

/* Where nobody takes them, counting begins anew: a thousand subscriptions for
 * half an hour. */
#define OE_STATS_MAX 6000

static MemoryContext oe_stats_cxt = NULL;
static HTAB *oe_stats = NULL;	/* of OeRequestStats */
static TimestampTz oe_stats_since = 0;

int64
oe_bucket_width(void)
{
	return OE_TUNED("flow-bucket-ms", 300000) * INT64CONST(1000);
}

static void
oe_stats_begin(void)
{
	HASHCTL		ctl = {.keysize = sizeof(OeRequestBucket),.entrysize = sizeof(OeRequestStats)};

	if (oe_stats_cxt == NULL)
		oe_stats_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events request statistics", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_stats_cxt);
	ctl.hcxt = oe_stats_cxt;
	oe_stats = hash_create("odoo_events request statistics", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	oe_stats_since = GetCurrentTimestamp();
}

void
oe_request_stats_add(int subscription, TimestampTz at, int events, int requests, bool acknowledged, double took)
{
	OeRequestBucket key = {at / oe_bucket_width(), subscription};
	OeRequestStats *stats;
	bool		found;

	if (oe_stats == NULL || hash_get_num_entries(oe_stats) > OE_STATS_MAX)
		oe_stats_begin();
	stats = hash_search(oe_stats, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) stats + sizeof(key), 0, sizeof(*stats) - sizeof(key));
	stats->requests += requests;
	stats->failures += requests - (acknowledged ? 1 : 0);
	if (acknowledged)
		stats->events += events;
	oe_durations_add(&stats->took, took);
}

TimestampTz
oe_request_stats_since(void)
{
	if (oe_stats == NULL && oe_session_is_worker)
		oe_stats_begin();
	return oe_stats_since;
}

void
oe_request_stats_each(int64 bucket, void (*take) (const OeRequestStats *stats))
{
	HASH_SEQ_STATUS seq;
	OeRequestStats *stats;

	if (oe_stats == NULL)
		return;
	hash_seq_init(&seq, oe_stats);
	while ((stats = hash_seq_search(&seq)) != NULL)
		if (stats->key.bucket == bucket)
			take(stats);
}

void
oe_request_stats_forget(int64 bucket)
{
	HASH_SEQ_STATUS seq;
	OeRequestStats *stats;

	if (oe_stats == NULL)
		return;
	hash_seq_init(&seq, oe_stats);
	while ((stats = hash_seq_search(&seq)) != NULL)
		if (stats->key.bucket <= bucket)
			(void) hash_search(oe_stats, &stats->key, HASH_REMOVE, NULL);
}
