/*
 * breaker.c
 *	  The health of an endpoint: breaker, Retry-After, disabling.
 *
 * Worker only, outside any transaction: changes memory, settle.c writes it.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "deliver/internal.h"

#define OE_BREAKER_FAILURES 10
#define OE_BREAKER_SUCCESSES 5
#define OE_PROBE_MIN_MS OE_TUNED("probe-ms", 30000)
#define OE_PROBE_MAX_MS 600000
#define OE_DISABLE_AFTER (5 * 86400 * OE_SECOND)
#define OE_GAP_MAX (25 * 3600 * OE_SECOND)	/* of retries; a longer one was
											 * ours */
#define OE_SLICE_US (30 * OE_SECOND)
#define OE_RATE_LEAST 10

static void
oe_breaker_open(OeSub *sub)
{
	sub->probe_ms = sub->breaker == OE_BREAKER_CLOSED ? OE_PROBE_MIN_MS :
		Min(Max(sub->probe_ms, OE_PROBE_MIN_MS) * 2, OE_PROBE_MAX_MS);
	sub->breaker = OE_BREAKER_OPEN;
	sub->successes = 0;
	sub->not_before = Max(sub->not_before, TimestampTzPlusMilliseconds(oe_now, sub->probe_ms));
}

/*
 * Counts an answer in its half minute.
 */
static void
oe_count(OeSub *sub, bool good)
{
	int64		slice = oe_now / OE_SLICE_US;
	OeSlice    *s = &sub->slices[slice % OE_SLICES];

	if (s->slice != slice)
	{
		s->slice = slice;
		s->good = s->bad = 0;
	}
	if (good)
		s->good++;
	else
		s->bad++;
}

/*
 * Did 70 % of the last five minutes' answers fail, and were they enough to
 * say so?
 */
static bool
oe_mostly_fails(OeSub *sub)
{
	int64		slice = oe_now / OE_SLICE_US;
	int			good = 0;
	int			bad = 0;

	for (int i = 0; i < OE_SLICES; i++)
		if (sub->slices[i].slice > slice - OE_SLICES)
		{
			good += sub->slices[i].good;
			bad += sub->slices[i].bad;
		}
	return good + bad >= OE_RATE_LEAST && bad * 10 >= (good + bad) * 7;
}

/*
 * The endpoint wants no more, or is given up.  Said by a request that was
 * started before the subscription was last resumed, it counts for nothing.
 */
void
oe_sub_disable(OeSub *sub, OeRequest *req, const char *reason)
{
	if (!sub->active || req->started < sub->state_since)
		return;
	sub->disable = MemoryContextStrdup(oe_deliver_cxt, reason);
	sub->active = false;
}

/*
 * Forgets what was held against the endpoint: somebody says that it is well.
 */
void
oe_breaker_reset(OeSub *sub)
{
	sub->breaker = OE_BREAKER_CLOSED;
	sub->failures = 0;
	sub->throttled = 0;
	sub->not_before = 0;
	memset(sub->slices, 0, sizeof(sub->slices));
	sub->dirty = true;
}

void
oe_breaker_success(OeSub *sub)
{
	oe_count(sub, true);
	sub->failures = 0;
	sub->throttled = 0;
	sub->failing_since = 0;
	sub->last_success_at = oe_now;
	if (sub->breaker == OE_BREAKER_CLOSED)
		return;
	sub->breaker = OE_BREAKER_HALF;
	sub->not_before = 0;
	if (++sub->successes >= OE_BREAKER_SUCCESSES)
	{
		sub->breaker = OE_BREAKER_CLOSED;
		memset(sub->slices, 0, sizeof(sub->slices));
	}
}

/*
 * Only first attempts show whether an endpoint is down: a poison event that
 * is retried must not hold back the others.
 */
void
oe_breaker_failure(OeSub *sub, OeRequest *req)
{
	/*
	 * while nobody tried, because no worker ran or none was armed, it did not
	 * fail
	 */
	if (sub->failing_since == 0)
		sub->failing_since = oe_now;
	else if (oe_now - sub->tried_at > OE_GAP_MAX)
		sub->failing_since += oe_now - sub->tried_at - OE_GAP_MAX;
	sub->tried_at = oe_now;
	if (req->retry_after > 0 && (req->status == 429 || req->status == 503))
		sub->not_before = Max(sub->not_before, oe_now + req->retry_after * OE_SECOND);
	if (req->status == 429)
	{
		if (req->retry_after <= 0)
			sub->not_before = Max(sub->not_before,
								  oe_now + (OE_SECOND << Min(sub->throttled, 6)));
		sub->throttled++;
		return;
	}
	if (req->attempt == 1)
	{
		sub->failures++;
		oe_count(sub, false);
	}
	if (sub->breaker == OE_BREAKER_OPEN ||
		(sub->breaker == OE_BREAKER_HALF && req->attempt == 1) ||
		(sub->breaker == OE_BREAKER_CLOSED && req->attempt == 1 &&
		 (sub->failures >= OE_BREAKER_FAILURES || oe_mostly_fails(sub))))
		oe_breaker_open(sub);
	if (sub->last_success_at < oe_now - OE_DISABLE_AFTER &&
		sub->failing_since < oe_now - OE_DISABLE_AFTER)
		oe_sub_disable(sub, req, "no success for 5 days");
}
