/*
 * prepare.c
 *	  Prepares a request: handle, headers, body.
 *
 * Worker only, never within a transaction.  Handles are kept per configuration
 * and reused; curl keeps their connections.  What curl points to (body, headers,
 * error buffer) is in OeHttpRequest, or in events that are referenced until the
 * request ends.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <time.h>

#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "deliver/message/body.h"
#include "deliver/message/previous_id.h"
#include "deliver/message/signature.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/transport/http/handle.h"
#include "deliver/transport/http/prepare.h"
#include "deliver/transport/http/request.h"

#define OE_IDLE_MIN 64

static dlist_head oe_idle = DLIST_STATIC_INIT(oe_idle); /* by "link", the latest
														 * first */
static int	oe_nidle = 0;

#define OE_FIXED_HEADERS 7		/* content type, Expect, and those we compute */

/*
 * The maximum number of open requests: the setting, and what file descriptors
 * allow.
 */
int
oe_http_limit(void)
{
	return Min(oe_guc_max_in_flight, Max(max_safe_fds / 2, 1));
}

/*
 * The header list is an array of our own nodes: curl only reads it, and values
 * that change are overwritten in place.
 */
static void
oe_request_headers(OeHttpRequest *req)
{
	OeConfiguration *conf = req->common.conf;
	int			n = OE_FIXED_HEADERS + conf->nheaders;
	struct curl_slist *h = MemoryContextAllocZero(oe_delivery.cxt, sizeof(struct curl_slist) * (n + 2 + OE_CE_HEADERS));
	static char no_expect[] = "Expect:";

	h[1].data = no_expect;
	h[2].data = req->h_id;
	h[3].data = req->h_timestamp;
	h[4].data = req->h_signature;
	h[5].data = req->h_attempt;
	h[6].data = req->h_trace;
	for (int i = 0; i < conf->nheaders; i++)
		h[OE_FIXED_HEADERS + i].data = conf->headers[i];
	for (int i = 0; i < n - 1; i++)
		h[i].next = &h[i + 1];
	req->headers = h;
	req->last_header = &h[n - 1];
}

/*
 * Makes a request with room for so many bytes of its answer.
 */
OeHttpRequest *
oe_request_make(OeConfiguration *conf, OeRequestKind kind, int room)
{
	bool		located = kind == OE_DELIVERY && conf->outcomes == 'p';
	OeHttpRequest *req = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeHttpRequest) + room + (located ? OE_LOCATION_MAX : 0));

	req->kind = kind;
	req->common.response = (char *) (req + 1);
	req->response_room = room;
	if (located)
		req->common.location = req->common.response + room;
	req->common.conf = conf;
	req->plain = conf->plain;
	if (kind == OE_DELIVERY)
		oe_request_headers(req);
	req->easy = curl_easy_init();
	if (req->easy == NULL)
	{
		if (req->headers)
			pfree(req->headers);
		pfree(req);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	conf->refs++;
	oe_handle_options(req);
	return req;
}

static void
oe_request_wake(OeHttpRequest *req)
{
	dlist_delete(&req->common.node);
	dlist_delete(&req->link);
	oe_nidle--;
}

/*
 * Takes an idle request of this configuration, or makes one.
 */
OeHttpRequest *
oe_request_get(OeConfiguration *conf)
{
	OeHttpRequest *req;

	if (dlist_is_empty(&conf->idle))
		return oe_request_make(conf, OE_DELIVERY, conf->outcomes == 'b' ? OE_RESPONSE_READ : OE_RESPONSE_KEPT);
	req = dlist_head_element(OeHttpRequest, common.node, &conf->idle);
	oe_request_wake(req);
	req->renewed = false;
	conf->refs++;
	return req;
}

static void
oe_request_free(OeHttpRequest *req)
{
	curl_easy_cleanup(req->easy);
	curl_slist_free_all(req->own_list);
	if (req->headers)
		pfree(req->headers);
	if (req->body.data)
		pfree(req->body.data);
	if (req->ce.data)
		pfree(req->ce.data);
	if (req->common.token.data)
		pfree(req->common.token.data);
	pfree(req);
}

/*
 * Frees the idle handles of a configuration.
 */
void
oe_http_free_idle(OeConfiguration *conf)
{
	while (!dlist_is_empty(&conf->idle))
	{
		OeHttpRequest *req = dlist_head_element(OeHttpRequest, common.node, &conf->idle);

		oe_request_wake(req);
		oe_request_free(req);
	}
}

/*
 * Keeps a handle for the next request of its configuration.  In total as many
 * are kept as may be open at once, the most recently used ones.
 */
static void
oe_request_rest(OeHttpRequest *req)
{
	dlist_push_head(&req->common.conf->idle, &req->common.node);
	dlist_push_head(&oe_idle, &req->link);
	oe_nidle++;
	while (oe_nidle > Max(oe_http_limit(), OE_IDLE_MIN))
	{
		OeHttpRequest *oldest = dlist_tail_element(OeHttpRequest, link, &oe_idle);

		oe_request_wake(oldest);
		oe_request_free(oldest);
	}
}

/*
 * Frees a buffer that one large body has used.
 */
static void
oe_request_forget(StringInfo buf)
{
	if (buf->data == NULL || buf->maxlen <= 16384)
		return;
	pfree(buf->data);
	buf->data = NULL;
}

static StringInfo
oe_request_room(StringInfo buf)
{
	MemoryContext old = MemoryContextSwitchTo(oe_delivery.cxt);

	if (buf->data == NULL)
		initStringInfo(buf);
	else
		resetStringInfo(buf);
	MemoryContextSwitchTo(old);
	return buf;
}

/*
 * Returns a finished request to the idle ones of its configuration.
 */
void
oe_request_put(OeHttpRequest *req)
{
	OeConfiguration *conf = req->common.conf;

	oe_request_forget(&req->body);
	oe_request_forget(&req->ce);
	if (conf->refs == 1 || req->kind != OE_DELIVERY)
	{
		/*
		 * nobody else uses this configuration any more, or nobody will ask
		 * again
		 */
		oe_request_free(req);
	}
	else
		oe_request_rest(req);
	oe_conf_release(conf);
}

/*
 * The token is copied, since the authorization's may go while the request is
 * under way.
 */
static char *
oe_request_token(OeHttpRequest *req)
{
	OeAuthorization *auth = req->common.conf->authorization;

	if (auth == NULL || auth->token == NULL)
		return NULL;
	req->generation = auth->generation;
	appendStringInfoString(oe_request_room(&req->common.token), auth->token);
	return req->common.token.data;
}

/*
 * A question for an outcome: who we are to the endpoint, and no body.
 */
static void
oe_poll_prepare(OeHttpRequest *req)
{
	OeConfiguration *conf = req->common.conf;
	char	   *token = oe_request_token(req);
	struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json");

	for (int i = 0; i < conf->nheaders; i++)
		list = curl_slist_append(list, conf->headers[i]);
	if (token != NULL)
		list = curl_slist_append(list, token);
	oe_handle_ready(req);
	oe_request_reset(req);
	curl_slist_free_all(req->own_list);
	req->own_list = list;
	curl_easy_setopt(req->easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(req->easy, CURLOPT_URL, req->poll_url);
	curl_easy_setopt(req->easy, CURLOPT_HTTPHEADER, list);
}

/*
 * The body of a batch: an array of events, each with the bytes of a single
 * request.
 */
static void
oe_batch_body(OeHttpRequest *req, OeBatch *batch)
{
	StringInfo	out = oe_request_room(&req->body);

	for (int i = 0; i < batch->n; i++)
	{
		OeOutboxEvent *event = batch->items[i]->event;

		appendStringInfoChar(out, i == 0 ? '[' : ',');
		if (oe_body_as_is(req->common.conf, event))
			appendBinaryStringInfo(out, event->body, event->body_len);
		else
			(void) oe_body_write(req->common.conf, event, 's', out, NULL);
	}
	appendStringInfoChar(out, ']');
}

/*
 * Appends headers that not every request has: the token, the previous id,
 * attributes.
 */
static void
oe_request_more_headers(OeHttpRequest *req, int nattributes)
{
	struct curl_slist *h = req->last_header;
	char		previous[OE_ID_LEN];
	char	   *token = oe_request_token(req);
	char	   *text = req->ce.data;

	if (token != NULL)
	{
		h->next = h + 1;
		h = h->next;
		h->data = token;
	}
	if (req->common.batch == NULL && oe_previous_id_find(req->common.item, previous))
	{
		snprintf(req->h_previous, sizeof(req->h_previous), "webhook-previous: %s", previous);
		h->next = h + 1;
		h = h->next;
		h->data = req->h_previous;
	}
	for (int i = 0; i < nattributes; i++)
	{
		h->next = h + 1;
		h = h->next;
		h->data = text;
		text += strlen(text) + 1;
	}
	h->next = NULL;
}

/*
 * The body: the stored text itself, or one that is made from it.
 */
static const char *
oe_request_body(OeHttpRequest *req, Size *len, int *nattributes)
{
	static char structured[] = "Content-Type: application/cloudevents+json";
	static char batched[] = "Content-Type: application/cloudevents-batch+json";
	static char json[] = "Content-Type: application/json";

	/* by what is sent: frozen batches outlive a change of the format */
	req->headers[0].data = req->common.batch ? batched : req->common.conf->format == 's' ? structured : json;
	if (req->common.batch == NULL && oe_body_as_is(req->common.conf, req->common.item->event))
	{
		*len = (Size) req->common.item->event->body_len;
		return req->common.item->event->body;
	}
	if (req->common.batch != NULL)
		oe_batch_body(req, req->common.batch);
	else
		*nattributes = oe_body_write(req->common.conf, req->common.item->event, req->common.conf->format, oe_request_room(&req->body),
									 req->common.conf->format == 'b' ? oe_request_room(&req->ce) : NULL);
	*len = req->body.len;
	return req->body.data;
}

/*
 * Clears the result of the previous use.
 */
void
oe_request_reset(OeHttpRequest *req)
{
	req->errbuf[0] = '\0';
	req->refused = req->unfit = req->in_head = false;
	req->common.abort_message = req->common.disable = req->allowed = req->answered_origin = false;
	req->allowed_rate = req->retry_secs = req->common.sends = 0;
	req->common.status = req->header_bytes = req->common.read = req->common.response_len = 0;
	req->retry_at = req->date = 0;
	req->common.retry_after = -1;
	if (req->common.location != NULL)
		req->common.location[0] = '\0';
	req->ends = 0;
	req->common.failed = NULL;
	req->common.started = oe_clock();
}

/*
 * Makes everything that is sent.  In a dry run it becomes the response instead.
 */
static void
oe_delivery_prepare(OeHttpRequest *req)
{
	OeOutboxEvent *first = req->common.batch ? req->common.batch->items[0]->event : req->common.item->event;
	const char *id = req->common.batch ? req->common.batch->id : first->id;
	Size		len;
	int			nattributes = 0;
	const char *body = oe_request_body(req, &len, &nattributes);
	int64		now = (int64) time(NULL);

	oe_handle_ready(req);
	oe_request_reset(req);
	if (req->common.conf->dry_run)
	{
		req->common.response_len = Min(len, OE_RESPONSE_KEPT);
		memcpy(req->common.response, body, req->common.response_len);
		return;
	}
	snprintf(req->h_id, sizeof(req->h_id), "webhook-id: %s", id);
	snprintf(req->h_timestamp, sizeof(req->h_timestamp), "webhook-timestamp: " INT64_FORMAT, now);
	snprintf(req->h_attempt, sizeof(req->h_attempt), "webhook-attempt: %d", req->common.attempt);
	oe_sign(req->common.conf, id, now, body, len, req->h_signature, sizeof(req->h_signature));
	oe_traceparent(req->common.batch && req->common.batch->n > 1 ? NULL : first->body, first->body_len, req->common.traceparent);
	snprintf(req->h_trace, sizeof(req->h_trace), "traceparent: %s", req->common.traceparent);
	oe_request_more_headers(req, nattributes);
	curl_easy_setopt(req->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(req->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) len);
}

void
oe_request_prepare(OeHttpRequest *req)
{
	if (req->kind == OE_ASK_OUTCOME)
		oe_poll_prepare(req);
	else
		oe_delivery_prepare(req);
}
