/*
 * deliver.h
 *	  From the outbox to the webhooks: the part the worker drives.
 *
 * Worker only.  Reads outbox and subscriptions and writes progress, held
 * keys, attempts and dead letters as own work; HTTP only outside any
 * transaction.  Knows nothing of Odoo's tables or of capture.
 */
#ifndef OE_DELIVER_H
#define OE_DELIVER_H

#include "postgres.h"
#include "storage/latch.h"

/* Once, after connecting.  Makes the curl multi handle and its epoll. */
extern void oe_deliver_init(void);

/* The one descriptor that is readable when curl has something to do. */
extern int	oe_deliver_fd(void);

/* How long the worker may sleep as far as delivery is concerned, ms; 0 when
 * there is work now. */
extern long oe_deliver_timeout(void);

/*
 * One step: (re)load configuration if "reload", take in new events up to
 * "last_position" (as far as memory bounds allow), start what is due, and
 * settle what is answered if it is time to.  Starts nothing while !armed.
 */
extern void oe_deliver_step(bool reload, bool armed, int64 last_position);

/* Has anything been written since this was asked last? */
extern bool oe_deliver_worked(void);

/* Lets curl work: call when the descriptor is readable or a timer is due.
 * Never inside a transaction. */
extern void oe_deliver_pump(void);

/* Is there a subscription that could send and has not even read all up to
 * "position", because its endpoint takes less than there is?  Those with a
 * schedule or an open breaker wait by intent. */
extern bool oe_deliver_behind(int64 position);

/* Goes on with what is in memory while the worker does something long: takes
 * answers, starts what is ready, reads what is missing; writes nothing and
 * waits for nothing.  Outside a transaction, or inside own work. */
extern void oe_deliver_breath(void);

/* Least outbox position that a subscription still needs; INT64_MAX if none. */
extern int64 oe_deliver_low_water(void);

/* Worker, outside a transaction: what is at or before "upto" and not on its
 * way is given up by every subscription, because the outbox is full. */
extern void oe_deliver_overrun(int64 upto);

/* Worker, outside a transaction, now and then: rings of progress and attempts. */
extern void oe_deliver_maintain(void);

/* At the end: settles what is answered, drops the rest (sent again later). */
extern void oe_deliver_shutdown(void);

#endif							/* OE_DELIVER_H */
