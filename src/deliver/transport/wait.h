/*
 * wait.h
 *	  The one epoll descriptor that holds the descriptors of all transports.
 */
#ifndef OE_DELIVER_TRANSPORT_WAIT_H
#define OE_DELIVER_TRANSPORT_WAIT_H

#include "postgres.h"

/* Whose descriptor it is. */
typedef enum OeWaiter
{
	OE_WAITER_HTTP,
	OE_WAITER_PROGRAM
} OeWaiter;

#define OE_WAITERS (OE_WAITER_PROGRAM + 1)

/* Called with signals blocked; records, does not raise.  fd -1: no descriptor
 * is ready, but a timer may be due. */
typedef void (*OeWaitCallback) (int fd, uint32 events);

extern void oe_wait_init(void);
extern int	oe_wait_fd(void);
extern void oe_wait_on(OeWaiter waiter, OeWaitCallback ready);
extern bool oe_wait_set(OeWaiter waiter, int fd, uint32 events);
extern bool oe_wait_round(void);

#endif							/* OE_DELIVER_TRANSPORT_WAIT_H */
