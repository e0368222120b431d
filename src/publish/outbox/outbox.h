/*
 * outbox.h
 *	  Writing the outbox, the cursor and the quarantine in one transaction.
 */
#ifndef OE_PUBLISH_OUTBOX_OUTBOX_H
#define OE_PUBLISH_OUTBOX_OUTBOX_H

#include "postgres.h"

typedef struct OeCycle OeCycle;
typedef struct OeJournalBatch OeJournalBatch;

extern int	oe_outbox_member;	/* being filled; -1: not known */
extern int64 oe_outbox_write(OeCycle *cy, OeJournalBatch *r);

#endif							/* OE_PUBLISH_OUTBOX_OUTBOX_H */
