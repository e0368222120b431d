/*
 * deliver.h
 *	  From the outbox to the endpoints: the part that the worker drives.
 *
 * Worker only.  Reads outbox and subscriptions, and writes progress, blocked
 * keys, attempts and dead letters, in trusted transactions; HTTP outside of any
 * transaction.  Knows nothing of Odoo's tables or of capture.
 */
#ifndef OE_DELIVER_DELIVER_H
#define OE_DELIVER_DELIVER_H

#include "postgres.h"

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

/* Lets curl work: call when the descriptor is readable or a timer is due.
 * Never inside a transaction. */
extern void oe_deliver_poll(void);

/* Is there a subscription that could send and has not even read all up to
 * "position", because its endpoint takes less than there is?  Those with a
 * schedule or an open breaker wait by intent. */
extern bool oe_deliver_behind(int64 position);

/* Goes on with what is in memory while the worker does something long: takes
 * answers, starts what is ready, reads what is missing; writes nothing and
 * waits for nothing.  Outside a transaction, or within a trusted transaction. */
extern void oe_deliver_yield(void);

/* At the end: settles what is answered, drops the rest (sent again later). */
extern void oe_deliver_shutdown(void);

#endif							/* OE_DELIVER_DELIVER_H */
