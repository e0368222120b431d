/*
 * authorization.c
 *	  What an endpoint has to be asked before requests may go: an OAuth2
 *	  token, the CloudEvents validation handshake.
 *
 * Worker only, never within a transaction, through the same multi handle as the
 * requests themselves; nothing blocks.  Requests of a subscription wait in the
 * authorization of their configuration and count as in flight.  If it cannot be
 * obtained they fail with its error like any other request, so that retries,
 * breaker and last_error apply.
 *
 *  state      then
 *  CLOSED     a token is requested, then the handshake: OPEN
 *  OPEN       a new token is requested before the old one expires
 *  OPEN       the token has expired, or the endpoint answered 401: CLOSED
 *
 * The handshake is done once per configuration and worker.  The token is kept in
 * memory only.  Both end with the configuration.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <math.h>
#include <openssl/crypto.h>

#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/scan.h"
#include "base/watch.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/transport/http/authorization.h"
#include "deliver/transport/http/credentials.h"
#include "deliver/transport/http/multi.h"
#include "deliver/transport/http/prepare.h"
#include "deliver/transport/http/request.h"

#define OE_TOKEN_ROOM 32768		/* of the token endpoint's answer */
#define OE_TOKEN_MAX 16384
#define OE_AGAIN (10 * OE_SECOND)	/* a renewal that failed */

/*
 * Appends a value as application/x-www-form-urlencoded wants it.
 */
static void
oe_form_encode(StringInfo buf, const char *value)
{
	for (const unsigned char *p = (const unsigned char *) value; *p; p++)
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._~", *p))
			appendStringInfoChar(buf, *p);
		else
			appendStringInfo(buf, "%%%02X", *p);
}

static void
oe_form_field(StringInfo buf, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(buf, "&%s=", name);
	oe_form_encode(buf, value);
}

/*
 * Makes the authorization of a configuration, in the current memory context.
 */
OeAuthorization *
oe_authorization_make(bool handshake, const char *token_url, const char *client_id, const char *client_secret,
					  const char *scope, const char *audience)
{
	OeAuthorization *auth = palloc0(sizeof(OeAuthorization));
	StringInfoData buf;

	dlist_init(&auth->waiting);
	auth->handshake = handshake;
	if (token_url == NULL)
		return auth;
	auth->token_url = pstrdup(token_url);
	auth->token_plain = pg_strncasecmp(token_url, "http:", 5) == 0;
	initStringInfo(&buf);
	oe_form_encode(&buf, client_id);
	appendStringInfoChar(&buf, ':');
	oe_form_encode(&buf, client_secret);
	auth->client = oe_basic_header(buf.data);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "grant_type=client_credentials");
	oe_form_field(&buf, "scope", scope);
	oe_form_field(&buf, "audience", audience);
	auth->form = buf.data;
	return auth;
}

static void
oe_token_forget(OeAuthorization *auth)
{
	if (auth->token == NULL)
		return;
	OPENSSL_cleanse(auth->token, strlen(auth->token));
	pfree(auth->token);
	auth->token = NULL;
}

void
oe_authorization_free(OeAuthorization *auth)
{
	if (auth == NULL)
		return;
	Assert(auth->asking == NULL && dlist_is_empty(&auth->waiting));
	oe_token_forget(auth);
}

/* ---- asking ---- */

/*
 * The headers of what is asked, as a list of curl's.
 */
static struct curl_slist *
oe_ask_headers(OeConfiguration *conf, OeRequestKind kind, const char *origin)
{
	OeAuthorization *auth = conf->authorization;
	struct curl_slist *list = NULL;
	char		rate[64];

	if (kind == OE_ASK_TOKEN)
	{
		list = curl_slist_append(list, auth->client);
		list = curl_slist_append(list, "Content-Type: application/x-www-form-urlencoded");
		list = curl_slist_append(list, "Accept: application/json");
		return curl_slist_append(list, "Expect:");
	}
	list = curl_slist_append(list, origin);
	snprintf(rate, sizeof(rate), "WebHook-Request-Rate: %.0f", Max(ceil(conf->rate_limit * 60), 1));
	if (conf->rate_limit > 0)
		list = curl_slist_append(list, rate);
	if (auth->token != NULL)
		list = curl_slist_append(list, auth->token);
	for (int i = 0; i < conf->nheaders; i++)
		list = curl_slist_append(list, conf->headers[i]);
	return list;
}

/*
 * Asks.  Only making the request can raise, and then nothing is asked.
 */
static void
oe_ask(OeConfiguration *conf, OeRequestKind kind)
{
	OeAuthorization *auth = conf->authorization;
	char	   *origin = psprintf("WebHook-Request-Origin: %s", oe_webhook_origin());
	OeHttpRequest *req = oe_request_make(conf, kind, kind == OE_ASK_TOKEN ? OE_TOKEN_ROOM : OE_RESPONSE_KEPT);

	if (kind == OE_ASK_TOKEN)
	{
		req->plain = auth->token_plain;
		curl_easy_setopt(req->easy, CURLOPT_URL, auth->token_url);
		curl_easy_setopt(req->easy, CURLOPT_CONNECT_TO, NULL);
		curl_easy_setopt(req->easy, CURLOPT_POSTFIELDS, auth->form);
		curl_easy_setopt(req->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(auth->form));
	}
	else
	{
		curl_easy_setopt(req->easy, CURLOPT_HTTPGET, 1L);
		curl_easy_setopt(req->easy, CURLOPT_CUSTOMREQUEST, "OPTIONS");
	}
	req->own_list = oe_ask_headers(conf, kind, origin);
	pfree(origin);
	curl_easy_setopt(req->easy, CURLOPT_HTTPHEADER, req->own_list);
	auth->asking = req;
	oe_request_reset(req);
	oe_http_add(req);
}

/*
 * Sends a request that has waited.  What cannot be made fails like a request
 * that was sent, and the next try, which waits for nothing, shows what is wrong
 * with the event (deliver.c).
 */
static void
oe_authorized(OeHttpRequest *req)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool made = false;

	PG_TRY();
	{
		oe_request_prepare(req);
		made = true;
	}
	PG_CATCH();
	{
		ErrorData  *err = oe_watch_caught(cxt, false);

		strlcpy(req->errbuf, err->message, sizeof(req->errbuf));
		FreeErrorData(err);
	}
	PG_END_TRY();
	if (made)
		oe_http_add(req);
	else
		oe_http_over(req, req->errbuf);
}

/*
 * Asks for what comes first, or lets all that wait go.
 */
static void
oe_gate_next(OeConfiguration *conf)
{
	OeAuthorization *auth = conf->authorization;

	if (auth->asking != NULL)
		return;
	if (auth->token_url != NULL && auth->token == NULL)
		oe_ask(conf, OE_ASK_TOKEN);
	else if (auth->handshake && !auth->shaken)
		oe_ask(conf, OE_ASK_HANDSHAKE);
	else
		while (!dlist_is_empty(&auth->waiting))
		{
			OeHttpRequest *req = dlist_head_element(OeHttpRequest, link, &auth->waiting);

			oe_authorized(req);
		}
}

/*
 * Lets all waiting requests fail.
 */
static void
oe_authorization_refuse(OeAuthorization *auth, const char *error)
{
	while (!dlist_is_empty(&auth->waiting))
	{
		OeHttpRequest *req = dlist_head_element(OeHttpRequest, link, &auth->waiting);

		strlcpy(req->errbuf, error, sizeof(req->errbuf));
		oe_http_over(req, req->errbuf);
	}
}

/*
 * Requests what is missing first, or lets all waiting requests go.
 */
static void
oe_authorization_advance(OeConfiguration *conf)
{
	MemoryContext cxt = CurrentMemoryContext;

	PG_TRY();
	{
		oe_gate_next(conf);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		EmitErrorReport();
		FlushErrorState();
		oe_authorization_refuse(conf->authorization, "could not be made; the server's log says why");
	}
	PG_END_TRY();
}

/*
 * May a request go now? A token that expires soon is renewed while it is still
 * valid.
 */
bool
oe_authorization_ready(OeConfiguration *conf)
{
	OeAuthorization *auth = conf->authorization;

	if (auth == NULL)
		return true;
	if (auth->token != NULL && auth->token_until <= oe_delivery.now)
		oe_token_forget(auth);
	if (auth->token != NULL && auth->renew_at <= oe_delivery.now && auth->asking == NULL)
		oe_ask(conf, OE_ASK_TOKEN);
	return (auth->token_url == NULL || auth->token != NULL) && (!auth->handshake || auth->shaken);
}

/*
 * Lets a request wait.  Does not raise.
 */
void
oe_authorization_wait(OeHttpRequest *req)
{
	oe_http_take_out(req);
	req->place = OE_PLACE_AUTHORIZATION;
	dlist_push_tail(&req->common.conf->authorization->waiting, &req->link);
	oe_authorization_advance(req->common.conf);
}

/*
 * The endpoint answered 401: the token may have been revoked.  Once per request
 * a new one is requested; true if the request waits for it.
 */
bool
oe_authorization_retry(OeHttpRequest *req)
{
	OeAuthorization *auth = req->common.conf->authorization;

	if (auth == NULL || auth->token_url == NULL || req->common.status != 401 || req->renewed)
		return false;
	req->renewed = true;
	if (req->generation == auth->generation)
		oe_token_forget(auth);
	oe_authorization_wait(req);
	return true;
}

/* ---- answers ---- */

/*
 * Takes the token out of the answer; false if there is no usable one.  "error"
 * gets the error code of the answer, if it has one.
 */
static bool
oe_token_read(OeAuthorization *auth, OeHttpRequest *req, char *error, Size size)
{
	OePiece		token = {NULL, 0};
	OePiece		key;
	OePiece		value;
	const char *p;
	char	   *text;
	double		lifetime = 0;

	req->common.response[Min(req->common.response_len, OE_TOKEN_ROOM - 1)] = '\0';
	p = oe_scan_open(req->common.response, '{');
	while (oe_scan_member(&p, &key, &value))
	{
		if (oe_piece_is(&key, "access_token"))
			token = value;
		else if (oe_piece_is(&key, "expires_in"))
			lifetime = strtod(value.s[0] == '"' ? value.s + 1 : value.s, NULL);
		else if (oe_piece_is(&key, "error") && value.len > 2 && value.len < 42 &&
				 strspn(value.s + 1, "abcdefghijklmnopqrstuvwxyz_") == value.len - 2)
			snprintf(error, size, ": %.*s", value.len - 2, value.s + 1);
	}
	if (token.s == NULL || token.s[0] != '"' || token.len < 3 || token.len > OE_TOKEN_MAX)
		return false;

	/*
	 * a token is visible ASCII without quotes; anything else could end the
	 * header
	 */
	for (int i = 1; i < token.len - 1; i++)
		if (token.s[i] <= ' ' || token.s[i] > '~' || token.s[i] == '\\')
			return false;
	text = MemoryContextAlloc(oe_delivery.cxt, token.len + 32);
	oe_token_forget(auth);
	auth->token = text;
	snprintf(auth->token, token.len + 32, "Authorization: Bearer %.*s", token.len - 2, token.s + 1);
	auth->generation++;
	auth->token_until = auth->renew_at = PG_INT64_MAX;
	if (lifetime > 0 && lifetime < 1e9)
	{
		auth->token_until = oe_delivery.now + (int64) (lifetime * OE_SECOND);
		auth->renew_at = auth->token_until - Min((int64) (lifetime * OE_SECOND) / 5, 60 * OE_SECOND);
	}
	return true;
}

/*
 * The endpoint allows so many requests per minute: that becomes the rate limit,
 * unless a lower one is configured.  One request was started before this was
 * known; it is the first one of the rate.
 */
static void
oe_authorization_limit(OeConfiguration *conf, int per_minute)
{
	double		rate = per_minute / 60.0;

	if (per_minute <= 0 || (conf->rate_limit > 0 && conf->rate_limit <= rate))
		return;
	conf->rate_burst = Max(conf->rate_limit > 0 ? Min(conf->rate_burst, ceil(rate)) : ceil(rate), 1);
	conf->rate_limit = rate;
	if (!dlist_is_empty(&conf->authorization->waiting))
	{
		OeSub	   *sub = dlist_head_element(OeHttpRequest, link, &conf->authorization->waiting)->common.sub;

		/* a poll waits without one */
		if (sub != NULL)
		{
			sub->tokens = 0;
			sub->tokens_at = oe_delivery.now;
		}
	}
}

/*
 * Why the answer to a handshake is not sufficient; NULL: it is.
 */
static const char *
oe_handshake_refusal(const OeHttpRequest *req)
{
	if (req->allowed)
		return NULL;
	return psprintf(req->answered_origin ? "the endpoint does not allow the origin \"%s\"" :
					"the endpoint has not allowed the origin \"%s\": no WebHook-Allowed-Origin in its answer (it is asked again, it cannot call back)",
					oe_webhook_origin());
}

/*
 * Is the handshake still missing? Then only one request should wait for it,
 * because the endpoint may allow few.
 */
bool
oe_authorization_unasked(const OeConfiguration *conf)
{
	return conf->authorization != NULL && conf->authorization->handshake && !conf->authorization->shaken && !conf->dry_run;
}

/*
 * A request for a token, or a handshake, has ended.
 */
void
oe_authorization_answered(OeHttpRequest *req)
{
	OeConfiguration *conf = req->common.conf;
	OeAuthorization *auth = conf->authorization;
	bool		token = req->kind == OE_ASK_TOKEN;
	bool		good = req->common.status >= 200 && req->common.status <= 299;
	char		more[64] = "";
	char		error[256];

	oe_delivery.now = oe_clock();
	if (token)
		good = oe_token_read(auth, req, more, sizeof(more)) && good;
	else
		auth->shaken = good = good && req->allowed;
	if (!good && req->common.failed != NULL)
		snprintf(error, sizeof(error), "%s: %s", token ? "oauth2" : "handshake", req->common.failed);
	else if (!good && req->common.status >= 200 && req->common.status <= 299)
		snprintf(error, sizeof(error), "%s: %s", token ? "oauth2" : "handshake",
				 token ? "the answer has no usable access_token" : oe_handshake_refusal(req));
	else if (!good)
		snprintf(error, sizeof(error), "%s: HTTP status %d%s", token ? "oauth2" : "handshake", req->common.status, more);
	if (!good && req->common.status == 401 && !token)
		oe_token_forget(auth);
	if (good && !token)
		oe_authorization_limit(conf, req->allowed_rate);
	/* nothing raises from here on */
	auth->asking = NULL;
	conf->refs++;
	oe_http_take_out(req);
	oe_request_put(req);
	if (good)
		oe_authorization_advance(conf);
	else if (token && auth->token != NULL && auth->token_until > oe_delivery.now)
		auth->renew_at = oe_delivery.now + OE_AGAIN;	/* the old one still
														 * serves */
	else
		oe_authorization_refuse(auth, error);
	oe_conf_release(conf);
}
