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

/* Worker, outside a transaction, where odoo_events.on_full is drop: up to which
 * position events have to go because the outbox is larger than
 * odoo_events.max_outbox_size; 0: none, or it was told just now.  low_water: the
 * least position that delivery still needs. */
extern int64 oe_publish_overflow(int64 low_water);

#endif							/* OE_PUBLISH_OUTBOX_ROTATION_H */
