/*
 * poll.c
 *	  Asks an endpoint what became of events that it has accepted: a GET of the
 *	  Location that it answered.
 *
 * Worker only, never within a transaction, through the same multi handle as the
 * deliveries; nothing blocks.  The question carries the headers and the token of
 * the subscription, so it goes to the subscription's own origin only, and the
 * address policy applies to it as to a delivery.  It belongs to no subscription
 * in memory: one that is dropped meanwhile is not waited for.
 */
#include "postgres.h"

#include <curl/curl.h>

#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/transport/http/authorization.h"
#include "deliver/transport/http/multi.h"
#include "deliver/transport/http/poll.h"
#include "deliver/transport/http/prepare.h"
#include "deliver/transport/http/request.h"

static void (*oe_take) (OeRequest *req, OePoll *poll) = NULL;

void
oe_poll_on_answer(void (*take) (OeRequest *req, OePoll *poll))
{
	oe_take = take;
}

static bool
oe_url_part_same(CURLU *a, CURLU *b, CURLUPart part)
{
	char	   *x = NULL;
	char	   *y = NULL;
	bool		same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && pg_strcasecmp(x, y) == 0;

	curl_free(x);
	curl_free(y);
	return same;
}

static bool
oe_url_has_credentials(CURLU *u)
{
	char	   *user = NULL;
	bool		has = curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK;

	curl_free(user);
	return has;
}

/*
 * Makes "u", which is the subscription's URL, the one that "location" means.
 */
static const char *
oe_url_move(CURLU *base, CURLU *u, const char *location)
{
	if (curl_url_set(u, CURLUPART_URL, location, 0) != CURLUE_OK || curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		return "the Location of the answer is no URL";
	if (oe_url_has_credentials(u))
		return "the Location of the answer has credentials in it";
	if (!oe_url_part_same(base, u, CURLUPART_SCHEME) || !oe_url_part_same(base, u, CURLUPART_HOST) ||
		!oe_url_part_same(base, u, CURLUPART_PORT))
		return "the Location of the answer has another origin than the subscription";
	return NULL;
}

static char *
oe_url_text(CURLU *u)
{
	char	   *url = NULL;
	char	   *text = NULL;

	if (curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK)
		text = MemoryContextStrdup(oe_delivery.cxt, url);
	curl_free(url);
	return text;
}

/*
 * "host_of": a URL whose host replaces that of the result; NULL: none.
 */
static char *
oe_url_resolve(const char *base, const char *location, const char *host_of, const char **why)
{
	CURLU	   *origin = curl_url();
	CURLU	   *u = curl_url();
	CURLU	   *other = curl_url();
	char	   *host = NULL;
	char	   *text = NULL;

	*why = "out of memory";
	if (origin != NULL && u != NULL && other != NULL &&
		curl_url_set(origin, CURLUPART_URL, base, 0) == CURLUE_OK && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK)
	{
		*why = oe_url_move(origin, u, location);
		if (*why == NULL && host_of != NULL && curl_url_set(other, CURLUPART_URL, host_of, 0) == CURLUE_OK &&
			curl_url_get(other, CURLUPART_HOST, &host, 0) == CURLUE_OK)
			(void) curl_url_set(u, CURLUPART_HOST, host, 0);
		if (*why == NULL)
			text = oe_url_text(u);
	}
	curl_free(host);
	curl_url_cleanup(origin);
	curl_url_cleanup(u);
	curl_url_cleanup(other);
	return text;
}

char *
oe_poll_location(const OeConfiguration *conf, const char *location, const char **why)
{
	return oe_url_resolve(conf->url, location, NULL, why);
}

/*
 * Takes the answer, or what came instead of one.
 */
void
oe_poll_answered(OeHttpRequest *req)
{
	oe_take(&req->common, req->poll);
	oe_http_take_out(req);
	oe_request_put(req);
}

/*
 * Makes the question, as far as that can fail: true if it can be sent at once.
 * If it fails it is as if it had never been.
 */
static bool
oe_poll_make(OeHttpRequest *req, const char **why)
{
	OeConfiguration *conf = req->common.conf;
	volatile bool open = false;

	PG_TRY();
	{
		oe_request_reset(req);
		/* the subscription may have another URL by now */
		req->poll->url = oe_url_resolve(conf->url, req->poll->location, conf->tls.url, why);
		req->poll_url = req->poll->url;
		open = req->poll_url != NULL && oe_authorization_ready(conf);
		if (open)
			oe_request_prepare(req);
	}
	PG_CATCH();
	{
		oe_request_put(req);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return open;
}

void
oe_poll_ask(OeConfiguration *conf, OePoll *poll)
{
	OeHttpRequest *req = oe_request_make(conf, OE_ASK_OUTCOME, OE_RESPONSE_READ);
	const char *why;
	bool		open;

	req->poll = poll;
	open = oe_poll_make(req, &why);
	/* nothing raises from here on */
	if (open)
		oe_http_add(req);
	else if (req->poll_url == NULL)
		oe_http_over(req, why);
	else
		oe_authorization_wait(req);
}
