/*
 * wait.c
 *	  The one epoll descriptor that holds the descriptors of all transports.
 *
 * Worker only.  The worker's one wait has this descriptor in it; nothing here
 * waits.  Signals are blocked while callbacks run, since curl may start a
 * resolver thread, which must not handle ours.
 */
#include "postgres.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "storage/fd.h"

#include "deliver/transport/wait.h"

#define OE_EVENTS 64

static int	oe_epoll = -1;
static OeWaitCallback oe_ready[OE_WAITERS];

void
oe_wait_init(void)
{
	if (!AcquireExternalFD() || (oe_epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		ereport(ERROR,
				(errcode_for_socket_access(), errmsg("could not create an epoll descriptor: %m")));
}

int
oe_wait_fd(void)
{
	return oe_epoll;
}

void
oe_wait_on(OeWaiter waiter, OeWaitCallback ready)
{
	oe_ready[waiter] = ready;
}

/*
 * Says what to wait for on a descriptor; 0: it is no longer waited for.  False
 * if the kernel refuses.
 */
bool
oe_wait_set(OeWaiter waiter, int fd, uint32 events)
{
	struct epoll_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.events = events;
	ev.data.u64 = (uint64) waiter << 32 | (uint32) fd;
	if (events == 0)
		return epoll_ctl(oe_epoll, EPOLL_CTL_DEL, fd, &ev) == 0;
	if (epoll_ctl(oe_epoll, EPOLL_CTL_MOD, fd, &ev) == 0)
		return true;
	return errno == ENOENT && epoll_ctl(oe_epoll, EPOLL_CTL_ADD, fd, &ev) == 0;
}

/*
 * Calls whoever has a ready descriptor, then all for their timers; true if
 * more may be ready.
 */
bool
oe_wait_round(void)
{
	struct epoll_event events[OE_EVENTS];
	sigset_t	all;
	sigset_t	saved;
	int			n;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	n = epoll_wait(oe_epoll, events, OE_EVENTS, 0);
	for (int i = 0; i < n; i++)
		oe_ready[events[i].data.u64 >> 32] ((int) (uint32) events[i].data.u64, events[i].events);
	for (int i = 0; i < OE_WAITERS; i++)
		if (oe_ready[i] != NULL)
			oe_ready[i] (-1, 0);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return n == OE_EVENTS;
}
