/*
 * transport.h
 *	  How requests get to endpoints: the interface that each transport has, and
 *	  what the dispatcher does with all of them.
 *
 * Worker only.  A configuration names its transport.  No function of a
 * transport waits, and none is called within a transaction, except by
 * oe_deliver_yield() (oe_transport_between).
 */
#ifndef OE_DELIVER_TRANSPORT_TRANSPORT_H
#define OE_DELIVER_TRANSPORT_TRANSPORT_H

#include "postgres.h"

#include "deliver/transport/request.h"

typedef struct OeTransport
{
	void		(*init) (void);

	/*
	 * Makes the request of an item or a batch and sends it; raises only if
	 * that is as if it had never been.  Ends with oe_transport_begun().
	 */
	void		(*start) (OeSub *sub, OeItem *item, OeBatch *batch, int attempt);

	/*
	 * Works with ready descriptors and timers, and hands each request that is
	 * over to oe_transport_result().
	 */
	void		(*poll) (void);

	/* Milliseconds until poll() has something to do; -1: nothing is due. */
	long		(*timeout) (void);

	/* How many requests may be open, over all subscriptions. */
	int			(*limit) (void);

	/*
	 * Can it take one more of this subscription?  NULL: the limit alone says
	 * so.
	 */
	bool		(*room) (const OeSub *sub);

	/* Takes a request back: its result was taken, or it is broken off. */
	void		(*put) (OeRequest *req);

	/*
	 * Says that a subscription needs no connection any more.  NULL: nothing
	 * has to be done.
	 */
	void		(*close) (OeSub *sub);

	/* Frees what belongs to a configuration.  Its requests are over. */
	void		(*release) (OeConfiguration *conf);

	/* Ends with the worker. */
	void		(*shutdown) (void);

	int			open;			/* requests */
} OeTransport;

extern void oe_transport_register(OeTransport *transport);
extern void oe_transport_init(void (*result) (OeRequest *req));
extern void oe_transport_begun(OeRequest *req);
extern void oe_transport_ended(OeRequest *req);
extern void oe_transport_result(OeRequest *req);
extern void oe_transport_poll(void);
extern long oe_transport_timeout(void);
extern bool oe_transport_full(void);
extern void oe_transport_abandon(OeSub *sub);
extern void oe_transport_shutdown(void);
extern bool oe_transport_between;

#endif							/* OE_DELIVER_TRANSPORT_TRANSPORT_H */
