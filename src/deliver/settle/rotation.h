/*
 * rotation.h
 *	  Moves on and empties members of the progress and attempt rings.
 *
 * Worker only, outside a transaction.
 */
#ifndef OE_DELIVER_SETTLE_ROTATION_H
#define OE_DELIVER_SETTLE_ROTATION_H

#include "postgres.h"

/* Least outbox position that a subscription still needs; INT64_MAX if none. */
extern int64 oe_deliver_low_water(void);

/* Worker, outside a transaction, now and then: rings of progress and attempts. */
extern void oe_deliver_maintain(void);

#endif							/* OE_DELIVER_SETTLE_ROTATION_H */
