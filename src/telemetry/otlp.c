/*
 * otlp.c
 *	  Export of spans to an OpenTelemetry collector (otlp.h).
 *
 * Worker only.  An export that fails is not repeated: traces explain what
 * happened, they are not the events themselves.  After a failure nothing is
 * sent for a while, so that a collector that is away costs one connection
 * attempt now and then; what comes meanwhile waits, up to the bound of span.h.
 *
 * libcurl may start a resolver thread, which must not handle our signals: they
 * are blocked while it runs.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <jansson.h>
#include <signal.h>

#include "base/clock.h"
#include "base/guc.h"
#include "base/session.h"
#include "base/shmem.h"
#include "base/span.h"
#include "telemetry/otlp.h"

#define OE_EXPORTS 2
#define OE_EXPORT_SPANS 512		/* in one request */
#define OE_EXPORT_WAIT_US 1000000	/* for more spans to come */
#define OE_EXPORT_PAUSE_US 5000000	/* after a failure */
#define OE_EXPORT_TIMEOUT_MS 10000
#define OE_EXPORT_CONNECT_MS 3000
#define OE_EXPORT_POLL_MS 20	/* while a request is under way */
#define OE_EXPORT_ANSWER 4096	/* bytes of an answer that are read */

typedef struct OeExport
{
	CURL	   *easy;			/* NULL: not under way */
	struct curl_slist *headers;
	char	   *body;			/* malloc'ed, by jansson */
	int			spans;
	int			answer_len;
	char		answer[OE_EXPORT_ANSWER];
} OeExport;

static CURLM *oe_otlp_multi = NULL;
static OeExport oe_exports[OE_EXPORTS];
static int64 oe_waiting_since = 0;	/* us, monotonic; 0: no span waits */
static int64 oe_not_before = 0; /* us, monotonic */
static bool oe_failure_told = false;

static size_t
oe_otlp_answer(char *data, size_t size, size_t n, void *arg)
{
	OeExport   *x = arg;
	int			kept = Min((int) (size * n), OE_EXPORT_ANSWER - x->answer_len);

	memcpy(x->answer + x->answer_len, data, kept);
	x->answer_len += kept;
	return size * n;
}

/*
 * Adds the attributes of the process that makes the spans.
 */
static json_t *
oe_otlp_resource(void)
{
	json_t	   *attributes = json_pack("[{s:s, s:{s:s}}, {s:s, s:{s:s}}, {s:s, s:{s:s}}]",
									   "key", "service.name", "value", "stringValue", "odoo_events",
									   "key", "service.version", "value", "stringValue", OE_VERSION,
									   "key", "db.namespace", "value", "stringValue", oe_session_database);

	return json_pack("{s:o}", "attributes", attributes);
}

static char *
oe_otlp_body(json_t * spans)
{
	json_t	   *request = json_pack("{s:[{s:o, s:[{s:{s:s, s:s}, s:o}]}]}",
									"resourceSpans", "resource", oe_otlp_resource(),
									"scopeSpans", "scope", "name", "odoo_events", "version", OE_VERSION, "spans", spans);
	char	   *text = json_dumps(request, JSON_COMPACT);

	json_decref(request);
	return text;
}

/*
 * The headers of odoo_events.otlp_headers, "name=value,name=value" as
 * OTEL_EXPORTER_OTLP_HEADERS has them.
 */
static struct curl_slist *
oe_otlp_headers(void)
{
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
	char	   *copy = pstrdup(oe_guc_otlp_headers);
	char	   *rest = copy;
	char	   *one;

	while ((one = strsep(&rest, ",")) != NULL)
	{
		char	   *value = strchr(one, '=');
		char	   *line;

		if (value == NULL)
			continue;
		*value++ = '\0';
		one += strspn(one, " ");
		line = psprintf("%s: %s", one, value);
		list = curl_slist_append(list, line);
		pfree(line);
	}
	pfree(copy);
	/* a collector that would answer 100 first only costs time */
	return curl_slist_append(list, "Expect:");
}

static void
oe_otlp_start(OeExport *x)
{
	char	   *url = oe_guc_otlp_endpoint;
	int			len = strlen(url);
	bool		whole = len > 10 && strcmp(url + len - 10, "/v1/traces") == 0;

	x->spans = Min(oe_spans_waiting(), OE_EXPORT_SPANS);
	x->body = oe_otlp_body(oe_spans_take(x->spans));
	x->answer_len = 0;
	x->easy = curl_easy_init();
	if (x->body == NULL || x->easy == NULL)
	{
		oe_spans_lost(x->spans);
		free(x->body);
		if (x->easy)
			curl_easy_cleanup(x->easy);
		x->easy = NULL;
		return;
	}
	x->headers = oe_otlp_headers();
	url = psprintf("%s%s", url, whole ? "" : url[len - 1] == '/' ? "v1/traces" : "/v1/traces");
	curl_easy_setopt(x->easy, CURLOPT_URL, url);
	pfree(url);
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, x->body);
	curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, oe_otlp_answer);
	curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_PRIVATE, x);
	curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* else the end of an export would wait for a resolver that hangs */
	curl_easy_setopt(x->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(x->easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(x->easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(x->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, (long) OE_EXPORT_TIMEOUT_MS);
	curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long) OE_EXPORT_CONNECT_MS);
	curl_easy_setopt(x->easy, CURLOPT_PROXY, oe_guc_proxy);
	curl_easy_setopt(x->easy, CURLOPT_USERAGENT, "odoo_events/" OE_VERSION);
	if (oe_guc_ca_file[0] != '\0')
		curl_easy_setopt(x->easy, CURLOPT_CAINFO, oe_guc_ca_file);
	curl_multi_add_handle(oe_otlp_multi, x->easy);
}

/*
 * How many spans of an export the collector says it did not take.
 */
static int64
oe_otlp_rejected(OeExport *x)
{
	json_t	   *answer = json_loadb(x->answer, x->answer_len, 0, NULL);
	json_t	   *n = json_object_get(json_object_get(answer, "partialSuccess"), "rejectedSpans");
	int64		rejected = json_is_string(n) ? strtoll(json_string_value(n), NULL, 10) : json_is_integer(n) ? (int64) json_integer_value(n) : 0;

	json_decref(answer);
	return Min(Max(rejected, 0), x->spans);
}

/*
 * An export has ended.  The log tells the first failure of a series.
 */
static void
oe_otlp_ended(OeExport *x, CURLcode code)
{
	OeSlot	   *slot = oe_slot_mine(false);
	long		status = 0;
	int64		lost = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status >= 200 && status <= 299)
	{
		lost = oe_otlp_rejected(x);
		oe_failure_told = false;
	}
	else
	{
		lost = x->spans;
		oe_not_before = oe_mono() + OE_EXPORT_PAUSE_US;
		if (!oe_failure_told)
			ereport(LOG,
					(errmsg("traces cannot be exported: the collector %s", code == CURLE_OK ? psprintf("answers %ld", status) : psprintf("does not answer: %s", curl_easy_strerror(code))),
					 errdetail("Spans are dropped and counted until it is back; events are not concerned.")));
		oe_failure_told = true;
	}
	oe_spans_lost(lost);
	if (slot != NULL)
		pg_atomic_fetch_add_u64(&slot->metrics.spans_exported, x->spans - lost);
	curl_multi_remove_handle(oe_otlp_multi, x->easy);
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	free(x->body);
	x->easy = NULL;
	x->body = NULL;
	x->headers = NULL;
}

static bool
oe_otlp_under_way(void)
{
	for (int i = 0; i < OE_EXPORTS; i++)
		if (oe_exports[i].easy != NULL)
			return true;
	return false;
}

/*
 * May an export start now?
 */
static bool
oe_otlp_due(void)
{
	int64		now = oe_mono();

	if (oe_spans_waiting() == 0)
	{
		oe_waiting_since = 0;
		return false;
	}
	if (oe_waiting_since == 0)
		oe_waiting_since = now;
	return now >= oe_not_before && (oe_spans_waiting() >= OE_EXPORT_SPANS || now - oe_waiting_since >= OE_EXPORT_WAIT_US);
}

static void
oe_otlp_perform(void)
{
	sigset_t	all;
	sigset_t	saved;
	CURLMsg    *msg;
	int			n;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	curl_multi_perform(oe_otlp_multi, &n);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	while ((msg = curl_multi_info_read(oe_otlp_multi, &n)) != NULL)
	{
		char	   *x = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &x);
		oe_otlp_ended((OeExport *) x, msg->data.result);
	}
}

void
oe_otlp_step(void)
{
	if (!oe_spans_on() && !oe_otlp_under_way())
		return;
	if (oe_otlp_multi == NULL && (oe_otlp_multi = curl_multi_init()) == NULL)
		return;
	for (int i = 0; i < OE_EXPORTS && oe_spans_on() && oe_otlp_due(); i++)
		if (oe_exports[i].easy == NULL)
		{
			oe_otlp_start(&oe_exports[i]);
			oe_waiting_since = 0;
		}
	if (oe_otlp_under_way())
		oe_otlp_perform();
}

long
oe_otlp_timeout(void)
{
	int64		at;

	if (oe_otlp_under_way())
		return OE_EXPORT_POLL_MS;
	if (!oe_spans_on() || oe_spans_waiting() == 0)
		return -1;
	at = Max(oe_not_before, oe_waiting_since + OE_EXPORT_WAIT_US);
	return Max((long) ((at - oe_mono() + 999) / 1000), 0);
}
