/*
 * request.h
 *	  One HTTP request: an easy handle and all that curl points to.
 *
 * Worker only.  prepare.c makes it and keeps finished ones for reuse; http.c
 * owns it while it is under way.  curl keeps pointers to the buffers, so they
 * are not moved before the request has ended.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_REQUEST_H
#define OE_DELIVER_TRANSPORT_HTTP_REQUEST_H

#include "postgres.h"

#include <curl/curl.h>

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"

#include "deliver/model/configuration.h"
#include "deliver/transport/request.h"

typedef struct OeHttpRequest OeHttpRequest;
typedef struct OePoll OePoll;

#define OE_RESPONSE_KEPT 4096
#define OE_RESPONSE_READ 65536
#define OE_LOCATION_MAX 2048	/* with its end */

typedef enum OeRequestKind
{
	OE_DELIVERY,
	OE_ASK_TOKEN,
	OE_ASK_HANDSHAKE,
	OE_ASK_OUTCOME
} OeRequestKind;

typedef enum OeRequestPlace
{
	OE_PLACE_NONE,
	OE_PLACE_AUTHORIZATION,		/* conf->authorization->waiting */
	OE_PLACE_RUNNING,			/* curl has it */
	OE_PLACE_OVER				/* what became of it is to be dealt with */
} OeRequestPlace;

/* One request: an easy handle and all that curl points to. */
struct OeHttpRequest
{
	OeRequest	common;
	dlist_node	link;			/* where "place" says, or idle */
	OeRequestPlace place;
	OeRequestKind kind;
	bool		plain;			/* to http, not https */
	bool		renewed;		/* was answered 401 and is sent again with a
								 * new token */
	int			generation;		/* of the token it was sent with */
	struct curl_slist *own_list;	/* headers of what is not a delivery */
	OePoll	   *poll;			/* of kind OE_ASK_OUTCOME: what is asked for, */
	const char *poll_url;		/* and where; the poll's */
	CURL	   *easy;
	bool		added;			/* curl has worked with the handle */
	int64		added_at;		/* us, monotonic */
	struct curl_slist *headers; /* array, linked */
	char		h_id[64];
	char		h_timestamp[48];
	char		h_signature[OE_SIGNERS * 96];
	char		h_previous[64];
	char		h_attempt[40];
	char		h_trace[80];
	StringInfoData body;		/* where it is not the stored text itself */
	StringInfoData ce;			/* ce-* headers of binary format */
	struct curl_slist *last_header; /* ce-* headers follow it */
	char		errbuf[CURL_ERROR_SIZE];
	/* the connection */
	bool		fresh;			/* only a new one will do */
	bool		unfit;			/* what libcurl chose will not do */
	uint64		ends;			/* of the connection; 0: none yet */
	int64		received;		/* on it, when first looked at; -1: not yet */
	uint64		read_before;	/* oe_bytes_read at that time */
	/* the answer */
	bool		refused;		/* the address policy refused to connect */
	bool		in_head;		/* in the headers of a final answer */
	int			retry_secs;		/* Retry-After in seconds; 0: none */
	time_t		retry_at;		/* or as a date; 0: none */
	time_t		date;			/* the endpoint's clock; 0: not told */
	int			header_bytes;	/* of the answer, so far */
	bool		allowed;		/* handshake: our origin is allowed */
	bool		answered_origin;	/* handshake: the answer named an origin */
	int			allowed_rate;	/* handshake: requests per minute; 0: no limit */
	int			response_room;	/* bytes allocated */
};

#endif							/* OE_DELIVER_TRANSPORT_HTTP_REQUEST_H */
