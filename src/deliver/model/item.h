/*
 * item.h
 *	  Events, items, ordering keys, batches and replays in memory.
 *
 * An event that a subscription has still to get is in one of three places:
 * - an OE_LIVE item: in memory and not settled; listed in progress.in_flight, or
 *   in progress.batches if it is a member of a batch;
 * - behind blocked_from of its ordering key: all events of the key from there up
 *   to the cursor wait in the outbox, and a row of "held" says so.  Those that are
 *   loaded are OE_BLOCKED items;
 * - after the cursor.
 * OE_REPLAY items are sent again; the replay's own cursor covers them.
 *
 * Ordering keys (ordering_key.c), decided by oe_key_schedule():
 *
 *  state    meaning                             leaves it when
 *  READY    its first item can be sent          a request starts; a batch takes it
 *  BUSY     its first items are in a request    the answer is there; the dead
 *           or batch, or its last one is a      letter is committed
 *           dead letter that is not committed
 *  WAITING  its first item is due later         the time has come; a breaker probes
 *  LOADING  its first item is not in memory     blocked_loader.c has read it
 *  IDLE     nothing to do                       freed when its row is written
 *
 * Batches (batch.c):
 *
 *  state    meaning                             goes to
 *  NEW      members and id are not committed    READY, by the next commit
 *  READY    can be sent                         BUSY, when a request starts
 *  BUSY     in a request                        freed when accepted; WAITING after
 *                                               a failure; taken apart when its
 *                                               content was refused
 *  WAITING  failed, due later                   BUSY; taken apart when its retries
 *                                               are used up
 *
 * Replays (replay.c):
 *
 *  state    known by                            leaves it when
 *  READING  read_all is false                   its range of the outbox, or its
 *                                               dead letters, are read; cancelled
 *  SENDING  read_all, and items are left        the last item is accepted or given
 *                                               up; cancelled
 *  DONE     read_all, and no items are left     its row is written: it is freed
 */
#ifndef OE_DELIVER_MODEL_ITEM_H
#define OE_DELIVER_MODEL_ITEM_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "utils/uuid.h"

#include "deliver/model/memory.h"

typedef struct OeBatch OeBatch;
typedef struct OeKey OeKey;
typedef struct OeReplay OeReplay;
typedef struct OeSub OeSub;

/*
 * An event in memory, shared by all items that refer to it.  Allocated in one
 * piece, with key, body and classes behind the struct.
 */
typedef struct OeOutboxEvent
{
	int64		position;		/* in the outbox */
	TimestampTz time;			/* when Odoo committed */
	int			refs;			/* items */
	int			warehouse;
	bool		has_warehouse;
	char		id[OE_ID_LEN];
	pg_uuid_t	uuid;			/* the same */
	char	   *key;
	int			key_len;
	char	   *body;			/* the JSON text as stored */
	int			body_len;
	char	   *classes;		/* of its members
								 * (publish/catalog/member_classes.c); NULL */
	Size		size;			/* bytes allocated */
} OeOutboxEvent;

/*
 * A row of the outbox while it is looked at.  Texts point into the tuple, and
 * are valid as long as that is.
 */
typedef struct OeOutboxRow
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
	OeOutboxEvent *event;		/* made when a subscription wants it */
	Datum		jsonb;			/* made when a filter needs it; 0: not yet */
	const char *unreadable;		/* why it is no jsonb; NULL */
} OeOutboxRow;

typedef enum OeItemKind
{
	OE_LIVE,
	OE_BLOCKED,
	OE_REPLAY
} OeItemKind;

/* One event that one subscription has still to get. */
typedef struct OeItem
{
	OeItemKind	kind;
	dlist_node	in_sub;			/* in sub->live, or in replay->items */
	dlist_node	in_key;			/* in key->queue or key->replays */
	OeSub	   *sub;
	OeKey	   *key;
	OeOutboxEvent *event;
	OeBatch    *batch;			/* NULL: in none */
	OeReplay   *replay;			/* NULL: not a replay */
	TimestampTz since;			/* when it was taken into memory */
	TimestampTz first_at;		/* replays: start of the first attempt; 0:
								 * none */
	int			attempts;		/* replays: requests made */
	bool		single;			/* its batch was given up: it is tried once,
								 * alone */
	bool		by_hand;		/* it is settled without a dead letter where
								 * it is not accepted */
	char	   *skip_reason;	/* palloc'd; an operator skips it while it is
								 * in a request: it is not retried */
	int64		skip_order;		/* id of the command to skip it */
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
	char		mode;			/* how events follow on: 'k'ey, 'n'one,
								 * 's'trict */
	char	   *name;
	int			name_len;
	OeKeyState	state;
	int			busy;			/* items in requests or batches */
	dlist_head	queue;			/* live or chained items, in order */
	int			nqueue;			/* length of queue */
	dlist_head	replays;		/* items of replays, sent after queue */
	dlist_node	link;			/* ready or loading */
	pairingheap_node heap;		/* waiting */
	TimestampTz due;			/* in state WAITING: until when */
	int64		blocked_from;	/* position from which events wait in the
								 * outbox; 0: none do */
	int64		upto;			/* mode k: position of the last one that
								 * waits; 0: the cursor */
	int64		loaded_to;		/* blocked items in memory cover the outbox up
								 * to here */
	int			attempts;		/* of the first item */
	bool		early;			/* the next request is a probe ahead of time:
								 * its failure does not count */
	TimestampTz first_at;		/* start of the first attempt of the first
								 * item; 0: none */
	TimestampTz next_at;		/* when the first item is due again */
	TimestampTz replay_at;		/* when the first replayed item is due; 0: at
								 * once */
	int			last_status;
	char	   *last_error;
	bool		dirty;			/* its row of "held" must be written */
	bool		stored;			/* it has a row in "held" */
	dlist_node	in_dirty;
	bool		dead_letter_pending;	/* its last event is a dead letter
										 * that is not committed: nothing is
										 * sent before */
	dlist_node	in_dead_letter_pending;
};

typedef enum OeBatchState
{
	OE_BATCH_NEW,				/* not committed: must not be sent */
	OE_BATCH_READY,
	OE_BATCH_BUSY,
	OE_BATCH_WAITING
} OeBatchState;

/* Events that are sent in one request. */
struct OeBatch
{
	dlist_node	node;			/* sub->batches */
	OeSub	   *sub;
	OeBatchState state;
	bool		replay;			/* of one replayed item: never committed */
	char		id[OE_ID_LEN];
	int			n;				/* members */
	OeItem	  **items;			/* in the order of their positions */
	int			attempts;		/* requests made */
	bool		early;			/* the next request is a probe ahead of time:
								 * its failure does not count */
	bool		hurried;		/* waits, but is to be tried now: early */
	TimestampTz first_at;		/* start of the first attempt; 0: none */
	TimestampTz next_at;		/* when it is due again */
};

/* A replay that was ordered by an operator; a row of table replay. */
struct OeReplay
{
	dlist_node	node;			/* sub->replays */
	int64		id;
	OeSub	   *sub;
	bool		dead_letters;	/* of the dead letters, not of the outbox */
	int64		to_position;	/* last position to be sent */
	int64		read;			/* last position that was read */
	bool		read_all;		/* nothing is left to be read */
	dlist_head	items;			/* OeItem.in_sub, in order */
	int			nitems;
	int64		sent;			/* accepted so far */
	int64		failed;			/* given up so far */
	bool		dirty;			/* its row must be written */
};

extern OeOutboxEvent *oe_event_make(OeOutboxRow *row);
extern OeItem *oe_item_make(OeSub *sub, OeKey *key, OeOutboxEvent *event, OeItemKind kind);
extern void oe_item_free(OeItem *item);

#endif							/* OE_DELIVER_MODEL_ITEM_H */
