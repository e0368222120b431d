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
#include "storage/fd.h"
#include "utils/memutils.h"

#include "base/fault.h"
#include "base/guc.h"
#include "deliver/internal.h"

#define OE_EVENTS 64
#define OE_SPARE_CONNECTIONS 16

static CURLM *oe_multi = NULL;
static int	oe_epoll = -1;
static dlist_head oe_unsent = DLIST_STATIC_INIT(oe_unsent); /* over without curl */
bool		oe_http_between = false;
static int64 oe_timer_at = -1;	/* us, monotonic; -1: none */

/*
 * A clock for curl's relative timer.
 */
static int64
oe_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

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
 * Hands a prepared request over to curl; if it takes it not, the request is
 * over.
 */
void
oe_http_add(OeRequest *req)
{
	req->failed = NULL;
	req->added = true;
	if (curl_multi_add_handle(oe_multi, req->easy) == CURLM_OK)
		return;
	req->failed = "could not be started";
	dlist_push_tail(&oe_unsent, &req->unsent);
}

void
oe_http_send(OeRequest *req)
{
	oe_request_prepare(req);
	if (!req->dry)
		oe_http_add(req);
	else
		dlist_push_tail(&oe_unsent, &req->unsent);
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

	Assert(!IsTransactionState() || oe_http_between);
	req->sub = sub;
	req->item = item;
	req->batch = batch;
	req->attempt = attempt;
	req->dry = sub->conf->dry_run;
	req->failed = NULL;
	req->stale = false;
	OE_FAULT("deliver-start");
	dlist_push_tail(&sub->in_flight, &req->node);
	sub->requests++;
	oe_requests++;
	oe_request_reset(req);
	if (req->dry || oe_gate_open(sub->conf))
		oe_http_send(req);
	else
		oe_gate_wait(req);
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

		if (req->dry || req->waiting || req->failed != NULL)
			dlist_delete(&req->unsent);
		else
			curl_multi_remove_handle(oe_multi, req->easy);
		req->waiting = false;
		sub->requests--;
		oe_requests--;
		oe_request_put(req);
	}
}

/*
 * A request is over; error is NULL where there is a status.
 */
void
oe_http_finish(OeRequest *req, const char *error)
{
	if (req->kind != OE_DELIVERY)
	{
		oe_gate_answered(req, error);
		return;
	}
	dlist_delete(&req->node);
	req->sub->requests--;
	oe_requests--;
	oe_answered(req, error);
	oe_request_put(req);
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
 * Collects finished requests.  The status decides where there is one, even if
 * curl reports an error after it (a stream that was reset, a body too long).
 */
static void
oe_http_collect(void)
{
	CURLMsg    *msg;
	int			left;

	while (!dlist_is_empty(&oe_unsent))
	{
		OeRequest  *req = dlist_container(OeRequest, unsent, dlist_pop_head_node(&oe_unsent));

		oe_http_finish(req, req->failed);
	}
	while ((msg = curl_multi_info_read(oe_multi, &left)) != NULL)
	{
		CURL	   *easy = msg->easy_handle;
		CURLcode	code = msg->data.result;
		OeRequest  *req = NULL;
		long		status = 0;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &req);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_multi_remove_handle(oe_multi, easy);
		req->status = status >= 200 && status <= 999 ? (int) status : 0;
		if (req->kind != OE_DELIVERY || !oe_gate_retry(req))
			oe_http_finish(req, req->status == 0 ? oe_request_error(req, code) : NULL);
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
 * Lets curl do what its descriptors and its timer ask for.
 */
void
oe_http_pump(void)
{
	struct epoll_event events[OE_EVENTS];
	sigset_t	all;
	sigset_t	saved;
	int			running;
	int			n;

	Assert(!IsTransactionState() || oe_http_between);
	oe_http_bound();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	do
	{
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
	} while (n == OE_EVENTS);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	oe_http_collect();
}
