/*
 * handle.c
 *	  The options of a curl handle, and the callbacks that curl calls.
 *
 * Worker only.  Callbacks record and return; none of them raises an error,
 * allocates in a memory context or looks anything up.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/transport/http/address.h"
#include "deliver/transport/http/connection.h"
#include "deliver/transport/http/credentials.h"
#include "deliver/transport/http/handle.h"
#include "deliver/transport/http/peer.h"
#include "deliver/transport/http/request.h"

#define OE_HEADER_BYTES 32768
#define OE_RETRY_AFTER_MAX 86400
#define OE_DNS_CACHE_S 10		/* a new connection asks again after that */

static char *oe_user_agent = NULL;
static char *oe_used_proxy = NULL;
static char *oe_used_ca_file = NULL;
static int	oe_used_connect_timeout = 0;
static int	oe_used_max_age = 0;
static bool oe_reusable = false;	/* handles are; oe_handle_init() */

/*
 * May the subscription send to this address? Of a proxy nobody knows where it
 * sends to, so that it is no way to where only some networks are allowed.
 */
static bool
oe_may_reach(const OeConfiguration *conf, bool allowed, bool resident)
{
	if (oe_used_proxy[0] != '\0')
		return conf->nresidence == 0;
	return allowed && resident;
}

/*
 * Applies the address policy after the name was resolved and before the socket
 * is opened, where it cannot be circumvented.
 */
static curl_socket_t
oe_on_open(void *clientp, curlsocktype purpose, struct curl_sockaddr *addr)
{
	OeHttpRequest *req = clientp;
	const OeConfiguration *conf = req->common.conf;
	int			room = OE_RESPONSE_READ;
	int			fd;

	if (!oe_may_reach(conf, oe_address_allowed(&addr->addr, req->plain, conf->networks, conf->nnetworks),
					  oe_address_resident(&addr->addr, conf->residence, conf->nresidence)))
	{
		req->refused = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	/* what we shall not read needs no megabytes of the kernel's */
	(void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	ReserveExternalFD();
	oe_socket_opened(fd, req->common.conf->tls.http1);
	return fd;
}

static int
oe_on_close(void *clientp, curl_socket_t s)
{
	ReleaseExternalFD();
	oe_socket_closed(s);
	return close(s);
}

/*
 * The same for a connection that another subscription has opened.
 */
static int
oe_on_prereq(void *clientp, char *ip, char *local_ip, int port, int local_port)
{
	OeHttpRequest *req = clientp;
	const OeConfiguration *conf = req->common.conf;

	if (!oe_may_reach(conf, oe_address_text_allowed(ip, req->plain, conf->networks, conf->nnetworks),
					  oe_address_text_resident(ip, conf->residence, conf->nresidence)))
	{
		req->refused = true;
		return CURL_PREREQFUNC_ABORT;
	}
	if (!oe_connection_fits(req, ip, port, local_port))
	{
		req->unfit = true;
		return CURL_PREREQFUNC_ABORT;
	}
	if (req->common.sends++ > 0)
		req->common.sent_at = GetCurrentTimestamp();
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
 * A date as HTTP writes it, beginning with a weekday; 0 if it is none.
 */
static time_t
oe_http_date(const char *value, size_t len)
{
	char		buf[64];
	time_t		at;

	if (len == 0 || len >= sizeof(buf) || !((value[0] >= 'A' && value[0] <= 'Z') || (value[0] >= 'a' && value[0] <= 'z')))
		return 0;
	memcpy(buf, value, len);
	buf[len] = '\0';
	at = curl_getdate(buf, NULL);
	return at > 0 ? at : 0;
}

/*
 * Seconds, or an HTTP date; of several the longest.
 */
static void
oe_note_retry_after(OeHttpRequest *req, const char *value, size_t len)
{
	int			secs = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (value[i] < '0' || value[i] > '9')
		{
			req->retry_at = Max(req->retry_at, oe_http_date(value, len));
			return;
		}
		secs = Min(secs * 10 + (value[i] - '0'), OE_RETRY_AFTER_MAX);
	}
	req->retry_secs = Max(req->retry_secs, secs);
}

static void
oe_head_forget(OeHttpRequest *req)
{
	req->retry_secs = 0;
	req->retry_at = req->date = 0;
	req->common.retry_after = -1;
	req->allowed_rate = 0;
	req->common.abort_message = req->common.disable = req->allowed = req->answered_origin = false;
	if (req->common.location != NULL)
		req->common.location[0] = '\0';
}

/*
 * The request is over: what its headers amount to.  A date is meant by the
 * endpoint's clock, which its answer tells.  Without a status there was no
 * answer that could say anything.
 */
void
oe_head_done(OeHttpRequest *req)
{
	int64		delay = req->retry_secs;

	if (req->common.status == 0)
	{
		oe_head_forget(req);
		return;
	}
	if (req->retry_at != 0)
		delay = Max(delay, (int64) req->retry_at - (int64) (req->date != 0 ? req->date : time(NULL)));
	req->common.retry_after = delay > 0 ? (int) Min(delay, OE_RETRY_AFTER_MAX) : -1;
}

/*
 * Requests per minute, a positive integer.  Anything else, such as "*", is no
 * limit.
 */
static int
oe_allowed_rate(const char *value, size_t len)
{
	char		buf[16];
	char	   *end;
	long		rate;

	if (len == 0 || len >= sizeof(buf) || value[0] < '0' || value[0] > '9')
		return 0;
	memcpy(buf, value, len);
	buf[len] = '\0';
	rate = strtol(buf, &end, 10);
	return *end == '\0' ? (int) Min(rate, INT_MAX) : 0;
}

/*
 * A header of the final answer.
 */
static void
oe_note_header(OeHttpRequest *req, const char *line, size_t len)
{
	size_t		vlen = 0;
	const char *value;

	if ((value = oe_header_value(line, len, "retry-after", &vlen)) != NULL)
		oe_note_retry_after(req, value, vlen);
	else if ((value = oe_header_value(line, len, "date", &vlen)) != NULL)
		req->date = oe_http_date(value, vlen);
	else if (req->kind == OE_ASK_HANDSHAKE && (value = oe_header_value(line, len, "webhook-allowed-origin", &vlen)) != NULL)
	{
		req->answered_origin = true;
		req->allowed = oe_value_is(value, vlen, "*") || oe_value_is(value, vlen, oe_webhook_origin());
	}
	else if (req->kind == OE_ASK_HANDSHAKE && (value = oe_header_value(line, len, "webhook-allowed-rate", &vlen)) != NULL)
		req->allowed_rate = oe_allowed_rate(value, vlen);
	else if ((value = oe_header_value(line, len, "webhook-delivery", &vlen)) != NULL)
	{
		req->common.abort_message = oe_value_is(value, vlen, "abort-message");
		req->common.disable = oe_value_is(value, vlen, "disable");
	}
	else if (req->common.location != NULL && (value = oe_header_value(line, len, "location", &vlen)) != NULL && vlen < OE_LOCATION_MAX)
	{
		memcpy(req->common.location, value, vlen);
		req->common.location[vlen] = '\0';
	}
}

/*
 * A line of headers: of the answer, of interim ones (1xx) before it, or of the
 * trailer behind its body.  Only the answer's own count.
 */
static size_t
oe_on_header(char *line, size_t size, size_t nitems, void *userp)
{
	OeHttpRequest *req = userp;
	size_t		len = size * nitems;

	req->header_bytes += len;
	oe_bytes_read += len;
	if (req->header_bytes > OE_HEADER_BYTES)
		return 0;
	if (len > 5 && pg_strncasecmp(line, "HTTP/", 5) == 0)
	{
		const char *space = memchr(line, ' ', len);

		oe_head_forget(req);
		oe_peer_look(req);
		req->in_head = space == NULL || space + 1 == line + len || space[1] != '1';
	}
	else if (len == 0 || line[0] == '\r' || line[0] == '\n')
		req->in_head = false;
	else if (req->in_head)
		oe_note_header(req, line, len);
	return len;
}

static size_t
oe_on_body(char *data, size_t size, size_t nmemb, void *userp)
{
	OeHttpRequest *req = userp;
	size_t		len = size * nmemb;
	size_t		keep = Min(len, (size_t) (req->response_room - req->common.response_len));

	memcpy(req->common.response + req->common.response_len, data, keep);
	req->common.response_len += keep;
	req->common.read += len;
	oe_bytes_read += len;
	return req->common.read > OE_RESPONSE_READ ? 0 : len;
}

static char *
oe_keep_string(const char *s)
{
	return MemoryContextStrdup(oe_delivery.cxt, s ? s : "");
}

/*
 * A libcurl before 8.3.0 keeps a pointer into the headers of the answer before:
 * an answer that begins with a folded line has it write there, where nothing is
 * any more, and any endpoint could send one.  A new handle has no such pointer.
 * Connections are the multi handle's, and stay.
 */
#define OE_CURL_REUSABLE 0x080300

void
oe_handle_init(void)
{
	oe_reusable = curl_version_info(CURLVERSION_NOW)->version_num >= OE_CURL_REUSABLE;
	(void) oe_http_settings_changed();
	oe_user_agent = oe_keep_string(psprintf("odoo_events/%s (+PostgreSQL %d)", OE_VERSION, PG_VERSION_NUM / 10000));
}

/*
 * Has a setting of HTTP changed since the configurations were made?
 */
bool
oe_http_settings_changed(void)
{
	if (oe_used_proxy != NULL && strcmp(oe_used_proxy, oe_guc_proxy ? oe_guc_proxy : "") == 0 &&
		strcmp(oe_used_ca_file, oe_guc_ca_file ? oe_guc_ca_file : "") == 0 &&
		oe_used_connect_timeout == oe_guc_connect_timeout && oe_used_max_age == oe_guc_connection_max_age)
		return false;
	oe_used_proxy = oe_keep_string(oe_guc_proxy);
	oe_used_ca_file = oe_keep_string(oe_guc_ca_file);
	oe_used_connect_timeout = oe_guc_connect_timeout;
	oe_used_max_age = oe_guc_connection_max_age;
	return true;
}

static void
oe_handle_pem(CURL *e, CURLoption option, char *pem)
{
	struct curl_blob blob;

	blob.data = pem;
	blob.len = strlen(pem);
	blob.flags = CURL_BLOB_NOCOPY;	/* the configuration outlives its handles */
	curl_easy_setopt(e, option, &blob);
}

/*
 * Trusted CAs, and our certificate.  A configured CA replaces the system's.
 */
static void
oe_handle_tls(OeHttpRequest *req)
{
	CURL	   *e = req->easy;
	OeTls	   *tls = &req->common.conf->tls;

	if (tls->ca != NULL)
		oe_handle_pem(e, CURLOPT_CAINFO_BLOB, tls->ca);
	else if (oe_used_ca_file[0] != '\0')
		curl_easy_setopt(e, CURLOPT_CAINFO, oe_used_ca_file);
	if (tls->ca != NULL || oe_used_ca_file[0] != '\0')
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	if (tls->cert != NULL)
	{
		oe_handle_pem(e, CURLOPT_SSLCERT_BLOB, tls->cert);
		oe_handle_pem(e, CURLOPT_SSLKEY_BLOB, tls->key);
	}
	if (tls->url != NULL)
		curl_easy_setopt(e, CURLOPT_CONNECT_TO, &tls->connect_to);
}

/*
 * Options that are the same for all requests of a handle.
 */
void
oe_handle_options(OeHttpRequest *req)
{
	CURL	   *e = req->easy;
	OeConfiguration *conf = req->common.conf;

	curl_easy_setopt(e, CURLOPT_URL, conf->tls.url ? conf->tls.url : conf->url);
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
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, oe_user_agent);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, req->headers);
	curl_easy_setopt(e, CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long) conf->timeout_ms);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long) Min(oe_used_connect_timeout, conf->timeout_ms));
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long) (conf->timeout_ms / 1000 + 1));
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, (long) oe_used_max_age);
	if (oe_used_max_age > 0)
		curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, (long) Min(oe_used_max_age, OE_DNS_CACHE_S));
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long) (conf->tls.http1 ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, conf->plain || conf->tls.http1 ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	oe_handle_tls(req);
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
 * Options that differ from request to request.
 */
void
oe_handle_ready(OeHttpRequest *req)
{
	CURL	   *e;

	if (req->fresh)
		curl_easy_setopt(req->easy, CURLOPT_FRESH_CONNECT, 0L);
	req->fresh = false;
	if (oe_reusable || !req->added)
		return;
	if ((e = curl_easy_init()) == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	curl_easy_cleanup(req->easy);
	req->easy = e;
	req->added = false;
	oe_handle_options(req);
}

/*
 * The request goes over a connection of its own.
 */
void
oe_handle_fresh(OeHttpRequest *req)
{
	req->fresh = true;
	req->unfit = false;
	curl_easy_setopt(req->easy, CURLOPT_FRESH_CONNECT, 1L);
}
