/*
 * configuration.h
 *	  A subscription's configuration.
 *
 * Made by subscription/configuration.c from a row; never changed after that,
 * but for rate_limit and rate_burst, which a handshake may lower, and the state
 * of the authorization.  Counted references: the subscription has one, each
 * request another, so that requests finish with the configuration that they
 * started with.  The last oe_conf_release() frees it.
 */
#ifndef OE_DELIVER_MODEL_CONFIGURATION_H
#define OE_DELIVER_MODEL_CONFIGURATION_H

#include "postgres.h"

#include <curl/curl.h>

#include "datatype/timestamp.h"
#include "lib/ilist.h"

typedef struct OeCron OeCron;
typedef struct OeFilter OeFilter;
typedef struct OeNetwork OeNetwork;
typedef struct OeTransport OeTransport;
typedef struct OeHttpRequest OeHttpRequest;

/*
 * What has to be asked before requests may go (authorization.c).  Lives with
 * its configuration.
 */
typedef struct OeAuthorization
{
	bool		handshake;		/* the endpoint must allow our origin first */
	bool		shaken;			/* it has */
	char	   *token_url;		/* NULL: no OAuth2 */
	bool		token_plain;	/* token_url is http, not https */
	char	   *client;			/* header with the client's credentials */
	char	   *form;			/* body of the token request */
	char	   *token;			/* header with the token; NULL: none */
	int			generation;		/* counts tokens, to recognize an old one */
	TimestampTz token_until;	/* when it expires */
	TimestampTz renew_at;		/* when to ask for the next one */
	struct OeHttpRequest *asking;	/* the request that asks; NULL: none */
	dlist_head	waiting;		/* OeHttpRequest.link: requests that wait */
} OeAuthorization;

/* A client certificate, a CA, a name of the subscription's own. */
typedef struct OeTls
{
	char	   *ca;				/* PEM; NULL: the system's */
	char	   *cert;
	char	   *key;
	char	   *url;			/* with server_name as its host; NULL: the
								 * subscription's */
	struct curl_slist connect_to;	/* where that really leads */
	bool		http1;			/* HTTP/2 is not wanted */
} OeTls;

/* How events become messages of a broker (transport/program). */
typedef struct OeBroker
{
	char	   *kind;			/* kafka, nats, mqtt, amqp */
	char	   *connection;		/* what the helper program is told, as JSON;
								 * with secrets */
	char	   *topic;			/* templates */
	char	   *key;
	const char *prefix;			/* of attributes in headers */
	bool		encoded;		/* their values are percent-encoded */
	bool		compacted;		/* the topic keeps the latest message per key */
	bool		retain;			/* the broker keeps the latest one per topic */
	bool		probed;			/* a ping looks for a topic of this type, and
								 * publishes nothing */
	char	   *ping_type;
	int			run;			/* of the program that was told of it; 0: none */
} OeBroker;

/* A key to sign with. */
typedef struct OeSigner
{
	unsigned char *key;
	int			key_len;
	struct evp_pkey_st *pkey;	/* ed25519; NULL: HMAC */
	TimestampTz until;			/* 0: for ever */
} OeSigner;

#define OE_SIGNERS 4

/* A subscription's configuration; requests under way keep theirs. */
typedef struct OeConfiguration
{
	MemoryContext cxt;
	int			refs;			/* its subscription and its requests */
	void		(*release) (struct OeConfiguration *conf);	/* frees it with all
															 * that it holds */
	int64		version;		/* of the row: a higher one replaces it */
	char	   *name;
	char	   *url;
	OeTransport *transport;
	OeBroker   *broker;			/* NULL: a webhook */
	bool		plain;			/* http, not https */
	char	  **types;			/* patterns; * stands for any characters */
	int			ntypes;
	OeFilter   *filter;			/* NULL: none */
	int		   *companies;		/* NULL: all */
	int			ncompanies;
	bool		shared_rows;	/* with companies: events without one too */
	int		   *warehouses;
	int			nwarehouses;
	char		format;			/* 's'tructured (batches too), 'b'inary, 't':
								 * plain Standard Webhooks */
	bool		batched;
	bool		thin;
	int			clearance;		/* a bit per class */
	char	  **fields;			/* members of data that are sent, "<entity or
								 * part>.<field>" or "<member>" */
	int			nfields;		/* 0: all */
	char		ordering;		/* 'k'ey, 'n'one, 's'trict */
	int			batch_size;
	int64		batch_wait;		/* microseconds that an incomplete batch waits */
	bool		dry_run;
	int			max_in_flight;
	double		rate_limit;		/* requests per second; 0: no limit */
	double		rate_burst;		/* requests */
	int			priority;
	OeCron	   *cron;			/* NULL: sends at once */
	int64		expire_after;	/* microseconds; 0: never */
	int			timeout_ms;		/* of one request, milliseconds */
	int64	   *schedule;		/* microseconds before each retry; NULL: the
								 * default */
	int			nschedule;
	int		   *successes;		/* statuses that acknowledge, beside 2xx */
	int			nsuccesses;
	char		outcomes;		/* what a 2xx means, and how it is known:
								 * 'n'one, 'b'ody, 'p'oll, 'l'ater by others */
	void	   *accepted;		/* JsonPath; NULL: none */
	void	   *rejected;		/* the same */
	void	   *outcome_status; /* the same, of the answer to a poll */
	bool		keep_answers;	/* the bodies of accepted requests, too */
	char		on_reject;		/* what follows when the event is at fault:
								 * 'r'etry, 'd'ead, 'h'old */
	OeNetwork  *networks;
	int			nnetworks;
	OeNetwork  *residence;		/* where its data may go at all */
	int			nresidence;		/* 0: anywhere */
	char	  **headers;		/* each "Name: value" */
	char	  **header_values;	/* the same, values alone */
	int			nheaders;
	char	  **secrets;		/* further texts that no log or table may show */
	int			nsecrets;
	OeAuthorization *authorization; /* NULL: nothing has to be asked first */
	OeTls		tls;
	int			nsigners;		/* 0: no secret, so nothing can be sent */
	OeSigner   *signers;		/* the secret, and those that were rotated
								 * away */
	dlist_head	idle;			/* OeHttpRequest.common.node: handles ready
								 * for use */
} OeConfiguration;

extern void oe_conf_release(OeConfiguration *conf);
extern int	oe_clearance_of(char **names, int n);
extern bool oe_status_acknowledges(const OeConfiguration *conf, int status);

#endif							/* OE_DELIVER_MODEL_CONFIGURATION_H */
