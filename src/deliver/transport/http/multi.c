/*
 * multi.c
 *	  libcurl's multi handle behind the transports' epoll descriptor, and where
 *	  each request is.
 *
 * Worker only.  Nothing here waits.  Callbacks only record: sockets go into
 * epoll (wait.h), the timer into a variable.
 *
 * A request is in one place at a time (OeRequestPlace): it waits for
 * authorization, curl has it, or it is over and its result has to be taken.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <sys/epoll.h>

#include "lib/ilist.h"

#include "base/clock.h"
#include "deliver/transport/http/handle.h"
#include "deliver/transport/http/multi.h"
#include "deliver/transport/http/prepare.h"
#include "deliver/transport/http/request.h"
#include "deliver/transport/wait.h"

#define OE_SPARE_CONNECTIONS 16

OeHttp		oe_http = {
	.running = DLIST_STATIC_INIT(oe_http.running),
	.over = DLIST_STATIC_INIT(oe_http.over)
};
static int64 oe_timer_at = -1;	/* us, monotonic; -1: none */

/*
 * curl asks to watch a socket: it goes into the epoll descriptor.
 */
static int
oe_on_socket(CURL *easy, curl_socket_t s, int what, void *userp, void *socketp)
{
	uint32		events = 0;

	if (what == CURL_POLL_REMOVE)
	{
		(void) oe_wait_set(OE_WAITER_HTTP, s, 0);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	return oe_wait_set(OE_WAITER_HTTP, s, events) ? 0 : -1;
}

static int
oe_on_timer(CURLM *multi, long ms, void *userp)
{
	oe_timer_at = ms < 0 ? -1 : oe_mono() + (int64) ms * 1000;
	return 0;
}

/*
 * Lets curl do what a ready descriptor, or its timer, asks for.  Called with
 * signals blocked (wait.h).
 */
static void
oe_http_ready(int fd, uint32 events)
{
	int			what = 0;
	int			running;

	if (fd >= 0)
	{
		if (events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(oe_http.multi, fd, what, &running);
	}
	else if (oe_timer_at >= 0 && oe_timer_at <= oe_mono())
	{
		oe_timer_at = -1;
		curl_multi_socket_action(oe_http.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

void
oe_http_init(void)
{
	curl_version_info_data *info;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (oe_http.multi = curl_multi_init()) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not initialize libcurl")));
	info = curl_version_info(CURLVERSION_NOW);
	if ((info->features & CURL_VERSION_ASYNCHDNS) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("libcurl %s cannot resolve host names asynchronously", info->version),
				 errhint("Install a libcurl that was built with the threaded resolver or c-ares.")));
	oe_wait_on(OE_WAITER_HTTP, oe_http_ready);
	curl_multi_setopt(oe_http.multi, CURLMOPT_SOCKETFUNCTION, oe_on_socket);
	curl_multi_setopt(oe_http.multi, CURLMOPT_TIMERFUNCTION, oe_on_timer);
	curl_multi_setopt(oe_http.multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX);
	oe_handle_init();
}

/*
 * Milliseconds until curl wants to be called; -1 if it does not.
 */
long
oe_http_timeout(void)
{
	int64		now;

	if (oe_timer_at < 0)
		return -1;
	now = oe_mono();
	return oe_timer_at <= now ? 0 : (long) ((oe_timer_at - now + 999) / 1000);
}

/*
 * Takes a request out of where it is.
 */
void
oe_http_take_out(OeHttpRequest *req)
{
	if (req->place != OE_PLACE_NONE)
		dlist_delete(&req->link);
	req->place = OE_PLACE_NONE;
}

static void
oe_http_place(OeHttpRequest *req, OeRequestPlace place, dlist_head *list)
{
	oe_http_take_out(req);
	req->place = place;
	dlist_push_tail(list, &req->link);
}

/*
 * The request is over; oe_http_collect() deals with it.  "error" says why
 * there is no status, and lives as long as the request.
 */
void
oe_http_over(OeHttpRequest *req, const char *error)
{
	req->common.failed = error;
	req->common.acknowledged = error == NULL && oe_status_acknowledges(req->common.conf, req->common.status);
	oe_http_place(req, OE_PLACE_OVER, &oe_http.over);
}

/*
 * Hands a prepared request to curl.  If curl_multi_add_handle() fails the
 * request ends with that error in the next poll.
 */
void
oe_http_add(OeHttpRequest *req)
{
	req->added = true;
	req->added_at = oe_mono();
	if (curl_multi_add_handle(oe_http.multi, req->easy) == CURLM_OK)
		oe_http_place(req, OE_PLACE_RUNNING, &oe_http.running);
	else
		oe_http_over(req, "could not be started");
}

/*
 * Keeps connections open, but not more than there may be requests: the oldest
 * idle one is closed.
 */
void
oe_http_bound(void)
{
	static long bound = 0;
	long		limit = oe_http_limit();

	if (limit == bound)
		return;
	bound = limit;
	curl_multi_setopt(oe_http.multi, CURLMOPT_MAXCONNECTS, limit);
	/* requests for authorization come on top */
	curl_multi_setopt(oe_http.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, limit + limit / 4 + OE_SPARE_CONNECTIONS);
}
