/*
 * overrun.h
 *	  Gives up the oldest events, because the outbox is full.
 *
 * Worker only, outside a transaction; by odoo_events.on_full = drop.
 */
#ifndef OE_DELIVER_SETTLE_OVERRUN_H
#define OE_DELIVER_SETTLE_OVERRUN_H

#include "postgres.h"

/* Worker, outside a transaction: what is at or before "upto" and not in a request is given up by every subscription, because the outbox is full. */
extern void oe_deliver_overrun(int64 upto);

#endif							/* OE_DELIVER_SETTLE_OVERRUN_H */
