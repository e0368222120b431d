/*
 * rotation.h
 *	  Moves on and empties members of the journal, cursor and outbox rings.
 *
 * Worker only, outside a transaction.
 */
#ifndef OE_PUBLISH_OUTBOX_ROTATION_H
#define OE_PUBLISH_OUTBOX_ROTATION_H

#include "postgres.h"

/* Worker, outside a transaction, now and then: moves on and empties members of
 * the journal, cursor and outbox rings.  low_water: the least outbox position
 * that delivery still needs. */
extern void oe_publish_maintain(int64 low_water);

/* Worker, outside a transaction: the last position of the outbox's oldest
 * member if the outbox is larger than odoo_events.max_outbox_size, else 0. */
extern int64 oe_publish_overflow(void);

#endif							/* OE_PUBLISH_OUTBOX_ROTATION_H */
