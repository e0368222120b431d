/*
 * configuration.c
 *	  Loads subscriptions from their tables.
 *
 * Worker only; one trusted transaction per load.  A configuration is made anew
 * only if its version, or a setting of HTTP, has changed.  Requests in flight
 * keep the one that they started with.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <math.h>
#include <openssl/crypto.h>

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/session.h"
#include "deliver/message/signature.h"
#include "deliver/model/configuration.h"
#include "deliver/model/frozen.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/acknowledged.h"
#include "deliver/queue/breaker.h"
#include "deliver/queue/command.h"
#include "deliver/queue/cron.h"
#include "deliver/queue/filter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/recovery.h"
#include "deliver/queue/replay.h"
#include "deliver/settle/redact.h"
#include "deliver/subscription/broker.h"
#include "deliver/subscription/configuration.h"
#include "deliver/subscription/registry.h"
#include "deliver/subscription/row.h"
#include "deliver/subscription/version.h"
#include "deliver/transport/http/address.h"
#include "deliver/transport/http/authorization.h"
#include "deliver/transport/http/credentials.h"
#include "deliver/transport/http/handle.h"
#include "deliver/transport/transport.h"

static const char oe_config_sql[] =
"SELECT c.*, s.secret, s.previous, s.previous_signature, s.previous_until, s.header_values,"
" s.auth ->> 'type' AS auth_type, s.auth ->> 'username' AS username, s.auth ->> 'password' AS password, s.auth ->> 'token' AS token,"
" s.auth ->> 'token_url' AS token_url, s.auth ->> 'client_id' AS client_id, s.auth ->> 'client_secret' AS client_secret,"
" s.auth ->> 'scope' AS scope, s.auth ->> 'audience' AS audience, c.auth IS NOT NULL AND s.auth IS NULL AS auth_lost,"
" c.tls ->> 'ca' AS tls_ca, c.tls ->> 'cert' AS tls_cert, s.tls_key, c.tls ->> 'server_name' AS server_name,"
" c.tls -> 'http2' = 'false' AS no_http2,"
" s.auth ->> 'seed' AS seed, s.auth ->> 'creds' AS creds, x.transport, b.kind AS broker_kind,"
" CASE b.kind WHEN 'amqp' THEN COALESCE(x.transport ->> 'routing_key', '{type}')"
"  ELSE COALESCE(substring(c.url from '^[^/]*//[^/]*/(.*)$'), '') END AS topic,"
" COALESCE(x.transport ->> 'key', '{key}') AS message_key, x.transport -> 'compacted' = 'true' AS compacted,"
" x.transport -> 'retain' = 'true' AS retain, (x.transport ->> 'window')::int4 AS window_size,"
" CASE WHEN b.kind IS NOT NULL THEN (SELECT min(e.type) FROM odoo_events.event_def e"
"  WHERE e.type LIKE ANY (c.types_like) AND e.enabled AND e.emit) END AS ping_type,"
" CASE WHEN b.kind IS NOT NULL THEN jsonb_build_object("
"  'url', CASE b.kind WHEN 'amqp' THEN c.url ELSE substring(c.url from '^[^/]*//[^/]*') END, 'auth', s.auth,"
"  'tls', NULLIF(jsonb_strip_nulls(jsonb_build_object('ca', $1)) || COALESCE(c.tls, '{}')"
"   || jsonb_strip_nulls(jsonb_build_object('key', s.tls_key)), '{}'), 'transport', x.transport,"
"  'policy', jsonb_build_object('allow_networks', c.allow_networks), 'send_timeout_ms', ceil(extract(epoch FROM c.timeout) * 1000),"
"  'connect_timeout_ms', (SELECT g.setting::int4 FROM pg_settings g WHERE g.name = 'odoo_events.connect_timeout'))::text END AS connection"
" FROM odoo_events.subscription_config c LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id"
/* an extension of 0.1.0 has no column transport */
" CROSS JOIN LATERAL (SELECT to_jsonb(c) -> 'transport' AS transport) x"
" CROSS JOIN LATERAL (SELECT substring(lower(c.url) from '^(kafka|nats|mqtt|amqp)') AS kind) b"
" WHERE c.url IS NOT NULL ORDER BY c.id";

/*
 * Overwrites a secret before its memory is freed: freed memory keeps its
 * content.
 */
static void
oe_wipe(char *secret)
{
	if (secret != NULL)
		OPENSSL_cleanse(secret, strlen(secret));
}

static void
oe_conf_wipe(OeConfiguration *conf)
{
	for (int i = 0; i < conf->nheaders; i++)
	{
		oe_wipe(conf->headers[i]);
		oe_wipe(conf->header_values[i]);
	}
	for (int i = 0; i < conf->nsecrets; i++)
		oe_wipe(conf->secrets[i]);
	oe_wipe(conf->tls.key);
}

/*
 * Frees a configuration that nothing refers to any more.
 */
static void
oe_conf_free(OeConfiguration *conf)
{
	conf->transport->release(conf);
	oe_conf_wipe(conf);
	for (int i = 0; i < conf->nsigners; i++)
		oe_signer_free(&conf->signers[i]);
	oe_authorization_free(conf->authorization);
	oe_filter_release(conf->filter);
	MemoryContextDelete(conf->cxt);
}

/*
 * "Bearer abc" is as secret without its first word.
 */
static void
oe_conf_hide_value(OeConfiguration *conf, const char *value)
{
	const char *space = strrchr(value, ' ');

	oe_hide(conf, value);
	if (space != NULL)
		oe_hide(conf, space + 1);
}

/*
 * Header names come from the configuration, values from the secrets; without
 * the secrets nothing can be sent.
 */
static bool
oe_conf_headers(OeConfiguration *conf, int row)
{
	int			nnames;
	int			nvalues;
	char	  **names = oe_col_texts(row, "header_names", &nnames);
	char	  **values = oe_col_texts(row, "header_values", &nvalues);

	if (nnames != nvalues)
		return false;
	conf->nheaders = nnames;
	conf->header_values = values;
	conf->headers = palloc(sizeof(char *) * Max(nnames, 1));
	for (int i = 0; i < nnames; i++)
	{
		conf->headers[i] = psprintf("%s: %s", names[i], values[i]);
		oe_conf_hide_value(conf, values[i]);
	}
	return true;
}

/*
 * A header that the configuration amounts to.
 */
static void
oe_conf_add_header(OeConfiguration *conf, char *header)
{
	conf->headers = repalloc(conf->headers, sizeof(char *) * (conf->nheaders + 1));
	conf->header_values = repalloc(conf->header_values, sizeof(char *) * (conf->nheaders + 1));
	conf->headers[conf->nheaders] = header;
	conf->header_values[conf->nheaders++] = strchr(header, ' ') + 1;
	oe_conf_hide_value(conf, strchr(header, ' ') + 1);
}

/*
 * Credentials, and what has to be asked for before; false if the secret part is
 * missing here.
 */
static bool
oe_conf_auth(OeConfiguration *conf, int row)
{
	const char *type = oe_col_text(row, "auth_type");
	bool		handshake = oe_col_bool(row, "handshake");

	if (oe_col_bool(row, "auth_lost"))
		return false;
	if (conf->broker != NULL)
	{
		static const char *const secrets[] = {"password", "token", "client_secret", "seed", "creds"};

		/* the helper program authenticates */
		for (int i = 0; i < lengthof(secrets); i++)
			oe_hide(conf, oe_col_text(row, secrets[i]));
		return true;
	}
	if (type != NULL && strcmp(type, "oauth2") == 0)
	{
		char	   *secret = oe_col_text(row, "client_secret");

		conf->authorization = oe_authorization_make(handshake, oe_col_text(row, "token_url"), oe_col_text(row, "client_id"), secret,
													oe_col_text(row, "scope"), oe_col_text(row, "audience"));
		oe_hide(conf, secret);
		oe_conf_hide_value(conf, conf->authorization->client);
		return true;
	}
	if (handshake)
		conf->authorization = oe_authorization_make(true, NULL, NULL, NULL, NULL, NULL);
	if (type != NULL && strcmp(type, "basic") == 0)
	{
		char	   *password = oe_col_text(row, "password");

		oe_conf_add_header(conf, oe_basic_header(psprintf("%s:%s", oe_col_text(row, "username"), password)));
		oe_hide(conf, password);
	}
	else if (type != NULL)
		oe_conf_add_header(conf, psprintf("Authorization: Bearer %s", oe_col_text(row, "token")));
	return true;
}

/*
 * The endpoint's certificate, and SNI, have another name than the URL: the
 * request is made to that name, and connected to where the URL leads.  The Host
 * header remains that of the URL.
 */
static void
oe_tls_server_name(OeConfiguration *conf, const char *name)
{
	CURLU	   *u = curl_url();
	char	   *host = NULL;
	char	   *port = NULL;
	char	   *url = NULL;

	if (u == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (curl_url_set(u, CURLUPART_URL, conf->url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_HOST, name, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK)
	{
		conf->tls.url = pstrdup(url);
		conf->tls.connect_to.data = psprintf("%s:%s:%s:%s", name, port, host, port);
		conf->tls.connect_to.next = NULL;
		oe_conf_add_header(conf, strcmp(port, "443") == 0 ? psprintf("Host: %s", host) : psprintf("Host: %s:%s", host, port));
	}
	curl_free(host);
	curl_free(port);
	curl_free(url);
	curl_url_cleanup(u);
}

static bool
oe_conf_tls(OeConfiguration *conf, int row)
{
	const char *server_name = conf->broker == NULL ? oe_col_text(row, "server_name") : NULL;

	conf->tls.ca = oe_col_text(row, "tls_ca");
	conf->tls.cert = oe_col_text(row, "tls_cert");
	conf->tls.key = oe_col_text(row, "tls_key");
	conf->tls.http1 = oe_col_bool(row, "no_http2");
	if (server_name != NULL)
		oe_tls_server_name(conf, server_name);
	return conf->tls.cert == NULL || conf->tls.key != NULL;
}

/*
 * The signing keys: the current secret, and previous ones that are still valid.
 */
static void
oe_conf_signers(OeConfiguration *conf, int row)
{
	bool		isnull;
	Datum		secret = oe_col(row, "secret", &isnull);
	Datum	   *keys;
	Datum	   *until;
	char	  **kinds;
	int			n;
	int			nkinds;
	int			nuntil;

	if (isnull)
		return;
	kinds = oe_col_texts(row, "previous_signature", &nkinds);
	deconstruct_array(DatumGetArrayTypeP(oe_col(row, "previous", &isnull)), BYTEAOID, -1, false, TYPALIGN_INT, &keys, NULL, &n);
	deconstruct_array(DatumGetArrayTypeP(oe_col(row, "previous_until", &isnull)), TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &until, NULL, &nuntil);
	conf->signers = palloc0(sizeof(OeSigner) * OE_SIGNERS);
	for (int i = -1; i < n && i < nkinds && i < nuntil && conf->nsigners < OE_SIGNERS; i++)
	{
		bytea	   *key = DatumGetByteaPP(i < 0 ? secret : keys[i]);
		const char *kind = i < 0 ? oe_col_text(row, "signature") : kinds[i];

		if (oe_signer_make(&conf->signers[conf->nsigners], strcmp(kind, "ed25519") == 0, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key),
						   i < 0 ? 0 : DatumGetTimestampTz(until[i])))
			conf->nsigners++;
		else if (i < 0)
			return;
	}
}

/*
 * Format and content of requests.
 */
static void
oe_conf_format(OeConfiguration *conf, int row)
{
	const char *format = oe_col_text(row, "format");
	int			n;
	char	  **cleared = oe_col_texts(row, "clearance", &n);

	conf->batched = strcmp(format, "batch") == 0;
	conf->format = strcmp(format, "binary") == 0 ? 'b' : strcmp(format, "standard") == 0 ? 't' : 's';
	conf->thin = strcmp(oe_col_text(row, "payload"), "thin") == 0;
	conf->clearance = oe_clearance_of(cleared, n);
	conf->fields = oe_col_texts(row, "fields", &conf->nfields);
}

static JsonPath *
oe_col_path(int row, const char *col)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);

	return isnull ? NULL : DatumGetJsonPathPCopy(d);
}

/*
 * What an answer means.  An extension of 0.1.0 has none of these columns.
 */
static void
oe_conf_outcomes(OeConfiguration *conf, int row)
{
	const char *outcomes = oe_col_text(row, "outcomes");
	const char *on_reject = oe_col_text(row, "on_reject");

	conf->successes = oe_col_ints(row, "success_statuses", &conf->nsuccesses);
	conf->outcomes = outcomes == NULL || strcmp(outcomes, "none") == 0 ? 'n' : strcmp(outcomes, "body") == 0 ? 'b' :
		strcmp(outcomes, "poll") == 0 ? 'p' : 'l';
	conf->accepted = oe_col_path(row, "accepted");
	conf->rejected = oe_col_path(row, "rejected");
	conf->outcome_status = oe_col_path(row, "outcome_status");
	conf->keep_answers = oe_col_bool(row, "keep_answers");
	conf->on_reject = on_reject == NULL ? 'r' : on_reject[0];
}

/*
 * When and how fast requests are sent.
 */
static void
oe_conf_pace(OeConfiguration *conf, int row)
{
	bool		isnull;
	Datum		d = oe_col(row, "rate_limit", &isnull);
	char	   *schedule = oe_col_text(row, "schedule");
	char	   *zone = oe_col_text(row, "timezone");
	OeCron		cron;

	conf->rate_limit = isnull ? 0 : DatumGetFloat8(DirectFunctionCall1(numeric_float8, d));
	conf->rate_burst = Max(oe_col_int(row, "rate_burst", false), 1);
	if (oe_col_int(row, "rate_burst", false) == 0)
		conf->rate_burst = Max(ceil(conf->rate_limit), 1);
	conf->priority = oe_col_int(row, "priority", false);
	conf->expire_after = oe_col_interval(row, "expire_after");
	if (schedule != NULL && oe_cron_parse(schedule, &cron) == NULL)
	{
		conf->cron = palloc(sizeof(OeCron));
		*conf->cron = cron;
		conf->cron->zone = zone != NULL ? oe_cron_zone(zone) : NULL;
	}
}

/*
 * Builds a configuration from a row, in a context of its own.
 */
static OeConfiguration *
oe_conf_make(int row)
{
	MemoryContext cxt = AllocSetContextCreate(oe_delivery.cxt, "odoo_events subscription",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	OeConfiguration *conf = palloc0(sizeof(OeConfiguration));
	bool		isnull;
	Datum		d;

	conf->cxt = cxt;
	conf->refs = 1;
	conf->release = oe_conf_free;
	dlist_init(&conf->idle);
	conf->version = oe_col_int(row, "version", true);
	conf->name = oe_col_text(row, "name");
	conf->url = oe_col_text(row, "url");
	conf->plain = pg_strncasecmp(conf->url, "http:", 5) == 0;
	conf->types = oe_col_texts(row, "types", &conf->ntypes);
	d = oe_col(row, "filter", &isnull);
	if (!isnull)
		conf->filter = oe_filter_get(DatumGetJsonPathP(d));
	conf->companies = oe_col_ints(row, "companies", &conf->ncompanies);
	conf->shared_rows = oe_col_bool(row, "shared_rows");
	conf->warehouses = oe_col_ints(row, "warehouses", &conf->nwarehouses);
	oe_conf_format(conf, row);
	conf->ordering = oe_col_text(row, "ordering")[0];
	conf->batch_size = oe_col_int(row, "batch_size", false);
	conf->batch_wait = oe_col_interval(row, "batch_wait");
	oe_conf_pace(conf, row);
	conf->dry_run = oe_col_bool(row, "dry_run");
	conf->max_in_flight = oe_col_int(row, "max_in_flight", false);
	oe_conf_broker(conf, row);
	conf->timeout_ms = Max(oe_col_interval(row, "timeout") / 1000, 1);
	conf->schedule = oe_col_intervals(row, "retry_schedule", &conf->nschedule);
	oe_conf_outcomes(conf, row);
	d = oe_col(row, "allow_networks", &isnull);
	if (!isnull)
		conf->networks = oe_networks_from_array(DatumGetArrayTypeP(d), &conf->nnetworks);
	d = oe_col(row, "residence", &isnull);
	if (!isnull)
		conf->residence = oe_networks_from_array(DatumGetArrayTypeP(d), &conf->nresidence);
	if (oe_conf_headers(conf, row) && oe_conf_auth(conf, row) && oe_conf_tls(conf, row))
		oe_conf_signers(conf, row);
	MemoryContextSwitchTo(old);
	return conf;
}

static void
oe_key_bound(OeKey *key, void *arg)
{
	if (key->mode != 'k' || key->upto != 0)
		return;
	key->upto = key->sub->cursor;
	if (key->blocked_from != 0)
		oe_key_dirty(key);
}

/*
 * Replaces the configuration.  If events were ordered by key and are no longer,
 * those that wait behind a key end at the cursor.
 */
static void
oe_sub_configure(OeSub *sub, OeConfiguration *conf)
{
	OeConfiguration *old = sub->conf;

	sub->conf = conf;
	/* what comes from now on is gathered */
	if (old != NULL && old->cron == NULL && conf->cron != NULL)
		sub->fired_at = 0;
	sub->fires_at = 0;
	if (old != NULL && old->filter != conf->filter)
		sub->filter_passed = sub->filter_refused = sub->filter_error_at = sub->slow = 0;
	if (old != NULL && old->ordering == 'k' && conf->ordering != 'k')
		oe_key_each(sub, oe_key_bound, NULL);
	oe_conf_release(old);
}

static void
oe_sub_state(OeSub *sub, bool active, TimestampTz since)
{
	/* resumed: whoever did it says that the endpoint is well */
	if (active && sub->state_since != 0 && since != sub->state_since)
	{
		oe_breaker_reset(sub);
		sub->failing_since = 0;
		sub->slow = 0;
	}
	/* somebody was faster than our own disabling, or has resumed it since */
	if ((!active || since != sub->state_since) && sub->disable != NULL)
	{
		pfree(sub->disable);
		sub->disable = NULL;
	}
	sub->active = active && sub->disable == NULL && !oe_is_frozen(sub->id);
	sub->state_since = since;
}

/*
 * Loads all subscriptions.  New ones are recovered from progress and blocked
 * keys; dropped ones are freed.
 */
void
oe_config_load(int64 last_position)
{
	OeSession	session;
	bool		rebuild = oe_http_settings_changed();
	dlist_mutable_iter it;
	OeSub	  **fresh;
	int			nfresh = 0;
	static const Oid types[1] = {TEXTOID};
	Datum		values[1];
	char	   *ca;

	oe_own_begin(&session);
	dlist_foreach_modify(it, &oe_delivery.subs)
		dlist_container(OeSub, node, it.cur)->seen = false;
	ca = oe_broker_ca();
	values[0] = ca != NULL ? CStringGetTextDatum(ca) : (Datum) 0;
	(void) oe_spi(NULL, oe_config_sql, 1, types, values, ca != NULL ? NULL : "n", true, 0);
	fresh = palloc(sizeof(OeSub *) * Max(SPI_processed, 1));
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		int			id = oe_col_int(i, "id", false);
		OeSub	   *sub = oe_sub_find(id);

		/* a backend changes its place, and it was forgotten for that */
		if (sub == NULL && oe_is_frozen(id))
			continue;
		if (sub == NULL)
			sub = oe_sub_make(id);
		if (sub->conf == NULL || rebuild || sub->conf->version != oe_col_int(i, "version", true))
			oe_sub_configure(sub, oe_conf_make(i));
		if (sub->written_at == 0)
			fresh[nfresh++] = sub;
		oe_sub_state(sub, strcmp(oe_col_text(i, "state"), "active") == 0, oe_col_int(i, "state_since", true));
		sub->seen = true;
	}
	for (uint64 i = 0; i < SPI_processed; i++)
		OPENSSL_cleanse(SPI_tuptable->vals[i]->t_data, SPI_tuptable->vals[i]->t_len);
	oe_acknowledged_load();
	if (nfresh > 0)
		oe_recovery_read(fresh, nfresh, last_position);
	dlist_foreach_modify(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (!sub->seen)
			oe_sub_free(sub);
	}
	oe_versions_note();
	oe_commands_take();
	oe_replay_load();
	OE_FAULT("deliver-config");
	oe_own_end(&session);
	oe_versions_noted();
	oe_delivery.config_loaded = true;
}
