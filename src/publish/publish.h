/*
 * publish.h
 *	  From the journal to the outbox.
 *
 * Run by the worker, and by publish() in a backend.  Takes the publisher's
 * lock (advisory-style, conditionally, for each of its transactions).  Reads journal
 * and catalog as own work, Odoo's tables as foreign work, writes outbox and
 * cursor as own work.  Knows nothing of subscriptions or HTTP.
 */
#ifndef OE_PUBLISH_H
#define OE_PUBLISH_H

#include "postgres.h"
#include "datatype/timestamp.h"

typedef struct OePublishResult
{
	int64		changes;		/* journal rows read */
	int64		events;			/* events written */
	int64		last_position;	/* of the outbox, after this cycle */
	bool		more;			/* there is more to do now */
	bool		open_transactions;	/* the stored snapshot has transactions in
									 * progress: look again after a while */
	TimestampTz published_until;	/* clock when the snapshot was taken */
} OePublishResult;

/* One turn of publishing up to about max_changes journal rows (whole
 * transactions): a cycle that takes longer is finished by further calls, with
 * no transaction and no lock in between.  In a backend all turns at once.
 * False if another process holds the publisher's lock.  An error throws the
 * cycle away. */
extern bool oe_publish_turn(int max_changes, OePublishResult *result);

/* Called while something takes long that cannot be cut into turns, in own work
 * or outside any transaction: the worker lets others go on there, without
 * waiting.  NULL: nobody wants to. */
extern void (*oe_publish_breath) (void);

/* Is there a cycle that has read the journal and is not finished? */
extern bool oe_publish_underway(void);

/* Rows that a step of a backfill looks at, at full speed and beside Odoo. */
#define OE_BACKFILL_ROWS 500
#define OE_BACKFILL_PACED_ROWS 100

/* Worker, outside a transaction, or _backfill_step(): asks for the next
 * snapshots of the backfill that began first, among so many rows; false if none
 * runs. */
extern bool oe_backfill_step(int rows);

/* Worker, outside a transaction, now and then: moves on and empties members of
 * the journal, cursor and outbox rings.  low_water: the least outbox position
 * that delivery still needs. */
extern void oe_publish_maintain(int64 low_water);

/* Worker, outside a transaction: the last position of the outbox's oldest
 * member if the outbox is larger than odoo_events.max_outbox_size, else 0. */
extern int64 oe_publish_overflow(void);

#endif							/* OE_PUBLISH_H */
