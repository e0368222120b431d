/*
 * http.c
 *	  Requests: from an item or a batch to its result.
 *
 * Worker only; never within a transaction, except by oe_deliver_yield().
 * Nothing here waits.  multi.c has the multi handle.
 */
#include "postgres.h"

#include <curl/curl.h>

#include "lib/ilist.h"

#include "base/clock.h"
#include "base/fault.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/transport/http/authorization.h"
#include "deliver/transport/http/connection.h"
#include "deliver/transport/http/handle.h"
#include "deliver/transport/http/http.h"
#include "deliver/transport/http/multi.h"
#include "deliver/transport/http/poll.h"
#include "deliver/transport/http/prepare.h"
#include "deliver/transport/http/request.h"
#include "deliver/transport/transport.h"

#define OE_WATCH_US 100000		/* how often long requests are looked at */
#define OE_WATCH_AFTER_US 300000	/* and which are long */

/*
 * Makes the request for an item, or for a batch, as far as that can fail:
 * true if it can be sent at once.  If it fails it is as if it had never been.
 */
static bool
oe_http_make(OeHttpRequest *req)
{
	volatile bool open = false;

	PG_TRY();
	{
		oe_request_reset(req);
		open = req->common.dry || oe_authorization_ready(req->common.conf);
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
 * Starts the request of an item or a batch, unless authorization has to be
 * obtained first.  The item keeps its event until the result is taken.
 */
static void
oe_http_start(OeSub *sub, OeItem *item, OeBatch *batch, int attempt)
{
	OeHttpRequest *req = oe_request_get(sub->conf);
	bool		open;

	req->common.sub = sub;
	req->common.item = item;
	req->common.batch = batch;
	req->common.attempt = attempt;
	req->common.dry = sub->conf->dry_run;
	req->common.stale = false;
	open = oe_http_make(req);

	/* nothing raises from here on */
	oe_transport_begun(&req->common);
	if (!open)
		oe_authorization_wait(req);
	else if (req->common.dry)
		oe_http_over(req, NULL);
	else
		oe_http_add(req);
}

/*
 * Takes a request back, out of wherever it is.
 */
static void
oe_http_put(OeRequest *common)
{
	OeHttpRequest *req = (OeHttpRequest *) common;

	if (req->place == OE_PLACE_RUNNING)
		curl_multi_remove_handle(oe_http.multi, req->easy);
	oe_http_take_out(req);
	oe_request_put(req);
}

/*
 * Why there is no status.  If a request timed out while it waited for a
 * connection that another one was making, libcurl reports that the name could
 * not be resolved.
 */
static const char *
oe_request_error(OeHttpRequest *req, CURLcode code)
{
	if (req->refused)
		return req->common.conf->nresidence > 0 ? "address is outside allow_networks, or outside the networks of set_residency()" :
			"address is outside allow_networks";
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
oe_http_done(OeHttpRequest *req, CURLcode code, const char *error)
{
	long		status = 0;

	curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(oe_http.multi, req->easy);
	if (req->unfit)
	{
		/* nothing was sent */
		oe_handle_fresh(req);
		oe_http_add(req);
		return;
	}
	req->common.status = status >= 200 && status <= 999 ? (int) status : 0;
	oe_head_done(req);
	if (req->common.status != 0)
		error = NULL;
	else if (error == NULL)
		error = oe_request_error(req, code);
	oe_http_over(req, error);
}

/*
 * Takes finished requests.  If there is a status it decides, even if curl
 * reports an error after it (a stream reset, a body that is too long).
 */
static void
oe_http_collect(void)
{
	CURLMsg    *msg;
	int			left;

	while ((msg = curl_multi_info_read(oe_http.multi, &left)) != NULL)
	{
		CURLcode	code = msg->data.result;
		OeHttpRequest *req = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **) &req);
		oe_http_done(req, code, NULL);
	}
	while (!dlist_is_empty(&oe_http.over))
	{
		OeHttpRequest *req = dlist_head_element(OeHttpRequest, link, &oe_http.over);

		if (req->kind == OE_ASK_TOKEN || req->kind == OE_ASK_HANDSHAKE)
			oe_authorization_answered(req);
		else if (oe_authorization_retry(req))
			continue;
		else if (req->kind == OE_ASK_OUTCOME)
			oe_poll_answered(req);
		else
			oe_transport_result(&req->common);
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
	dlist_foreach_modify(it, &oe_http.running)
	{
		OeHttpRequest *req = dlist_container(OeHttpRequest, link, it.cur);

		if (now - req->added_at < OE_WATCH_AFTER_US)
			return;
		if (oe_connection_floods(req))
			oe_http_done(req, CURLE_OK, "the answer does not end");
	}
}

/*
 * Takes finished requests; the descriptors have had their turn (wait.h).
 */
static void
oe_http_poll(void)
{
	oe_http_bound();
	oe_http_watch();
	oe_http_collect();
}

static void
oe_http_shutdown(void)
{
	/*
	 * curl is not cleaned up, because that would wait for its resolver
	 * threads
	 */
}

OeTransport oe_http_transport = {
	.init = oe_http_init,
	.start = oe_http_start,
	.poll = oe_http_poll,
	.timeout = oe_http_timeout,
	.limit = oe_http_limit,
	.put = oe_http_put,
	.release = oe_http_free_idle,
	.shutdown = oe_http_shutdown,
};
