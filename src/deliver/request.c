/*
 * request.c
 *	  One request: an easy handle, what it sends and what comes back.
 *
 * Worker only, never inside a transaction.  Handles are kept per configuration
 * and used again, with the connections that curl keeps.  curl's callbacks note
 * things and return; none of them raises, allocates from a memory context or
 * looks anything up.  What curl points to (body, headers, error buffer) lives
 * in OeRequest and in events that are referenced until the answer is there.
 */
#include "postgres.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "deliver/internal.h"

#define OE_FIXED_HEADERS 7		/* content type, Expect, and those we compute */
#define OE_HEADER_BYTES 32768

static char *oe_user_agent = NULL;
static char *oe_used_proxy = NULL;
static char *oe_used_ca_file = NULL;
static int	oe_used_connect_timeout = 0;

/*
 * The address policy, where it cannot be walked around: after the name is
 * resolved, before the socket is.
 */
static curl_socket_t
oe_on_open(void *clientp, curlsocktype purpose, struct curl_sockaddr *addr)
{
	OeRequest  *req = clientp;
	int			fd;

	if (oe_used_proxy[0] == '\0' &&
		!oe_address_allowed(&addr->addr, req->conf->plain, req->conf->networks, req->conf->nnetworks))
	{
		req->refused = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
	if (fd >= 0)
		ReserveExternalFD();
	return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

static int
oe_on_close(void *clientp, curl_socket_t s)
{
	ReleaseExternalFD();
	return close(s);
}

/*
 * The same policy for a connection that another subscription has opened.
 */
static int
oe_on_prereq(void *clientp, char *ip, char *local_ip, int port, int local_port)
{
	OeRequest  *req = clientp;

	if (oe_used_proxy[0] == '\0' &&
		!oe_address_text_allowed(ip, req->conf->plain, req->conf->networks, req->conf->nnetworks))
	{
		req->refused = true;
		return CURL_PREREQFUNC_ABORT;
	}
	return CURL_PREREQFUNC_OK;
}

/*
 * Value of a header line if it has this name; NULL otherwise.
 */
static const char *
oe_header_value(const char *line, size_t len, const char *name, size_t *value_len)
{
	size_t		n = strlen(name);

	if (len <= n || line[n] != ':' || pg_strncasecmp(line, name, n) != 0)
		return NULL;
	line += n + 1;
	len -= n + 1;
	while (len > 0 && (*line == ' ' || *line == '\t'))
	{
		line++;
		len--;
	}
	while (len > 0 && (unsigned char) line[len - 1] <= ' ')
		len--;
	*value_len = len;
	return line;
}

static bool
oe_value_is(const char *value, size_t len, const char *is)
{
	return len == strlen(is) && pg_strncasecmp(value, is, len) == 0;
}

/*
 * Seconds, or an HTTP date.
 */
static int
oe_retry_after(const char *value, size_t len)
{
	char		buf[64];
	char	   *end;
	long		secs;

	if (len == 0 || len >= sizeof(buf))
		return -1;
	memcpy(buf, value, len);
	buf[len] = '\0';
	secs = strtol(buf, &end, 10);
	if (*end != '\0')
	{
		time_t		at = curl_getdate(buf, NULL);

		if (at == (time_t) -1)
			return -1;
		secs = (long) (at - time(NULL));
	}
	return (int) Min(Max(secs, 1), 86400);
}

static size_t
oe_on_header(char *line, size_t size, size_t nitems, void *userp)
{
	OeRequest  *req = userp;
	size_t		len = size * nitems;
	size_t		vlen = 0;
	const char *value;

	req->header_bytes += len;
	if (req->header_bytes > OE_HEADER_BYTES)
		return 0;
	if ((value = oe_header_value(line, len, "retry-after", &vlen)) != NULL)
		req->retry_after = oe_retry_after(value, vlen);
	else if ((value = oe_header_value(line, len, "webhook-delivery", &vlen)) != NULL)
	{
		req->abort_message = oe_value_is(value, vlen, "abort-message");
		req->disable = oe_value_is(value, vlen, "disable");
	}
	return len;
}

static size_t
oe_on_body(char *data, size_t size, size_t nmemb, void *userp)
{
	OeRequest  *req = userp;
	size_t		len = size * nmemb;
	size_t		keep = Min(len, (size_t) (OE_RESPONSE_KEPT - req->response_len));

	memcpy(req->response + req->response_len, data, keep);
	req->response_len += keep;
	req->read += len;
	return req->read > OE_RESPONSE_READ ? 0 : len;
}

static char *
oe_keep_string(const char *s)
{
	return MemoryContextStrdup(oe_deliver_cxt, s ? s : "");
}

void
oe_request_init(void)
{
	(void) oe_http_settings_changed();
	oe_user_agent = oe_keep_string(psprintf("odoo_events/%s (+PostgreSQL %d)", OE_VERSION, PG_VERSION_NUM / 10000));
}

/*
 * Has a setting changed since configurations were built?  Remembers it.
 */
bool
oe_http_settings_changed(void)
{
	if (oe_used_proxy != NULL && strcmp(oe_used_proxy, oe_guc_proxy ? oe_guc_proxy : "") == 0 &&
		strcmp(oe_used_ca_file, oe_guc_ca_file ? oe_guc_ca_file : "") == 0 &&
		oe_used_connect_timeout == oe_guc_connect_timeout)
		return false;
	oe_used_proxy = oe_keep_string(oe_guc_proxy);
	oe_used_ca_file = oe_keep_string(oe_guc_ca_file);
	oe_used_connect_timeout = oe_guc_connect_timeout;
	return true;
}

/*
 * Options that hold as long as the handle does.
 */
static void
oe_request_options(OeRequest *req)
{
	CURL	   *e = req->easy;
	OeConf	   *conf = req->conf;

	curl_easy_setopt(e, CURLOPT_URL, conf->url);
	curl_easy_setopt(e, CURLOPT_PRIVATE, req);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, req->errbuf);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(e, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_PROXY, oe_used_proxy);
	curl_easy_setopt(e, CURLOPT_NOPROXY, "");
	curl_easy_setopt(e, CURLOPT_USERAGENT, oe_user_agent);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, req->headers);
	curl_easy_setopt(e, CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long) conf->timeout_ms);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long) Min(oe_used_connect_timeout, conf->timeout_ms));
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long) (conf->timeout_ms / 1000 + 1));
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, conf->plain ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	if (oe_used_ca_file[0] != '\0')
		curl_easy_setopt(e, CURLOPT_CAINFO, oe_used_ca_file);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, oe_on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, req);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, oe_on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, req);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, oe_on_open);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, req);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, oe_on_close);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, oe_on_prereq);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, req);
}

/*
 * The list of headers is an array of nodes of our own: curl only reads it,
 * and the values that change are overwritten in place.
 */
static void
oe_request_headers(OeRequest *req)
{
	OeConf	   *conf = req->conf;
	int			n = OE_FIXED_HEADERS + conf->nheaders;
	struct curl_slist *h = MemoryContextAllocZero(oe_deliver_cxt, sizeof(struct curl_slist) * (n + 1 + OE_CE_HEADERS));
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
 * A request for this configuration, used before or new.
 */
OeRequest *
oe_request_get(OeConf *conf)
{
	OeRequest  *req;

	if (!dlist_is_empty(&conf->idle))
	{
		req = dlist_container(OeRequest, node, dlist_pop_head_node(&conf->idle));
		conf->refs++;
		return req;
	}
	req = MemoryContextAllocZero(oe_deliver_cxt, sizeof(OeRequest));
	req->easy = curl_easy_init();
	if (req->easy == NULL)
	{
		pfree(req);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	req->conf = conf;
	conf->refs++;
	oe_request_headers(req);
	oe_request_options(req);
	return req;
}

static void
oe_request_free(OeRequest *req)
{
	curl_easy_cleanup(req->easy);
	pfree(req->headers);
	if (req->body.data)
		pfree(req->body.data);
	if (req->ce.data)
		pfree(req->ce.data);
	pfree(req);
}

/*
 * Frees the handles that a configuration keeps for its next requests.
 */
void
oe_http_free_idle(OeConf *conf)
{
	while (!dlist_is_empty(&conf->idle))
		oe_request_free(dlist_container(OeRequest, node, dlist_pop_head_node(&conf->idle)));
}

/*
 * Room that one large body took is given back.
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
	MemoryContext old = MemoryContextSwitchTo(oe_deliver_cxt);

	if (buf->data == NULL)
		initStringInfo(buf);
	else
		resetStringInfo(buf);
	MemoryContextSwitchTo(old);
	return buf;
}

/*
 * Puts a finished request back among its configuration's idle ones.
 */
void
oe_request_put(OeRequest *req)
{
	OeConf	   *conf = req->conf;

	oe_request_forget(&req->body);
	oe_request_forget(&req->ce);
	if (conf->refs == 1)
	{
		/* nobody else uses this configuration any more */
		oe_request_free(req);
	}
	else
		dlist_push_head(&conf->idle, &req->node);
	oe_conf_release(conf);
}

/*
 * The body of a batch: its events in an array, byte for byte those that a
 * request of one would have.
 */
static void
oe_batch_body(OeRequest *req, OeBatch *batch)
{
	StringInfo	out = oe_request_room(&req->body);

	for (int i = 0; i < batch->n; i++)
	{
		OeEvent    *event = batch->items[i]->event;

		appendStringInfoChar(out, i == 0 ? '[' : ',');
		if (oe_body_as_is(req->conf, event))
			appendBinaryStringInfo(out, event->body, event->body_len);
		else
			(void) oe_body_write(req->conf, event, 's', out, NULL);
	}
	appendStringInfoChar(out, ']');
}

/*
 * Headers that are not in every request follow the others: what was sent
 * before, and attributes.  Those of the request before go.
 */
static void
oe_request_more_headers(OeRequest *req, int nattributes)
{
	struct curl_slist *h = req->last_header;
	const char *previous = req->batch ? NULL : oe_previous_find(req->item);
	char	   *text = req->ce.data;

	if (previous != NULL)
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
 * What is sent: the frozen text itself, or made from it.
 */
static const char *
oe_request_body(OeRequest *req, Size *len, int *nattributes)
{
	static char structured[] = "Content-Type: application/cloudevents+json";
	static char batched[] = "Content-Type: application/cloudevents-batch+json";
	static char json[] = "Content-Type: application/json";

	/* by what is sent: frozen batches outlive a change of the format */
	req->headers[0].data = req->batch ? batched : req->conf->format == 's' ? structured : json;
	if (req->batch == NULL && oe_body_as_is(req->conf, req->item->event))
	{
		*len = (Size) req->item->event->body_len;
		return req->item->event->body;
	}
	if (req->batch != NULL)
		oe_batch_body(req, req->batch);
	else
		*nattributes = oe_body_write(req->conf, req->item->event, req->conf->format, oe_request_room(&req->body),
									 req->conf->format == 'b' ? oe_request_room(&req->ce) : NULL);
	*len = req->body.len;
	return req->body.data;
}

/*
 * Nothing is known of an answer yet.
 */
static void
oe_request_reset(OeRequest *req)
{
	req->errbuf[0] = '\0';
	req->dry = req->refused = req->abort_message = req->disable = false;
	req->status = req->header_bytes = req->read = req->response_len = 0;
	req->retry_after = -1;
	req->started = GetCurrentTimestamp();
}

/*
 * Makes everything that is sent.  In a dry run it is noted instead, and the
 * request is over.
 */
void
oe_request_prepare(OeRequest *req, int attempt)
{
	OeEvent    *first = req->batch ? req->batch->items[0]->event : req->item->event;
	const char *id = req->batch ? req->batch->id : first->id;
	Size		len;
	int			nattributes = 0;
	const char *body = oe_request_body(req, &len, &nattributes);
	int64		now = (int64) time(NULL);

	req->attempt = attempt;
	snprintf(req->h_id, sizeof(req->h_id), "webhook-id: %s", id);
	snprintf(req->h_timestamp, sizeof(req->h_timestamp), "webhook-timestamp: " INT64_FORMAT, now);
	snprintf(req->h_attempt, sizeof(req->h_attempt), "webhook-attempt: %d", attempt);
	oe_sign(req->conf, id, now, body, len, req->h_signature, sizeof(req->h_signature));
	oe_traceparent(req->batch && req->batch->n > 1 ? NULL : first->body, first->body_len, req->h_trace, sizeof(req->h_trace));
	oe_request_more_headers(req, nattributes);
	oe_request_reset(req);
	if (req->conf->dry_run)
	{
		req->dry = true;
		req->response_len = Min(len, OE_RESPONSE_KEPT);
		memcpy(req->response, body, req->response_len);
		return;
	}
	curl_easy_setopt(req->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(req->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) len);
}
