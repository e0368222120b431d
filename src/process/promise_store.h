/*
 * promise_store.h
 *	  Open promises in memory, and their rows.
 */
#ifndef OE_PROCESS_PROMISE_STORE_H
#define OE_PROCESS_PROMISE_STORE_H

#include "lib/ilist.h"

#include "process/sla_rule.h"

typedef enum OePromiseState
{
	OE_PROMISE_OPEN,
	OE_PROMISE_PAUSED,
	OE_PROMISE_AT_RISK,
	OE_PROMISE_BREACHED,		/* still open */
	OE_PROMISE_MET,
	OE_PROMISE_MET_LATE,
	OE_PROMISE_CANCELLED
} OePromiseState;

/* A time that is not there. */
#define OE_NEVER DT_NOEND

/* An open promise, or one that has been closed in this slice. */
typedef struct OePromise
{
	int64		hash;			/* of SLA and document: key */
	int64		id;
	int			n;				/* of its last row */
	OeSla	   *sla;			/* the terms that it opened under */
	char	   *document;
	char	   *key;			/* of the event that started it, as the next */
	char	   *subject;
	char	   *correlation;	/* NULL: none */
	char	   *calendar;		/* NULL: all time counts */
	int			company;		/* 0: none */
	int			warehouse;		/* 0: none */
	int64		position;
	OePromiseState state;
	TimestampTz started;
	TimestampTz first_due;		/* OE_NEVER: it is only measured */
	TimestampTz due;
	TimestampTz warn;			/* OE_NEVER: no warning */
	TimestampTz warned;			/* OE_NEVER, as all below: not yet */
	TimestampTz paused;
	TimestampTz resume;			/* pause_promise(): until then */
	TimestampTz ended;
	TimestampTz told;
	bool		dirty;			/* is in the list of what is to be written */
	dlist_node	node;			/* of that list */
} OePromise;

/* All in the reader's trusted transaction. */
extern void oe_promises_load(void);
extern MemoryContext oe_promises_memory(void);
extern int64 oe_promise_hash(const OeSla *sla, const char *document);
extern OePromise *oe_promise_find(int64 hash);
extern OePromise *oe_promise_add(int64 hash, OeSla *sla);
extern char *oe_promise_string(const char *s);	/* NULL stays NULL */
extern void oe_promise_changed(OePromise *p);
extern void oe_promises_each(void (*what) (OePromise *p, TimestampTz now), TimestampTz now);

/* Writes what was changed, and forgets what is closed. */
extern void oe_promises_flush(void);

#endif							/* OE_PROCESS_PROMISE_STORE_H */
