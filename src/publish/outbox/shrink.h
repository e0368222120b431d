/*
 * shrink.h
 *	  Makes a member of the outbox smaller whose last rows are still needed.
 */
#ifndef OE_PUBLISH_OUTBOX_SHRINK_H
#define OE_PUBLISH_OUTBOX_SHRINK_H

#include "postgres.h"

/* Worker only, outside a transaction.  Moves the rows of member "from" whose
 * position is keep_from or greater into member "to", which is empty, and empties
 * "from".  Answers whether it did: not where somebody holds one of the two. */
extern bool oe_outbox_shrink(int from, int to, int64 keep_from);

#endif							/* OE_PUBLISH_OUTBOX_SHRINK_H */
