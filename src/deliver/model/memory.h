/*
 * memory.h
 *	  Everything that delivery knows, and its limits.
 *
 * Worker only, except for the memory context.  While the worker lives, memory is
 * authoritative: settle.c writes what changed, all of it in one transaction,
 * and recovery.c builds the memory again from the tables.  Nothing here is
 * changed within that transaction, so that a failed one is simply repeated.
 */
#ifndef OE_DELIVER_MODEL_MEMORY_H
#define OE_DELIVER_MODEL_MEMORY_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "utils/uuid.h"

typedef struct OeSub OeSub;

#define OE_ID_LEN 37			/* a UUID's text with its end */
#define OE_BYTES_MAX (24 * 1024 * 1024) /* events in memory, over all, beyond
										 * the share each may always have */
#define OE_BYTES_SHARE (256 * 1024)
#define OE_BYTES_SHARE_MIN (32 * 1024)	/* where there are many */
#define OE_SECOND INT64CONST(1000000)
#define OE_ATTEMPTS_MAX 2000	/* unwritten answers beyond which none starts */

/* A finished request, for view attempt; written by the next commit. */
typedef struct OeAttempt
{
	int			sub;			/* id of the subscription */
	bool		has_event;
	bool		has_batch;
	bool		shared;			/* tells of several messages of a broker:
								 * odoo_events.attempt_detail */
	pg_uuid_t	event_id;
	pg_uuid_t	batch_id;
	int64		first;			/* positions of the first and the last */
	int64		last;			/* event in it */
	int			attempt;		/* 1 for the first one */
	TimestampTz at;				/* when it was started */
	double		duration;		/* seconds */
	int			status;			/* HTTP status; 0: no answer */
	char	   *error;			/* palloc'd; NULL: none */
	char	   *response;		/* palloc'd, at most OE_RESPONSE_KEPT bytes */
} OeAttempt;

/* A dead letter to be written; its bytes are copied from the outbox by SQL. */
typedef struct OeDeadLetter
{
	int			sub;			/* id of the subscription */
	int64		position;
	pg_uuid_t	id;
	int			attempts;		/* requests made */
	TimestampTz first_at;		/* of the first attempt */
	TimestampTz last_at;		/* of the last attempt */
	int			status;			/* last HTTP status; 0: none */
	char	   *error;			/* palloc'd */
	bool		redelivered;	/* a dead letter was delivered: delete its row */
	bool		again;			/* a dead letter failed once more: update its
								 * row */
} OeDeadLetter;

/* An event that was accepted and whose outcome comes later; written by the
 * next commit. */
typedef struct OeReceived
{
	int			sub;			/* id of the subscription */
	int64		position;
	char	   *location;		/* palloc'd, where its outcome is asked for;
								 * NULL: nowhere */
	const char *note;			/* why there is none, or what the answer says;
								 * NULL: nothing */
	int			wait;			/* seconds until it is asked for; -1: not told */
	bool		processed;		/* the answer is the outcome */
} OeReceived;

/* Everything that delivery knows, and that is not in shared memory.  Owned by
 * memory.c; one per process, made by oe_state_init() and never freed.  In a
 * backend (rendered(), fetch()) only cxt is set. */
typedef struct OeDelivery
{
	MemoryContext cxt;			/* of all that outlives a step */
	TimestampTz now;			/* clock of the current step: deliver.c sets
								 * it at its beginning, result.c for each
								 * answer */
	bool		config_loaded;	/* subscriptions have been read once */
	dlist_head	subs;			/* OeSub.node */
	int			nsubs;
	dlist_head	dirty_keys;		/* OeKey.in_dirty: row of "held" to be written */
	dlist_head	dead_letter_keys;	/* OeKey.in_dead_letter_pending */
	Size		event_bytes;	/* of all events in memory */
	int			requests;		/* started and not answered */
	OeAttempt  *attempts;		/* requests that ended, to be written */
	int			nattempts;
	OeDeadLetter *dead_letters; /* to be written, deleted or updated */
	int			ndead_letters;
	OeReceived *received;		/* to be written */
	int			nreceived;
} OeDelivery;

extern OeDelivery oe_delivery;
extern void oe_state_init(void);
extern bool oe_sub_has_memory(const OeSub *sub);
extern OeSub *oe_sub_find(int id);
extern OeAttempt *oe_attempts_room(int n);
extern OeDeadLetter *oe_dead_letter_add(void);
extern void oe_received_add(int sub, int64 position);
extern void oe_results_clear(void);

#endif							/* OE_DELIVER_MODEL_MEMORY_H */
