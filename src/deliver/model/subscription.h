/*
 * subscription.h
 *	  A subscription in memory: its queues, its progress, the health of its
 *	  endpoint.
 *
 * Worker only.  subscription/configuration.c makes and frees it; queue and
 * settle change it.
 *
 * Breaker (queue/breaker.c):
 *
 *  state      request allowed            leaves it when
 *  CLOSED     as configured              10 first attempts in a row fail, or 70 %
 *                                        of at least 10 within five minutes: OPEN
 *  OPEN       one probe every probe_ms   the probe succeeds: HALF; it fails:
 *             (30 s, doubling to 10 min) probe_ms doubles
 *  HALF       one at a time              5 successes: CLOSED; a failed first
 *                                        attempt: OPEN
 */
#ifndef OE_DELIVER_MODEL_SUBSCRIPTION_H
#define OE_DELIVER_MODEL_SUBSCRIPTION_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"

typedef struct OeConfiguration OeConfiguration;
typedef struct OeSub OeSub;
struct oe_keytab_hash;

#define OE_BREAKER_BUCKETS 10	/* of half a minute */
#define OE_OPENINGS 8			/* of a breaker that are remembered */

typedef enum OeBreaker
{
	OE_BREAKER_CLOSED,
	OE_BREAKER_OPEN,
	OE_BREAKER_HALF
} OeBreaker;

/* Answers of half a minute. */
typedef struct OeBreakerBucket
{
	int64		slice;			/* number of the half minute since 2000 */
	int			good;			/* successes */
	int			bad;			/* failures of first attempts */
} OeBreakerBucket;

/* Requests of a subscription, by outcome; the array in progress has this
 * order. */
typedef enum OeRequestOutcome
{
	OE_REQUEST_DELIVERED,
	OE_REQUEST_REJECTED,		/* 4xx */
	OE_REQUEST_FAILED,			/* any other status, 408 */
	OE_REQUEST_THROTTLED,		/* 429 */
	OE_REQUEST_NO_ANSWER,
	OE_REQUEST_RETRIES			/* of all these, attempts after the first */
} OeRequestOutcome;

#define OE_REQUEST_OUTCOMES (OE_REQUEST_RETRIES + 1)

/* A subscription with a URL. */
struct OeSub
{
	dlist_node	node;			/* in oe_delivery.subs */
	int			id;
	OeConfiguration *conf;
	bool		active;			/* state in the table, and not disabled here */
	bool		seen;			/* while configurations are loaded: it still
								 * exists */
	TimestampTz state_since;	/* of the row */
	char	   *disable;		/* palloc'd reason, to be written to the
								 * table; NULL: none */
	int64		cursor;			/* position up to which events were taken or
								 * passed over */
	int64		version_noted;	/* of conf, whose beginning is written down;
								 * 0: none yet */
	struct oe_keytab_hash *keys;
	dlist_head	live;			/* OE_LIVE items, in the order of taking in */
	int			nlive;
	Size		bytes;			/* of events that its items refer to */
	dlist_head	ready;			/* OeKey.link: keys with something to send */
	int			nready;			/* keys in ready */
	dlist_head	loading;		/* OeKey.link: keys whose events must be read */
	pairingheap waiting;		/* OeKey.heap, by due */
	dlist_head	batches;
	int			nbatches;
	dlist_head	replays;
	int			requests;		/* in flight */
	pairingheap_node scheduled;
	double		pass;			/* requests started for its weight; see
								 * scheduler.c */
	double		read_pass;		/* the same of reading the backlog */
	double		tokens;			/* of the rate limit */
	TimestampTz tokens_at;		/* when they were counted; 0: never */
	int64	   *acknowledged;	/* positions of events that somebody has
								 * settled by hand, ascending; NULL: none */
	int			nacknowledged;
	int64		lost_from;		/* range that an overrun dropped, to be
								 * written; */
	int64		lost_to;		/* 0: none */
	int64		release_position;	/* with a schedule: events up to here may
									 * go */
	TimestampTz fired_at;		/* with a schedule: when it last fired */
	TimestampTz fires_at;		/* with a schedule: when it fires next; 0: not
								 * computed */
	int			shared_attempt; /* index in oe_delivery.attempts of its latest
								 * shared one, if that is still there */
	int			requests_written;	/* what the latest row of progress says */
	dlist_head	in_flight;		/* OeRequest.node */
	bool		dirty;			/* its row of progress must be written */
	bool		moved;			/* only the cursor moved: writing can wait */
	TimestampTz written_at;		/* of the latest row of progress; 0: not
								 * recovered yet */
	TimestampTz stalled_until;	/* reads nothing before: keys must drain first */
	/* health of the endpoint */
	TimestampTz peer_expires_at;	/* end of the certificate of its latest
									 * connection; 0: not known */
	bool		peer_dirty;		/* that is not written yet */
	OeBreaker	breaker;
	int			failures;		/* first attempts that failed in a row */
	OeBreakerBucket buckets[OE_BREAKER_BUCKETS];
	int			successes;		/* while half open */
	int			probe_ms;		/* milliseconds between probes */
	TimestampTz openings[OE_OPENINGS];	/* of the breaker, the latest first */
	int			nopenings;
	TimestampTz logged_at;		/* the latest line about the breaker */
	bool		logged_open;	/* the log says that it is open */
	int			unlogged;		/* changes since that line */
	TimestampTz not_before;		/* no request before (Retry-After, breaker) */
	int			throttled;		/* 429 answers in a row */
	int64		delivered;		/* events accepted, since it exists */
	int64		failed;			/* requests that failed, since it exists */
	int64		filter_errors;	/* judgements that were neither true nor false */
	TimestampTz filter_error_at;	/* the latest of them */
	int64		filter_error_position;
	int64		filter_passed;	/* events, since it has this filter */
	int64		filter_refused;
	int			slow;			/* grows with judgements that took too long */
	int64		outcomes[OE_REQUEST_OUTCOMES];
	int			last_status;
	char		last_error[256];	/* empty: none */
	TimestampTz last_success_at;
	TimestampTz failing_since;	/* 0: it does not fail */
	TimestampTz tried_at;		/* of the last failure */
	float		took[128];		/* seconds, of the latest requests */
	int			ntook;			/* how many were noted in took, over all */
};

#endif							/* OE_DELIVER_MODEL_SUBSCRIPTION_H */
