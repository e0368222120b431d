/*
 * breaker.c
 *	  The health of an endpoint: breaker, Retry-After, disabling.
 *
 * Worker only, outside any transaction: memory is changed here, settle.c writes
 * it.  The states are described in subscription.h.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/breaker.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/transport/request.h"

#define OE_BREAKER_FAILURES 10
#define OE_BREAKER_SUCCESSES 5
#define OE_PROBE_MIN_MS OE_TUNED("probe-ms", 1000)
#define OE_PROBE_MAX_MS 600000
#define OE_DISABLE_AFTER (5 * 86400 * OE_SECOND)
#define OE_GAP_MAX (25 * 3600 * OE_SECOND)	/* of retries; a longer one was
											 * ours */
#define OE_BREAKER_BUCKET_US (30 * OE_SECOND)
#define OE_RATE_LEAST 10
#define OE_LOG_US (60 * OE_SECOND)

/*
 * One line per change of a breaker goes to the server's log.  An endpoint that
 * comes and goes has a line a minute, which says how many were left out.
 */
static bool
oe_breaker_logs(OeSub *sub)
{
	if (sub->logged_at != 0 && oe_delivery.now - sub->logged_at < OE_LOG_US && sub->logged_at <= oe_delivery.now)
	{
		sub->unlogged++;
		return false;
	}
	sub->logged_at = oe_delivery.now;
	return true;
}

static void
oe_breaker_log_open(OeSub *sub)
{
	char		left_out[64] = "";

	if (!oe_breaker_logs(sub))
		return;
	if (sub->unlogged > 0)
		snprintf(left_out, sizeof(left_out), " (%d changes were not logged)", sub->unlogged);
	ereport(LOG,
			(errmsg("subscription \"%s\": the breaker is open%s", sub->conf->name, left_out),
			 errdetail("The endpoint's last answer: %s. The first probe follows after %d ms.",
					   sub->last_error, sub->probe_ms)));
	sub->unlogged = 0;
	sub->logged_open = true;
}

/*
 * The line about the closing belongs to the one about the opening, so it is
 * written wherever that was.
 */
static void
oe_breaker_log_closed(OeSub *sub)
{
	if (!sub->logged_open)
	{
		sub->unlogged++;
		return;
	}
	ereport(LOG, (errmsg("subscription \"%s\": the breaker is closed, the endpoint accepts events again", sub->conf->name)));
	sub->logged_open = false;
}

/*
 * Notes that a closed breaker opened: health() warns of one that does so often.
 */
static void
oe_breaker_note_opening(OeSub *sub)
{
	memmove(&sub->openings[1], &sub->openings[0], sizeof(TimestampTz) * (OE_OPENINGS - 1));
	sub->openings[0] = oe_delivery.now;
	if (sub->nopenings < OE_OPENINGS)
		sub->nopenings++;
}

/*
 * Nothing but a probe is sent until not_before.  The requests that are still
 * under way were started before, so their answers say nothing about how long to
 * wait: they are marked, and only a request without the mark is a probe.
 */
static void
oe_breaker_open(OeSub *sub)
{
	bool		was_closed = sub->breaker == OE_BREAKER_CLOSED;
	dlist_iter	it;

	sub->probe_ms = was_closed ? OE_PROBE_MIN_MS :
		Min(Max(sub->probe_ms, OE_PROBE_MIN_MS) * 2, OE_PROBE_MAX_MS);
	sub->breaker = OE_BREAKER_OPEN;
	sub->successes = 0;
	sub->not_before = Max(sub->not_before, TimestampTzPlusMilliseconds(oe_delivery.now, sub->probe_ms));
	dlist_foreach(it, &sub->in_flight)
		dlist_container(OeRequest, node, it.cur)->stale = true;
	if (was_closed)
	{
		oe_breaker_note_opening(sub);
		oe_breaker_log_open(sub);
	}
}

static void
oe_hurry_key(OeKey *key, void *arg)
{
	if (key->state == OE_KEY_WAITING && key->blocked_from != 0)
		oe_key_hurry(key);
	else if (key->state == OE_KEY_WAITING)
		key->replay_at = 0;
}

/*
 * The endpoint is back.  What failed while it was away may be waiting for a
 * retry that is hours ahead: it is tried now.  An event that is itself at fault
 * loses none of its retries by that.
 */
static void
oe_breaker_close(OeSub *sub)
{
	dlist_iter	it;

	sub->breaker = OE_BREAKER_CLOSED;
	memset(sub->buckets, 0, sizeof(sub->buckets));
	oe_key_each(sub, oe_hurry_key, NULL);
	dlist_foreach(it, &sub->batches)
		dlist_container(OeBatch, node, it.cur)->hurried = true;
	oe_breaker_log_closed(sub);
}

/*
 * Counts an answer in the bucket of the current half minute.
 */
static void
oe_count(OeSub *sub, bool good)
{
	int64		slice = oe_delivery.now / OE_BREAKER_BUCKET_US;
	OeBreakerBucket *s = &sub->buckets[slice % OE_BREAKER_BUCKETS];

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
 * Did at least 70 % of the answers of the last five minutes fail, out of at
 * least OE_RATE_LEAST?
 */
static bool
oe_mostly_fails(OeSub *sub)
{
	int64		slice = oe_delivery.now / OE_BREAKER_BUCKET_US;
	int			good = 0;
	int			bad = 0;

	for (int i = 0; i < OE_BREAKER_BUCKETS; i++)
		if (sub->buckets[i].slice > slice - OE_BREAKER_BUCKETS)
		{
			good += sub->buckets[i].good;
			bad += sub->buckets[i].bad;
		}
	return good + bad >= OE_RATE_LEAST && bad * 10 >= (good + bad) * 7;
}

/*
 * Disables the subscription, because the endpoint asked for it or failed for
 * too long.  Ignored if the request was started before the subscription was last
 * resumed.
 */
void
oe_sub_disable(OeSub *sub, const OeRequest *req, const char *reason)
{
	if (!sub->active || (req != NULL && req->started < sub->state_since))
		return;
	sub->disable = MemoryContextStrdup(oe_delivery.cxt, reason);
	sub->active = false;
}

/*
 * Closes the breaker and forgets failures, because somebody resumed the
 * subscription.
 */
void
oe_breaker_reset(OeSub *sub)
{
	if (sub->breaker != OE_BREAKER_CLOSED)
		oe_breaker_log_closed(sub);
	sub->breaker = OE_BREAKER_CLOSED;
	sub->failures = 0;
	sub->throttled = 0;
	sub->not_before = 0;
	memset(sub->buckets, 0, sizeof(sub->buckets));
	sub->dirty = true;
}

/*
 * A success.  Only a probe's, or that of a closed breaker, says that more may
 * be sent.
 */
void
oe_breaker_success(OeSub *sub, const OeRequest *req)
{
	oe_count(sub, true);
	sub->failures = 0;
	sub->throttled = 0;
	sub->failing_since = 0;
	sub->last_success_at = oe_delivery.now;
	if (sub->breaker == OE_BREAKER_CLOSED || req->stale)
		return;
	sub->breaker = OE_BREAKER_HALF;
	sub->not_before = 0;
	if (++sub->successes >= OE_BREAKER_SUCCESSES)
		oe_breaker_close(sub);
}

/*
 * Does this failure open the breaker, or make an open one wait for longer?
 * Only first attempts show whether an endpoint is down: a poison event that is
 * retried must not hold back the others.  While the breaker is open only probes
 * count, whichever attempt they are.
 */
static bool
oe_breaker_trips(OeSub *sub, const OeRequest *req)
{
	switch (sub->breaker)
	{
		case OE_BREAKER_OPEN:
			return !req->stale;
		case OE_BREAKER_HALF:
			return !req->stale && req->attempt == 1;
		default:
			return req->attempt == 1 && (sub->failures >= OE_BREAKER_FAILURES || oe_mostly_fails(sub));
	}
}

void
oe_breaker_failure(OeSub *sub, OeRequest *req)
{
	/*
	 * while nobody tried, because no worker ran or none was armed, it did not
	 * fail
	 */
	if (sub->failing_since == 0)
		sub->failing_since = oe_delivery.now;
	else if (oe_delivery.now - sub->tried_at > OE_GAP_MAX)
		sub->failing_since += oe_delivery.now - sub->tried_at - OE_GAP_MAX;
	sub->tried_at = oe_delivery.now;
	if (req->retry_after > 0 && (req->status == 429 || req->status == 503))
		sub->not_before = Max(sub->not_before, oe_delivery.now + req->retry_after * OE_SECOND);
	if (req->status == 429)
	{
		if (req->retry_after <= 0)
			sub->not_before = Max(sub->not_before,
								  oe_delivery.now + (OE_SECOND << Min(sub->throttled, 6)));
		sub->throttled++;
		return;
	}
	if (req->attempt == 1)
	{
		sub->failures++;
		oe_count(sub, false);
	}
	if (oe_breaker_trips(sub, req))
		oe_breaker_open(sub);
	if (sub->last_success_at < oe_delivery.now - OE_DISABLE_AFTER &&
		sub->failing_since < oe_delivery.now - OE_DISABLE_AFTER)
		oe_sub_disable(sub, req, "no success for 5 days");
}
