/*
 * cycle.h
 *	  From the journal to the outbox: one cycle of publishing.
 *
 * Run by the worker, and by publish() in a backend.  Takes the publisher's lock,
 * conditionally, for each of its transactions.  Reads journal and catalog in
 * trusted transactions and Odoo's tables in as-owner transactions.  Knows
 * nothing of subscriptions or HTTP.
 */
#ifndef OE_PUBLISH_CYCLE_H
#define OE_PUBLISH_CYCLE_H

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

/* One time slice of publishing up to about max_changes journal rows (whole
 * transactions): a cycle that takes longer is finished by further calls, with
 * no transaction and no lock in between.  In a backend all slices at once.
 * False if another process holds the publisher's lock.  An error throws the
 * cycle away. */
extern bool oe_publish_time_slice(int max_changes, OePublishResult *result);

/* Called at the end of publish(), in its transaction: lets what follows the
 * outbox follow it there too.  NULL: nothing does. */
extern void (*oe_published_hook) (void);

/* Is there a cycle that has read the journal and is not finished? */
extern bool oe_publish_underway(void);

#endif							/* OE_PUBLISH_CYCLE_H */
