/*
 * http.c
 *	  Requests: libcurl's multi interface on one epoll descriptor.
 *
 * Worker only; never inside a transaction, but for oe_deliver_breath().  It
 * never waits.  Callbacks only record: sockets in
 * epoll, the timer in a variable.  Signals are blocked while curl runs, since
 * it may start a resolver thread, which must not inherit ours.
 */
#include "postgres.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/guc.h"
#include "deliver/internal.h"

#define OE_EVENTS 64
#define OE_POLL_ROUNDS 64		/* of so many events, in one poll ... */
#define OE_POLL_US 10000		/* ... and how long it may take */
#define OE_WATCH_US 100000		/* how often long requests are looked at */
#define OE_WATCH_AFTER_US 300000	/* and which are long */
#define OE_SPARE_CONNECTIONS 16

static CURLM *oe_multi = NULL;
static int	oe_epoll = -1;
static dlist_head oe_running = DLIST_STATIC_INIT(oe_running);	/* in order of start */
static dlist_head oe_over = DLIST_STATIC_INIT(oe_over);
bool		oe_http_between = false;
static int64 oe_timer_at = -1;	/* us, monotonic; -1: none */

/*
 * curl asks that a socket be watched: it goes into the one epoll descriptor.
 */
static int
oe_on_socket(CURL *easy, curl_socket_t s, int what, void *userp, void *socketp)
{
	struct epoll_event ev;

	memset(&ev, 0, sizeof(ev));
	if (what == CURL_POLL_REMOVE)
	{
		(void) epoll_ctl(oe_epoll, EPOLL_CTL_DEL, s, &ev);
		return 0;
	}
	ev.data.fd = s;
	if (what & CURL_POLL_IN)
		ev.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(oe_epoll, EPOLL_CTL_MOD, s, &ev) == 0)
		return 0;
	return errno == ENOENT && epoll_ctl(oe_epoll, EPOLL_CTL_ADD, s, &ev) == 0 ? 0 : -1;
}

static int
oe_on_timer(CURLM *multi, long ms, void *userp)
{
	oe_timer_at = ms < 0 ? -1 : oe_mono() + (int64) ms * 1000;
	return 0;
}

/*
 * How many requests there may be: the setting, and what descriptors allow.
 */
int
oe_http_limit(void)
{
	return Min(oe_guc_max_in_flight, Max(max_safe_fds / 2, 1));
}

void
oe_http_init(void)
{
	curl_version_info_data *info;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (oe_multi = curl_multi_init()) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not initialize libcurl")));
	info = curl_version_info(CURLVERSION_NOW);
	if ((info->features & CURL_VERSION_ASYNCHDNS) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("libcurl %s cannot resolve host names asynchronously", info->version),
				 errhint("Install a libcurl that was built with the threaded resolver or c-ares.")));
	if (!AcquireExternalFD() || (oe_epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		ereport(ERROR,
				(errcode_for_socket_access(), errmsg("could not create an epoll descriptor: %m")));
	curl_multi_setopt(oe_multi, CURLMOPT_SOCKETFUNCTION, oe_on_socket);
	curl_multi_setopt(oe_multi, CURLMOPT_TIMERFUNCTION, oe_on_timer);
	curl_multi_setopt(oe_multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX);
	oe_handle_init();
}

int
oe_http_fd(void)
{
	return oe_epoll;
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
oe_http_take_out(OeRequest *req)
{
	if (req->place != OE_NOWHERE)
		dlist_delete(&req->link);
	req->place = OE_NOWHERE;
}

static void
oe_http_place(OeRequest *req, OeRequestPlace place, dlist_head *list)
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
oe_http_over(OeRequest *req, const char *error)
{
	req->failed = error;
	oe_http_place(req, OE_OVER, &oe_over);
}

/*
 * Hands a prepared request over to curl; if it takes it not, the request is
 * over.  Does not raise.
 */
void
oe_http_add(OeRequest *req)
{
	req->added = true;
	req->added_at = oe_mono();
	if (curl_multi_add_handle(oe_multi, req->easy) == CURLM_OK)
		oe_http_place(req, OE_RUNNING, &oe_running);
	else
		oe_http_over(req, "could not be started");
}

/*
 * Makes the request for an item, or for a batch, as far as that can fail:
 * true if it can be sent at once.  If it fails it is as if it had never been.
 */
static bool
oe_http_make(OeRequest *req)
{
	volatile bool open = false;

	PG_TRY();
	{
		oe_request_reset(req);
		open = req->dry || oe_gate_open(req->conf);
		if (open)
			oe_request_prepare(req);
		OE_FAULT("deliver-start");
	}
	PG_CATCH();
	{
		oe_request_put(req);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return open;
}

/*
 * Starts the request for an item, or for a batch, unless it has to wait for
 * what must be asked first.  What it sends is referenced by the item until
 * oe_answered().
 */
void
oe_http_start(OeSub *sub, OeItem *item, OeBatch *batch, int attempt)
{
	OeRequest  *req = oe_request_get(sub->conf);
	bool		open;

	Assert(!IsTransactionState() || oe_http_between);
	req->sub = sub;
	req->item = item;
	req->batch = batch;
	req->attempt = attempt;
	req->dry = sub->conf->dry_run;
	req->stale = false;
	open = oe_http_make(req);

	/* nothing raises from here on */
	dlist_push_tail(&sub->in_flight, &req->node);
	sub->requests++;
	oe_requests++;
	/* the first is shown while it is on its way */
	if (sub->delivered + sub->failed == 0)
		sub->dirty = true;
	if (!open)
		oe_gate_wait(req);
	else if (req->dry)
		oe_http_over(req, NULL);
	else
		oe_http_add(req);
}

/*
 * The subscription is gone: its requests are broken off.
 */
void
oe_http_abandon(OeSub *sub)
{
	while (!dlist_is_empty(&sub->in_flight))
	{
		OeRequest  *req = dlist_container(OeRequest, node, dlist_pop_head_node(&sub->in_flight));

		if (req->place == OE_RUNNING)
			curl_multi_remove_handle(oe_multi, req->easy);
		oe_http_take_out(req);
		sub->requests--;
		oe_requests--;
		oe_request_put(req);
	}
}

/*
 * Why there is no status.  Of a request whose time was over while it waited for
 * a connection that another was making, libcurl says that the name could not be
 * resolved.
 */
static const char *
oe_request_error(OeRequest *req, CURLcode code)
{
	if (req->refused)
		return "address is outside allow_networks";
	if (code == CURLE_OPERATION_TIMEDOUT && strncmp(req->errbuf, "Failed to resolve host", strlen("Failed to resolve host")) == 0)
		return "timed out while another request was connecting";
	if (req->errbuf[0] != '\0')
		return req->errbuf;
	return code == CURLE_OK ? "no answer" : curl_easy_strerror(code);
}

/*
 * curl has done with a request, or is told to.  The status decides where there
 * is one, even if curl reports an error after it (a stream that was reset, a
 * body too long).
 */
static void
oe_http_done(OeRequest *req, CURLcode code, const char *error)
{
	long		status = 0;

	curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(oe_multi, req->easy);
	if (req->unfit)
	{
		/* nothing was sent */
		oe_handle_fresh(req);
		oe_http_add(req);
		return;
	}
	req->status = status >= 200 && status <= 999 ? (int) status : 0;
	oe_head_done(req);
	if (req->status != 0)
		error = NULL;
	else if (error == NULL)
		error = oe_request_error(req, code);
	oe_http_over(req, error);
}

/*
 * Deals with what is over.  A request stays in the list until what can fail is
 * done, so that it is dealt with again and never forgotten.
 */
static void
oe_http_collect(void)
{
	CURLMsg    *msg;
	int			left;

	while ((msg = curl_multi_info_read(oe_multi, &left)) != NULL)
	{
		CURLcode	code = msg->data.result;
		OeRequest  *req = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **) &req);
		oe_http_done(req, code, NULL);
	}
	while (!dlist_is_empty(&oe_over))
	{
		OeRequest  *req = dlist_head_element(OeRequest, link, &oe_over);

		if (req->kind != OE_DELIVERY)
			oe_gate_answered(req);
		else if (!oe_gate_retry(req))
			oe_answered(req);
	}
}

/*
 * Ends answers that do not end.  Only what takes long is looked at.
 */
static void
oe_http_watch(void)
{
	static int64 watched = 0;
	int64		now = oe_mono();
	dlist_mutable_iter it;

	if (now - watched < OE_WATCH_US)
		return;
	watched = now;
	dlist_foreach_modify(it, &oe_running)
	{
		OeRequest  *req = dlist_container(OeRequest, link, it.cur);

		if (now - req->added_at < OE_WATCH_AFTER_US)
			return;
		if (oe_connection_floods(req))
			oe_http_done(req, CURLE_OK, "the answer does not end");
	}
}

/*
 * Connections are kept, but no more than there may be requests: with many
 * endpoints the oldest idle one makes room.
 */
static void
oe_http_bound(void)
{
	static long bound = 0;
	long		limit = oe_http_limit();

	if (limit == bound)
		return;
	bound = limit;
	curl_multi_setopt(oe_multi, CURLMOPT_MAXCONNECTS, limit);
	/* what is asked at the gate comes on top */
	curl_multi_setopt(oe_multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, limit + limit / 4 + OE_SPARE_CONNECTIONS);
}

/*
 * Lets curl do what its timer and a round of its descriptors ask for; true if
 * there may be more.  Signals are blocked meanwhile.
 */
static bool
oe_http_round(void)
{
	struct epoll_event events[OE_EVENTS];
	sigset_t	all;
	sigset_t	saved;
	int			running;
	int			n;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	n = epoll_wait(oe_epoll, events, OE_EVENTS, 0);
	for (int i = 0; i < n; i++)
	{
		int			what = 0;

		if (events[i].events & EPOLLIN)
			what |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			what |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			what |= CURL_CSELECT_ERR;
		curl_multi_socket_action(oe_multi, events[i].data.fd, what, &running);
	}
	if (oe_timer_at >= 0 && oe_timer_at <= oe_mono())
	{
		oe_timer_at = -1;
		curl_multi_socket_action(oe_multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return n == OE_EVENTS;
}

/*
 * Lets curl do what its descriptors and its timer ask for.  Endpoints that
 * always have something to read must hold up neither what else there is to do
 * nor a signal, nor a barrier that all processes have to pass (DROP DATABASE of
 * any other one waits for it): what is left is done at the next poll.
 */
void
oe_http_pump(void)
{
	int64		until = oe_mono() + OE_POLL_US;

	Assert(!IsTransactionState() || oe_http_between);
	oe_http_bound();
	for (int i = 0; i < OE_POLL_ROUNDS && oe_http_round() && oe_mono() < until; i++)
		CHECK_FOR_INTERRUPTS();
	oe_http_watch();
	oe_http_collect();
}
