/*
 * request.h
 *	  What is under way to an endpoint: one item or batch, and what became of it.
 *
 * Worker only.  This is what all transports have in common, and all that
 * queue and settle look at; a transport's own struct begins with it.  A request
 * is made by OeTransport.start(), belongs to its transport, and is given back
 * by OeTransport.put() when its result has been taken.
 */
#ifndef OE_DELIVER_TRANSPORT_REQUEST_H
#define OE_DELIVER_TRANSPORT_REQUEST_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"

#include "base/span.h"

typedef struct OeBatch OeBatch;
typedef struct OeConfiguration OeConfiguration;
typedef struct OeItem OeItem;
typedef struct OeSub OeSub;

typedef struct OeRequest
{
	dlist_node	node;			/* OeSub.in_flight */
	OeConfiguration *conf;
	OeSub	   *sub;			/* NULL: the subscription was dropped
								 * meanwhile */
	OeItem	   *item;			/* what it sends, or */
	OeBatch    *batch;			/* this */
	int			attempt;
	TimestampTz started;		/* when it was handed over */
	int			sends;			/* more than 1: libcurl has repeated it */
	TimestampTz sent_at;		/* the last time */
	StringInfoData token;		/* Authorization, of OAuth2 */
	char		traceparent[OE_TRACEPARENT_LEN + 1];	/* that the receiver
														 * gets; empty: none */
	bool		dry;			/* a dry run: not sent */
	bool		stale;			/* under way when the breaker opened: no probe */
	/* the result */
	bool		acknowledged;	/* the endpoint has it */
	int			status;			/* of HTTP; 0: none */
	int			retry_after;	/* seconds; -1: not given */
	bool		abort_message;	/* the endpoint will never take the event */
	bool		disable;		/* the endpoint asks to be disabled */
	bool		at_fault;		/* the answer says that the event is; */
	bool		rejected;		/* by the body of a 2xx: set by result.c */
	int			read;			/* bytes of the answer, so far */
	int			response_len;	/* bytes kept of it */
	char	   *response;
	char	   *location;		/* of the answer; empty: it has none; NULL:
								 * the subscription does not poll */
	const char *failed;			/* why there is no answer; NULL: there is one */
} OeRequest;

#endif							/* OE_DELIVER_TRANSPORT_REQUEST_H */
