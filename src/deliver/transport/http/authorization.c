/*
 * gate.c
 *	  What has to be asked before a request may go: an OAuth2 token, the
 *	  CloudEvents validation handshake.
 *
 * Worker only, never inside a transaction, through the same multi handle as
 * the requests themselves; nobody is blocked.  Requests of a subscription
 * wait at the gate of its configuration, counted as in flight, until it is
 * open; if it stays closed they have failed, with its error, like any other,
 * so that retries, breaker and last_error are the subscription's own.
 *
 *	  CLOSED -> token asked for -> handshake asked for -> OPEN
 *	  OPEN   -> a new token is asked for before the old one expires
 *			 -> CLOSED when it has, or when the endpoint answers 401 to it
 *
 * The handshake is done once per configuration and worker, the token is kept
 * in memory only; both go with the configuration.
 */
#include "postgres.h"

#include <math.h>
#include <openssl/crypto.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/scan.h"
#include "deliver/internal.h"

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
 * Makes the gate of a configuration, in the current context.
 */
OeGate *
oe_gate_make(bool handshake, const char *token_url, const char *client_id, const char *client_secret,
			 const char *scope, const char *audience)
{
	OeGate	   *gate = palloc0(sizeof(OeGate));
	StringInfoData buf;

	dlist_init(&gate->waiting);
	gate->handshake = handshake;
	if (token_url == NULL)
		return gate;
	gate->token_url = pstrdup(token_url);
	gate->token_plain = pg_strncasecmp(token_url, "http:", 5) == 0;
	initStringInfo(&buf);
	oe_form_encode(&buf, client_id);
	appendStringInfoChar(&buf, ':');
	oe_form_encode(&buf, client_secret);
	gate->client = oe_basic_header(buf.data);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "grant_type=client_credentials");
	oe_form_field(&buf, "scope", scope);
	oe_form_field(&buf, "audience", audience);
	gate->form = buf.data;
	return gate;
}

static void
oe_token_forget(OeGate *gate)
{
	if (gate->token == NULL)
		return;
	OPENSSL_cleanse(gate->token, strlen(gate->token));
	pfree(gate->token);
	gate->token = NULL;
}

void
oe_gate_free(OeGate *gate)
{
	if (gate == NULL)
		return;
	Assert(gate->asking == NULL && dlist_is_empty(&gate->waiting));
	oe_token_forget(gate);
}

/* ---- asking ---- */

/*
 * The headers of what is asked, as a list of curl's.
 */
static struct curl_slist *
oe_ask_headers(OeConf *conf, OeRequestKind kind, const char *origin)
{
	OeGate	   *gate = conf->gate;
	struct curl_slist *list = NULL;
	char		rate[64];

	if (kind == OE_ASK_TOKEN)
	{
		list = curl_slist_append(list, gate->client);
		list = curl_slist_append(list, "Content-Type: application/x-www-form-urlencoded");
		list = curl_slist_append(list, "Accept: application/json");
		return curl_slist_append(list, "Expect:");
	}
	list = curl_slist_append(list, origin);
	snprintf(rate, sizeof(rate), "WebHook-Request-Rate: %.0f", Max(ceil(conf->rate_limit * 60), 1));
	if (conf->rate_limit > 0)
		list = curl_slist_append(list, rate);
	if (gate->token != NULL)
		list = curl_slist_append(list, gate->token);
	for (int i = 0; i < conf->nheaders; i++)
		list = curl_slist_append(list, conf->headers[i]);
	return list;
}

/*
 * Asks.  Only making the request can raise, and then nothing is asked.
 */
static void
oe_ask(OeConf *conf, OeRequestKind kind)
{
	OeGate	   *gate = conf->gate;
	char	   *origin = psprintf("WebHook-Request-Origin: %s", oe_webhook_origin());
	OeRequest  *req = oe_request_make(conf, kind, kind == OE_ASK_TOKEN ? OE_TOKEN_ROOM : OE_RESPONSE_KEPT);

	if (kind == OE_ASK_TOKEN)
	{
		req->plain = gate->token_plain;
		curl_easy_setopt(req->easy, CURLOPT_URL, gate->token_url);
		curl_easy_setopt(req->easy, CURLOPT_CONNECT_TO, NULL);
		curl_easy_setopt(req->easy, CURLOPT_POSTFIELDS, gate->form);
		curl_easy_setopt(req->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(gate->form));
	}
	else
	{
		curl_easy_setopt(req->easy, CURLOPT_HTTPGET, 1L);
		curl_easy_setopt(req->easy, CURLOPT_CUSTOMREQUEST, "OPTIONS");
	}
	req->own_list = oe_ask_headers(conf, kind, origin);
	pfree(origin);
	curl_easy_setopt(req->easy, CURLOPT_HTTPHEADER, req->own_list);
	gate->asking = req;
	oe_request_reset(req);
	oe_http_add(req);
}

/*
 * Asks for what comes first, or lets all that wait go.
 */
static void
oe_gate_next(OeConf *conf)
{
	OeGate	   *gate = conf->gate;

	if (gate->asking != NULL)
		return;
	if (gate->token_url != NULL && gate->token == NULL)
		oe_ask(conf, OE_ASK_TOKEN);
	else if (gate->handshake && !gate->shaken)
		oe_ask(conf, OE_ASK_HANDSHAKE);
	else
		while (!dlist_is_empty(&gate->waiting))
		{
			OeRequest  *req = dlist_head_element(OeRequest, link, &gate->waiting);

			oe_request_prepare(req);
			oe_http_add(req);
		}
}

/*
 * All that wait have failed.
 */
static void
oe_gate_refuse(OeGate *gate, const char *error)
{
	while (!dlist_is_empty(&gate->waiting))
	{
		OeRequest  *req = dlist_head_element(OeRequest, link, &gate->waiting);

		strlcpy(req->errbuf, error, sizeof(req->errbuf));
		oe_http_over(req, req->errbuf);
	}
}

/*
 * The same, of requests that are counted already: what fails here fails them.
 * There is nothing to be undone but memory.
 */
static void
oe_gate_advance(OeConf *conf)
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
		oe_gate_refuse(conf->gate, "could not be made; the server's log says why");
	}
	PG_END_TRY();
}

/*
 * May a request go now?  Looks ahead: a token that expires soon is renewed
 * while it still serves.
 */
bool
oe_gate_open(OeConf *conf)
{
	OeGate	   *gate = conf->gate;

	if (gate == NULL)
		return true;
	if (gate->token != NULL && gate->token_until <= oe_now)
		oe_token_forget(gate);
	if (gate->token != NULL && gate->renew_at <= oe_now && gate->asking == NULL)
		oe_ask(conf, OE_ASK_TOKEN);
	return (gate->token_url == NULL || gate->token != NULL) && (!gate->handshake || gate->shaken);
}

/*
 * Lets a request wait.  Does not raise.
 */
void
oe_gate_wait(OeRequest *req)
{
	oe_http_take_out(req);
	req->place = OE_AT_GATE;
	dlist_push_tail(&req->conf->gate->waiting, &req->link);
	oe_gate_advance(req->conf);
}

/*
 * The endpoint has answered 401: the token may have been revoked.  Once per
 * request a new one is tried; true if the request waits for it.
 */
bool
oe_gate_retry(OeRequest *req)
{
	OeGate	   *gate = req->conf->gate;

	if (gate == NULL || gate->token_url == NULL || req->status != 401 || req->renewed)
		return false;
	req->renewed = true;
	if (req->generation == gate->generation)
		oe_token_forget(gate);
	oe_gate_wait(req);
	return true;
}

/* ---- answers ---- */

/*
 * Takes the token out of the answer; false where there is none that could be
 * sent.  What it says of an error, if anything usable, goes into "error".
 */
static bool
oe_token_read(OeGate *gate, OeRequest *req, char *error, Size size)
{
	OePiece		token = {NULL, 0};
	OePiece		key;
	OePiece		value;
	const char *p;
	char	   *text;
	double		lifetime = 0;

	req->response[Min(req->response_len, OE_TOKEN_ROOM - 1)] = '\0';
	p = oe_scan_open(req->response, '{');
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
	text = MemoryContextAlloc(oe_deliver_cxt, token.len + 32);
	oe_token_forget(gate);
	gate->token = text;
	snprintf(gate->token, token.len + 32, "Authorization: Bearer %.*s", token.len - 2, token.s + 1);
	gate->generation++;
	gate->token_until = gate->renew_at = PG_INT64_MAX;
	if (lifetime > 0 && lifetime < 1e9)
	{
		gate->token_until = oe_now + (int64) (lifetime * OE_SECOND);
		gate->renew_at = gate->token_until - Min((int64) (lifetime * OE_SECOND) / 5, 60 * OE_SECOND);
	}
	return true;
}

/*
 * The endpoint allows so many requests per minute: that is a rate limit,
 * unless a lower one is configured.  One request at a time was started before
 * it was known; it is the first of the rate.
 */
static void
oe_gate_limit(OeConf *conf, int per_minute)
{
	double		rate = per_minute / 60.0;

	if (per_minute <= 0 || (conf->rate_limit > 0 && conf->rate_limit <= rate))
		return;
	conf->rate_burst = Max(conf->rate_limit > 0 ? Min(conf->rate_burst, ceil(rate)) : ceil(rate), 1);
	conf->rate_limit = rate;
	if (!dlist_is_empty(&conf->gate->waiting))
	{
		OeSub	   *sub = dlist_head_element(OeRequest, link, &conf->gate->waiting)->sub;

		sub->tokens = 0;
		sub->tokens_at = oe_now;
	}
}

/*
 * Why a handshake that was answered is none, or NULL.
 */
static const char *
oe_handshake_refusal(const OeRequest *req)
{
	if (req->allowed)
		return NULL;
	return psprintf(req->answered_origin ? "the endpoint does not allow the origin \"%s\"" :
					"the endpoint has not allowed the origin \"%s\": no WebHook-Allowed-Origin in its answer (it is asked again, it cannot call back)",
					oe_webhook_origin());
}

/*
 * Is the endpoint still to be asked?  Then one request is enough to wait for
 * the answer: it may allow few.
 */
bool
oe_gate_unasked(const OeConf *conf)
{
	return conf->gate != NULL && conf->gate->handshake && !conf->gate->shaken && !conf->dry_run;
}

/*
 * What was asked is answered.
 */
void
oe_gate_answered(OeRequest *req)
{
	OeConf	   *conf = req->conf;
	OeGate	   *gate = conf->gate;
	bool		token = req->kind == OE_ASK_TOKEN;
	bool		good = req->status >= 200 && req->status <= 299;
	char		more[64] = "";
	char		error[256];

	oe_now = oe_clock();
	if (token)
		good = oe_token_read(gate, req, more, sizeof(more)) && good;
	else
		gate->shaken = good = good && req->allowed;
	if (!good && req->failed != NULL)
		snprintf(error, sizeof(error), "%s: %s", token ? "oauth2" : "handshake", req->failed);
	else if (!good && req->status >= 200 && req->status <= 299)
		snprintf(error, sizeof(error), "%s: %s", token ? "oauth2" : "handshake",
				 token ? "the answer has no usable access_token" : oe_handshake_refusal(req));
	else if (!good)
		snprintf(error, sizeof(error), "%s: HTTP status %d%s", token ? "oauth2" : "handshake", req->status, more);
	if (!good && req->status == 401 && !token)
		oe_token_forget(gate);
	if (good && !token)
		oe_gate_limit(conf, req->allowed_rate);
	/* nothing raises from here on */
	gate->asking = NULL;
	conf->refs++;
	oe_http_take_out(req);
	oe_request_put(req);
	if (good)
		oe_gate_advance(conf);
	else if (token && gate->token != NULL && gate->token_until > oe_now)
		gate->renew_at = oe_now + OE_AGAIN; /* the old one still serves */
	else
		oe_gate_refuse(gate, error);
	oe_conf_release(conf);
}
