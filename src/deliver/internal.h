/*
 * internal.h
 *	  What the files of src/deliver share: the dispatcher's memory.
 *
 * Worker only.  Memory is the truth while the worker lives; settle.c writes
 * what changed, all of it in one transaction, and recover.c builds it again
 * from the tables.  Nothing here is changed inside that transaction, so that
 * a failing one leaves all marks as they were and is simply repeated.
 *
 * An event that a subscription has still to get is in one of three places:
 *	- an OE_LIVE item: taken in, not settled; listed in progress.in_flight (or
 *	  in progress.batches if it is a member of a batch);
 *	- behind a key's implicit_from: all events of the key from there up to the
 *	  cursor wait, without being in memory; the row in "held" says so.  Those
 *	  of them that are loaded are OE_CHAINED items;
 *	- after the cursor.
 * OE_REPLAY items are sent again; the replay's own cursor covers them.
 *
 * A key is in one state at a time, chosen by oe_key_schedule():
 *	  READY    its first item can be sent	(sub->ready)
 *	  BUSY     its first items are on their way, or in a batch, or its last one
 *			   is a dead letter that is not committed yet
 *	  WAITING  its head is due later		(sub->waiting)
 *	  LOADING  its head is not in memory	(sub->loading)
 *	  IDLE     nothing to do; freed when its row is written
 */
#ifndef OE_DELIVER_INTERNAL_H
#define OE_DELIVER_INTERNAL_H

#include "postgres.h"

#include <curl/curl.h>

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "lib/stringinfo.h"
#include "utils/jsonpath.h"
#include "utils/uuid.h"

#include "deliver/transport/http/address.h"
#include "deliver/queue/cron.h"

#define OE_ID_LEN 37			/* a UUID's text with its end */
#define OE_CHAIN_MAX 32			/* items of one key in memory, or two batches */
#define OE_WINDOW_MIN 256		/* items taken in per subscription ... */
#define OE_WINDOW_MAX 8192
#define OE_BYTES_MAX (24 * 1024 * 1024) /* events in memory, over all, beyond
										 * the share each may always have */
#define OE_BYTES_SHARE (256 * 1024)
#define OE_BYTES_SHARE_MIN (32 * 1024)	/* where there are many */
#define OE_REPLAY_WINDOW 128
#define OE_RESPONSE_KEPT 4096
#define OE_RESPONSE_READ 65536
#define OE_SECOND INT64CONST(1000000)
#define OE_SLICES 10			/* of half a minute */
#define OE_OPENINGS 8			/* of a breaker that are remembered */
#define OE_CE_HEADERS 32
#define OE_ANSWERS_MAX 2000		/* unwritten answers beyond which none starts */

typedef struct OeSub OeSub;
typedef struct OeKey OeKey;
typedef struct OeBatch OeBatch;
typedef struct OeReplay OeReplay;
typedef struct OeRequest OeRequest;

/* An event in memory, shared by all items that are about it. */
typedef struct OeEvent
{
	int64		position;
	TimestampTz time;			/* when it happened */
	int			refs;
	char		id[OE_ID_LEN];
	pg_uuid_t	uuid;			/* the same */
	char	   *key;
	int			key_len;
	char	   *body;
	int			body_len;
	char	   *classes;		/* of its members (publish/classes.c); NULL */
	Size		size;
} OeEvent;

typedef enum OeVerdict
{
	OE_REFUSED,
	OE_WANTED,
	OE_UNJUDGED					/* it cannot be said */
} OeVerdict;

#define OE_UNJUDGED_TEXT "the filter could not be judged: "

/* What a filter says of an event. */
typedef struct OeJudgement
{
	OeVerdict	verdict;
	bool		unknown;		/* neither true nor false: refused */
	bool		slow;			/* its time was over */
	char		reason[256];	/* why it cannot be said */
} OeJudgement;

/* A filter, shared by all subscriptions that have the same one; the event that
 * it judged last, since an event never changes. */
typedef struct OeFilter
{
	dlist_node	node;
	int			refs;
	JsonPath   *path;
	int64		position;
	OeJudgement judgement;
} OeFilter;

/* A row of the outbox while it is being looked at. */
typedef struct OeRow
{
	int64		position;
	pg_uuid_t  *id;
	const char *type;
	int			type_len;
	const char *subject;
	int			subject_len;
	const char *key;
	int			key_len;
	bool		has_company;
	bool		has_warehouse;
	int			company;
	int			warehouse;
	const char *body;
	int			body_len;
	const char *classes;		/* NULL: all internal */
	int			classes_len;
	TimestampTz time;
	OeEvent    *event;			/* once somebody wanted it */
	Datum		jsonb;			/* once a filter wanted it; 0 */
	const char *unreadable;		/* why it is no jsonb; NULL */
} OeRow;

/* What has to be asked before requests go: gate.c. */
typedef struct OeGate
{
	bool		handshake;		/* wanted */
	bool		shaken;
	char	   *token_url;		/* NULL: no OAuth2 */
	bool		token_plain;	/* http, not https */
	char	   *client;			/* header with the client's credentials */
	char	   *form;
	char	   *token;			/* header with the token; NULL: none */
	int			generation;		/* of the token */
	TimestampTz token_until;
	TimestampTz renew_at;
	struct OeRequest *asking;
	dlist_head	waiting;		/* OeRequest.unsent */
} OeGate;

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
typedef struct OeConf
{
	MemoryContext cxt;
	int			refs;
	int64		version;
	char	   *name;
	char	   *url;
	bool		plain;			/* http, not https */
	char	  **types;
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
	int			clearance;		/* bit per class */
	char		ordering;		/* 'k'ey, 'n'one, 's'trict */
	int			batch_size;
	int64		batch_wait;		/* us */
	bool		dry_run;
	int			max_in_flight;
	double		rate_limit;		/* requests per second; 0: none */
	double		rate_burst;
	int			priority;
	OeCron	   *cron;			/* NULL: at once */
	int64		expire_after;	/* us; 0: never */
	int			timeout_ms;
	int64	   *schedule;		/* us before each retry; NULL: the default */
	int			nschedule;
	int		   *successes;		/* statuses that acknowledge, beside 2xx */
	int			nsuccesses;
	OeNetwork  *networks;
	int			nnetworks;
	char	  **headers;		/* "Name: value" */
	char	  **header_values;
	int			nheaders;
	char	  **secrets;		/* what is shown nowhere, in its forms */
	int			nsecrets;
	OeGate	   *gate;			/* NULL: always open */
	OeTls		tls;
	int			nsigners;		/* 0: no secret here, nothing can be sent */
	OeSigner   *signers;		/* the secret, and those rotated away */
	dlist_head	idle;			/* OeRequest.node: handles ready for use */
} OeConf;

typedef enum OeItemKind
{
	OE_LIVE,
	OE_CHAINED,
	OE_REPLAY
} OeItemKind;

typedef struct OeItem
{
	OeItemKind	kind;
	dlist_node	in_sub;			/* sub->live, or replay->items */
	dlist_node	in_key;
	OeSub	   *sub;
	OeKey	   *key;
	OeEvent    *event;
	OeBatch    *batch;
	OeReplay   *replay;
	TimestampTz since;			/* in memory since */
	TimestampTz first_at;		/* replay: first attempt */
	int			attempts;		/* replay: made */
	bool		single;			/* its batch was given up: alone, once */
	char	   *skip_reason;	/* unwanted, but on its way: not tried again */
	int64		skip_order;		/* who said so */
} OeItem;

typedef enum OeKeyState
{
	OE_KEY_IDLE,
	OE_KEY_READY,
	OE_KEY_BUSY,
	OE_KEY_WAITING,
	OE_KEY_LOADING
} OeKeyState;

struct OeKey
{
	OeSub	   *sub;
	char		mode;			/* 'k', 'n', 's': how it follows on */
	char	   *name;
	int			name_len;
	OeKeyState	state;
	int			busy;			/* items on their way */
	dlist_head	queue;			/* live or chained items, in order */
	int			nqueue;
	dlist_head	replays;
	dlist_node	link;			/* ready or loading */
	pairingheap_node heap;		/* waiting */
	TimestampTz due;			/* waiting until */
	int64		implicit_from;	/* 0: none */
	int64		upto;			/* of mode 'k': last implicit one; 0: cursor */
	int64		loaded_to;		/* chained items cover positions up to here */
	int			attempts;		/* of the head */
	bool		early;			/* a probe ahead of its time: not counted */
	TimestampTz first_at;
	TimestampTz next_at;
	TimestampTz replay_at;		/* head of replays is due */
	int			last_status;
	char	   *last_error;
	bool		dirty;			/* row differs from the table */
	bool		stored;			/* has a row */
	dlist_node	in_dirty;
	bool		dying;			/* its last event is a dead letter, not
								 * committed yet: nothing follows before */
	dlist_node	in_dying;
};

typedef enum OeBatchState
{
	OE_BATCH_NEW,				/* not committed: must not be sent */
	OE_BATCH_READY,
	OE_BATCH_BUSY,
	OE_BATCH_WAITING
} OeBatchState;

struct OeBatch
{
	dlist_node	node;			/* sub->batches */
	OeSub	   *sub;
	OeBatchState state;
	bool		replay;			/* of one replayed item: not committed */
	char		id[OE_ID_LEN];
	int			n;
	OeItem	  **items;
	int			attempts;
	bool		early;			/* a probe ahead of its time: not counted */
	bool		hurried;		/* waits, but is to be tried now: early */
	TimestampTz first_at;
	TimestampTz next_at;
};

struct OeReplay
{
	dlist_node	node;			/* sub->replays */
	int64		id;
	OeSub	   *sub;
	bool		dead_letters;
	int64		to_position;
	int64		read;			/* cursor of reading */
	bool		read_all;
	dlist_head	items;			/* in order */
	int			nitems;
	int64		sent;
	int64		failed;
	bool		dirty;
};

/* What is still to be written about a request. */
typedef struct OeAnswer
{
	int			sub;
	bool		has_event;
	bool		has_batch;
	pg_uuid_t	event_id;
	pg_uuid_t	batch_id;
	int64		first;
	int64		last;
	int			attempt;
	TimestampTz at;
	double		duration;
	int			status;
	char	   *error;
	char	   *response;
} OeAnswer;

/* A dead letter to be written; its bytes are taken from the outbox. */
typedef struct OeDeath
{
	int			sub;
	int64		position;
	pg_uuid_t	id;
	int			attempts;
	TimestampTz first_at;
	TimestampTz last_at;
	int			status;
	char	   *error;
	bool		resurrected;	/* a dead letter was delivered: delete it */
	bool		again;			/* a dead letter failed once more: update it */
} OeDeath;

typedef enum OeBreaker
{
	OE_BREAKER_CLOSED,
	OE_BREAKER_OPEN,
	OE_BREAKER_HALF
} OeBreaker;

/* Answers of half a minute: successes, and failures of first attempts. */
typedef struct OeSlice
{
	int64		slice;
	int			good;
	int			bad;
} OeSlice;

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

struct oe_keytab_hash;

struct OeSub
{
	dlist_node	node;			/* oe_subs */
	int			id;
	OeConf	   *conf;
	bool		active;			/* state in the table */
	bool		seen;			/* while configuration is loaded */
	TimestampTz state_since;
	char	   *disable;		/* reason to write into the table */
	int64		cursor;
	struct oe_keytab_hash *keys;
	dlist_head	live;			/* items in order of taking in */
	int			nlive;
	Size		bytes;
	dlist_head	ready;
	int			nready;			/* keys */
	dlist_head	loading;
	pairingheap waiting;
	dlist_head	batches;
	int			nbatches;
	dlist_head	replays;
	int			requests;
	pairingheap_node turn;
	double		pass;			/* starts for its weight; see turn.c */
	double		read_pass;		/* the same of reading the backlog */
	double		tokens;
	TimestampTz tokens_at;
	int64		lost_from;		/* overrun, to be written; 0: none */
	int64		lost_to;
	int64		gate;			/* of a schedule: events up to here go */
	TimestampTz fired_at;
	TimestampTz fires_at;		/* 0: not computed */
	int			requests_written;	/* what the latest row of progress says */
	dlist_head	in_flight;		/* OeRequest.node */
	bool		dirty;			/* progress must be written */
	bool		moved;			/* only the cursor moved: can wait */
	TimestampTz written_at;
	TimestampTz stalled_until;	/* reads nothing: a key must run dry first */
	/* health of the endpoint */
	OeBreaker	breaker;
	int			failures;		/* consecutive, of first attempts */
	OeSlice		slices[OE_SLICES];
	int			successes;		/* while half open */
	int			probe_ms;
	TimestampTz openings[OE_OPENINGS];	/* of the breaker, the latest first */
	int			nopenings;
	TimestampTz logged_at;		/* the latest line about the breaker */
	bool		logged_open;	/* the log says that it is open */
	int			unlogged;		/* changes since that line */
	TimestampTz not_before;
	int			throttled;		/* consecutive 429 */
	int64		delivered;
	int64		failed;
	int64		filter_errors;	/* judgements that were neither true nor false */
	TimestampTz filter_error_at;	/* the latest of them */
	int64		filter_error_position;
	int64		filter_passed;	/* events, since it has this filter */
	int64		filter_refused;
	int			slow;			/* grows with judgements that took too long */
	int64		outcomes[OE_REQUEST_OUTCOMES];
	int			last_status;
	char		last_error[256];
	TimestampTz last_success_at;
	TimestampTz failing_since;
	TimestampTz tried_at;		/* last failure */
	float		took[128];		/* seconds, of the latest requests */
	int			ntook;
};

typedef enum OeRequestKind
{
	OE_DELIVERY,
	OE_ASK_TOKEN,
	OE_ASK_HANDSHAKE
} OeRequestKind;

typedef enum OeRequestPlace
{
	OE_NOWHERE,
	OE_AT_GATE,					/* conf->gate->waiting */
	OE_RUNNING,					/* curl has it */
	OE_OVER						/* what became of it is to be dealt with */
} OeRequestPlace;

/* One request: an easy handle and all that curl points to. */
struct OeRequest
{
	dlist_node	node;
	dlist_node	link;			/* where "place" says, or idle */
	OeRequestPlace place;
	OeRequestKind kind;
	bool		plain;			/* to http, not https */
	bool		renewed;		/* has been answered 401 with another token */
	int			generation;		/* of the token it was sent with */
	struct curl_slist *own_list;	/* headers of what is asked */
	CURL	   *easy;
	bool		added;			/* curl has worked with it */
	int64		added_at;		/* us, monotonic */
	OeConf	   *conf;
	OeSub	   *sub;			/* NULL: the subscription went meanwhile */
	OeItem	   *item;
	OeBatch    *batch;
	struct curl_slist *headers; /* array, linked */
	char		h_id[64];
	char		h_timestamp[48];
	char		h_signature[OE_SIGNERS * 96];
	char		h_previous[64];
	char		h_attempt[40];
	char		h_trace[80];
	StringInfoData body;		/* where it is not the frozen text */
	StringInfoData ce;			/* ce-* headers */
	StringInfoData token;		/* Authorization, of OAuth2 */
	struct curl_slist *last_header; /* ce-* headers follow it */
	int			attempt;
	TimestampTz started;
	char		errbuf[CURL_ERROR_SIZE];
	/* the connection */
	bool		fresh;			/* only a new one will do */
	bool		unfit;			/* what libcurl chose will not do */
	int			sends;			/* more than 1: libcurl has repeated it */
	TimestampTz sent_at;		/* the last time */
	uint64		ends;			/* of the connection; 0: none yet */
	int64		received;		/* on it, when first looked at; -1: not yet */
	uint64		read_before;	/* oe_bytes_read at that time */
	/* the answer */
	bool		dry;			/* not sent: a dry run */
	bool		stale;			/* under way when the breaker opened: no probe */
	bool		refused;		/* the address policy said no */
	int			status;
	bool		in_head;		/* in the headers of a final answer */
	int			retry_secs;		/* Retry-After in seconds; 0: none */
	time_t		retry_at;		/* or as a date; 0: none */
	time_t		date;			/* the endpoint's clock; 0: not told */
	int			retry_after;	/* what follows, s; -1: none */
	bool		abort_message;
	bool		disable;
	int			header_bytes;
	int			read;
	int			response_len;
	bool		allowed;		/* handshake: our origin is */
	bool		answered_origin;	/* it said which is */
	int			allowed_rate;	/* requests per minute; 0: not limited */
	const char *failed;			/* why there is no status */
	int			response_room;
	char	   *response;
};

/* state.c */
extern MemoryContext oe_deliver_cxt;
extern dlist_head oe_subs;
extern dlist_head oe_dirty_keys;
extern dlist_head oe_dying_keys;
extern int	oe_nsubs;
extern Size oe_event_bytes;
extern int	oe_requests;
extern TimestampTz oe_now;
extern OeAnswer *oe_answers;
extern int	oe_nanswers;
extern OeDeath *oe_deaths;
extern int	oe_ndeaths;

extern void oe_state_init(void);
extern OeSub *oe_sub_make(int id);
extern bool oe_sub_has_memory(const OeSub *sub);
extern OeSub *oe_sub_find(int id);
extern void oe_sub_free(OeSub *sub);
extern OeEvent *oe_event_make(OeRow *row);
extern void oe_event_release(OeEvent *event);
extern OeItem *oe_item_make(OeSub *sub, OeKey *key, OeEvent *event, OeItemKind kind);
extern void oe_item_free(OeItem *item);
extern void oe_item_settle(OeItem *item);
extern OeAnswer *oe_answers_room(int n);
extern OeDeath *oe_death_add(void);
extern void oe_answers_clear(void);

/* key.c */
extern void oe_keys_init(OeSub *sub);
extern void oe_keys_free(OeSub *sub);
extern void oe_sub_forget_keys(OeSub *sub);
extern OeKey *oe_key_find(OeSub *sub, char mode, const char *name, int len);
extern OeKey *oe_key_get(OeSub *sub, char mode, const char *name, int len);
extern OeKey *oe_key_of(OeSub *sub, OeRow *row);
extern void oe_key_free(OeKey *key);
extern void oe_key_dirty(OeKey *key);
extern void oe_key_dies(OeKey *key);
extern void oe_key_schedule(OeKey *key);
extern void oe_key_imply(OeKey *key, int64 from);
extern void oe_key_hold(OeKey *key, int64 position);
extern void oe_key_hurry(OeKey *key);
extern void oe_key_passed(OeKey *key, int64 position);
extern void oe_key_each(OeSub *sub, void (*fn) (OeKey *key, void *arg), void *arg);
extern int	oe_key_count(OeSub *sub);

/* config.c */
extern bool oe_config_loaded(void);
extern void oe_config_load(int64 last_position);
extern void oe_conf_release(OeConf *conf);
extern int	oe_clearance_of(char **names, int n);
extern void oe_conf_add_header(OeConf *conf, char *header);

/* match.c */
extern OeVerdict oe_sub_judges(OeSub *sub, OeRow *row);
extern void oe_row_dies(OeSub *sub, const OeRow *row);
extern OeFilter *oe_filter_get(const JsonPath *path);
extern void oe_filter_release(OeFilter *filter);
extern void oe_row_done(OeRow *row);
extern void oe_filter_judge(JsonPath *filter, OeRow *row, OeJudgement *j);

/* read.c */
#define OE_ROW_SQL "o.position, o.id, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, o.event, o.classes, o.\"time\""
extern bool oe_read(int64 last_position);
extern bool oe_read_wanted(int64 last_position);
extern void oe_row_from(OeRow *row, HeapTuple tup, TupleDesc desc, int first);
extern int	oe_chain_max(const OeConf *conf);

/* chain.c */
extern bool oe_sub_loads(OeSub *sub);
extern void oe_load_due(OeSub *sub);

/* turn.c */
extern double oe_weight(const OeSub *sub);
extern TimestampTz oe_token_at(OeSub *sub);
extern bool oe_sub_has_room(OeSub *sub);
extern bool oe_has_slot(const OeSub *sub);
extern bool oe_sub_may_start(OeSub *sub);
extern bool oe_take_turns(bool (*start) (OeSub *sub));
extern void oe_sub_fire(OeSub *sub, int64 last_position);
extern int64 oe_sub_tip(const OeSub *sub, int64 last_position);
extern void oe_expire(OeSub *sub);

/* recover.c */
extern void oe_recover(OeSub **subs, int n, int64 last_position);

/* replay.c */
extern void oe_replay_load(void);
extern bool oe_replay_wanted(OeSub *sub);
extern void oe_replay_read(OeSub *sub);
extern void oe_replay_settle(OeReplay *replay, OeItem *item, bool sent);
extern void oe_replay_free(OeReplay *replay);

/* command.c */
extern bool oe_commands_done(void);
extern void oe_command_settled(int64 id);
extern void oe_commands_take(void);
extern void oe_write_commands(void);
extern void oe_commands_written(void);

/* batch.c */
extern bool oe_batch_form(OeSub *sub);
extern OeBatch *oe_batch_make(OeSub *sub, OeItem **items, int n, const char *id);
extern void oe_batch_free(OeBatch *batch);
extern void oe_batches_committed(OeSub *sub);
extern void oe_item_delivered(OeItem *item, bool dry);
extern void oe_batch_delivered(OeBatch *batch, bool dry);
extern bool oe_batch_drop(OeBatch *batch, bool (*unwanted) (const OeItem *item), const char *reason, int attempts, int status);
extern void oe_batch_take_apart(OeBatch *batch, bool single);
extern OeBatch *oe_batch_due(OeSub *sub);
extern TimestampTz oe_batch_next(OeSub *sub);
extern void oe_batch_json(OeSub *sub, StringInfo buf);

/* previous.c */
extern void oe_previous_note(OeItem *item);
extern bool oe_previous_find(OeItem *item, char *id);
extern void oe_previous_recover(const Oid *types, Datum *ids);

/* company.c */
extern bool oe_is_company_event(const char *classes);
extern char *oe_company_event(const char *body, const char *classes, const int *companies, int n, bool *tells);

/* body.c */
extern bool oe_body_as_is(const OeConf *conf, const OeEvent *event);
extern int	oe_body_write(const OeConf *conf, const OeEvent *event, char format, StringInfo out, StringInfo headers);

/* sign.c */
extern void oe_sign(const OeConf *conf, const char *id, int64 timestamp,
					const char *body, Size len, char *out, Size size);
extern bool oe_signer_make(OeSigner *signer, bool ed25519, const char *key, int len, TimestampTz until);
extern void oe_signer_free(OeSigner *signer);
extern void oe_batch_id(OeItem **items, int n, char *out);
extern void oe_traceparent(const char *body, int len, char *out, Size size);

/* clock.c */
extern TimestampTz oe_clock(void);
extern int64 oe_deliver_last_position(void);
extern TimestampTz oe_event_time(const OeEvent *event);
extern void oe_clock_shift(OeSub *sub, int64 by);

/* connection.c */
extern uint64 oe_bytes_read;
extern void oe_socket_opened(int fd, bool http1);
extern void oe_socket_closed(int fd);
extern bool oe_connection_fits(OeRequest *req, const char *ip, int port, int local_port);
extern bool oe_connection_floods(OeRequest *req);

/* http.c; "between": a transaction that takes long lets requests go on */
extern bool oe_http_between;
extern void oe_http_init(void);
extern int	oe_http_fd(void);
extern long oe_http_timeout(void);
extern void oe_http_pump(void);
extern void oe_http_start(OeSub *sub, OeItem *item, OeBatch *batch, int attempt);
extern void oe_http_add(OeRequest *req);
extern void oe_http_over(OeRequest *req, const char *error);
extern void oe_http_take_out(OeRequest *req);
extern void oe_http_abandon(OeSub *sub);
extern int	oe_http_limit(void);

/* gate.c */
extern OeGate *oe_gate_make(bool handshake, const char *token_url, const char *client_id, const char *client_secret,
							const char *scope, const char *audience);
extern void oe_gate_free(OeGate *gate);
extern bool oe_gate_open(OeConf *conf);
extern bool oe_gate_unasked(const OeConf *conf);
extern void oe_gate_wait(OeRequest *req);
extern bool oe_gate_retry(OeRequest *req);
extern void oe_gate_answered(OeRequest *req);

/* auth.c */
extern char *oe_basic_header(const char *credentials);
extern const char *oe_webhook_origin(void);
extern void oe_tls_server_name(OeConf *conf, const char *name);

/* handle.c */
extern void oe_handle_init(void);
extern bool oe_http_settings_changed(void);
extern void oe_handle_options(OeRequest *req);
extern void oe_handle_ready(OeRequest *req);
extern void oe_handle_fresh(OeRequest *req);
extern void oe_head_done(OeRequest *req);

/* request.c */
extern OeRequest *oe_request_make(OeConf *conf, OeRequestKind kind, int room);
extern void oe_request_reset(OeRequest *req);
extern OeRequest *oe_request_get(OeConf *conf);
extern void oe_request_prepare(OeRequest *req);
extern void oe_request_put(OeRequest *req);
extern void oe_http_free_idle(OeConf *conf);

/* answer.c */
extern bool oe_status_acknowledges(const OeConf *conf, int status);
extern void oe_item_dies(OeItem *item, int attempts, TimestampTz first_at, int status, const char *error);
extern void oe_answered(OeRequest *req);

/* breaker.c */
extern void oe_sub_disable(OeSub *sub, const OeRequest *req, const char *reason);
extern void oe_breaker_reset(OeSub *sub);
extern void oe_breaker_success(OeSub *sub, const OeRequest *req);
extern void oe_breaker_failure(OeSub *sub, OeRequest *req);

/* clean.c */
extern void oe_hide(OeConf *conf, const char *secret);
extern char *oe_shown_text(const OeRequest *req, const char *data, int len, bool cut, int max);

/* measure.c */
extern void oe_measure(OeRequest *req, double took);
extern void oe_measure_in_flight(void);

/* write.c */
extern int	oe_progress_hint;
extern int	oe_attempt_hint;
extern void oe_write_attempts(void);
extern void oe_attempts_written(void);
extern void oe_write_deaths(void);
extern void oe_write_held(void);
extern int	oe_progress_member(void);
extern void oe_write_progress(OeSub **subs, int n, int member);

/* overrun.c */
extern void oe_write_overrun(OeSub *sub);

/* settle.c */
extern bool oe_settle_due(void);
extern void oe_settle_shift(int64 by);
extern TimestampTz oe_settle_next(void);
extern void oe_settle(void);

#endif							/* OE_DELIVER_INTERNAL_H */
