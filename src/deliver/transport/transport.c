/*
 * transport.c
 *	  What the dispatcher does with all transports.
 *
 * Worker only.  deliver.c registers the transports, so that this file need not
 * know them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/ilist.h"
#include "miscadmin.h"

#include "base/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/transport/transport.h"
#include "deliver/transport/wait.h"

#define OE_TRANSPORTS 2
#define OE_POLL_ROUNDS 64		/* of so many events, in one poll ... */
#define OE_POLL_US 10000		/* ... and how long it may take */

static OeTransport *oe_transports[OE_TRANSPORTS];
static int	oe_ntransports = 0;
static void (*oe_result) (OeRequest *req) = NULL;
bool		oe_transport_between = false;

void
oe_transport_register(OeTransport *transport)
{
	Assert(oe_ntransports < OE_TRANSPORTS);
	oe_transports[oe_ntransports++] = transport;
}

/*
 * Initializes what was registered; "result" takes the result of each request.
 */
void
oe_transport_init(void (*result) (OeRequest *req))
{
	oe_result = result;
	oe_wait_init();
	for (int i = 0; i < oe_ntransports; i++)
		oe_transports[i]->init();
}

/*
 * A request is under way.
 */
void
oe_transport_begun(OeRequest *req)
{
	dlist_push_tail(&req->sub->in_flight, &req->node);
	req->sub->requests++;
	req->conf->transport->open++;
	oe_delivery.requests++;
	/* the first is shown while it is in a request */
	if (req->sub->delivered + req->sub->failed == 0)
		req->sub->dirty = true;
}

/*
 * It is no longer.
 */
void
oe_transport_ended(OeRequest *req)
{
	dlist_delete(&req->node);
	req->sub->requests--;
	req->conf->transport->open--;
	oe_delivery.requests--;
}

/*
 * It is over: its result is taken, then it is given back.
 */
void
oe_transport_result(OeRequest *req)
{
	OeTransport *transport = req->conf->transport;

	oe_result(req);
	transport->put(req);
}

/*
 * Lets all transports work, and takes the results of finished requests.
 */
void
oe_transport_poll(void)
{
	int64		until = oe_mono() + OE_POLL_US;

	Assert(!IsTransactionState() || oe_transport_between);
	for (int i = 0; i < OE_POLL_ROUNDS && oe_wait_round() && oe_mono() < until; i++)
		CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < oe_ntransports; i++)
		oe_transports[i]->poll();
}

/*
 * Milliseconds until a transport wants to be polled; -1: none does.
 */
long
oe_transport_timeout(void)
{
	long		least = -1;

	for (int i = 0; i < oe_ntransports; i++)
	{
		long		ms = oe_transports[i]->timeout();

		if (ms >= 0 && (least < 0 || ms < least))
			least = ms;
	}
	return least;
}

/*
 * Can none of the transports take another request?
 */
bool
oe_transport_full(void)
{
	for (int i = 0; i < oe_ntransports; i++)
		if (oe_transports[i]->open < oe_transports[i]->limit())
			return false;
	return true;
}

/*
 * Breaks off the requests of a dropped subscription.
 */
void
oe_transport_abandon(OeSub *sub)
{
	while (!dlist_is_empty(&sub->in_flight))
	{
		OeRequest  *req = dlist_head_element(OeRequest, node, &sub->in_flight);

		oe_transport_ended(req);
		req->conf->transport->put(req);
	}
	if (sub->conf != NULL && sub->conf->transport->close != NULL)
		sub->conf->transport->close(sub);
}

void
oe_transport_shutdown(void)
{
	for (int i = 0; i < oe_ntransports; i++)
		oe_transports[i]->shutdown();
}
