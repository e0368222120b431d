/*
 * guc.c
 *	  Defines the settings of odoo_events.
 *
 * Any process, from _PG_init.  Each setting is documented for users in
 * docs/configuration.md; secrets are rows, never settings.
 */
#include "postgres.h"

#include <unistd.h>

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "base/bound.h"
#include "base/fault.h"
#include "base/guc.h"

bool		oe_guc_strict = false;
int			oe_guc_capture_memory = 65536;
int			oe_guc_merge_memory = 65536;
char	   *oe_guc_databases = NULL;
char	   *oe_guc_source = NULL;
char	   *oe_guc_language = NULL;
char	   *oe_guc_schema_base = NULL;
int			oe_guc_retention = 7 * 86400;
int			oe_guc_attempt_detail = OE_DETAIL_MESSAGE;
int			oe_guc_attempt_retention = 7 * 86400;
int			oe_guc_backfill_pace = 10;
char	   *oe_guc_otlp_endpoint = NULL;
char	   *oe_guc_otlp_headers = NULL;
char	   *oe_guc_proxy = NULL;
char	   *oe_guc_ca_file = NULL;
int			oe_guc_max_in_flight = 256;
int			oe_guc_max_event_size = 16384;
int			oe_guc_max_field_size = 1024;
int			oe_guc_max_outbox_size = 0;
int			oe_guc_max_slot_wal = 10240;
int			oe_guc_max_databases = 64;
int			oe_guc_max_rules = 256;
char	   *oe_guc_program_directory = NULL;
int			oe_guc_program_memory = 1024;
int			oe_guc_process_retention = 400 * 86400;
int			oe_guc_read_timeout = 15000;
int			oe_guc_on_full = OE_FULL_KEEP;
int			oe_guc_connect_timeout = 5000;
int			oe_guc_connection_max_age = 60;
int			oe_guc_filter_timeout = 100;
double		oe_guc_flow_factor = 2;
double		oe_guc_flow_score = 3;
char	   *oe_guc_flow_timezone = NULL;
int			oe_guc_restart_delay = 10000;
char	   *oe_guc_webhook_origin = NULL;

/* C code does not read these; SQL functions do. */
static char *oe_guc_environment = NULL;
static char *oe_guc_four_eyes = NULL;
static char *oe_guc_seal_retention = NULL;

/* Settings that count in one transaction only (bound.h), and in which. */
static bool oe_guc_capture = true;
static char *oe_guc_traceparent = NULL;
static LocalTransactionId oe_capture_bound = InvalidLocalTransactionId;
static LocalTransactionId oe_traceparent_bound = InvalidLocalTransactionId;

/* ---- capture ---- */

static bool
oe_check_capture(bool *newval, void **extra, GucSource source)
{
	return *newval || oe_bound_check(extra, source, "odoo_events.capture",
									 "SET LOCAL odoo_events.capture = off; ...; COMMIT;");
}

static void
oe_assign_capture(bool newval, void *extra)
{
	oe_capture_bound = oe_bound_to(extra);
}

bool
oe_capture_on(void)
{
	return oe_guc_capture || !oe_bound_here(oe_capture_bound);
}

static const char *
oe_show_capture(void)
{
	return oe_capture_on() ? "on" : "off";
}

/* ---- traceparent ---- */

/*
 * Accepts '' or a W3C traceparent, 00-<32 hex>-<16 hex>-<2 hex>: it goes into
 * a header as it stands.
 */
static bool
oe_is_traceparent(const char *s)
{
	static const char form[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";

	if (strlen(s) == sizeof(form) - 1)
	{
		int			i = 0;

		while (form[i] != '\0' &&
			   (form[i] == 'h' ? strchr("0123456789abcdef", s[i]) != NULL
				: form[i] == s[i]))
			i++;
		if (form[i] == '\0')
			return true;
	}
	return false;
}

static bool
oe_check_traceparent(char **newval, void **extra, GucSource source)
{
	if (*newval[0] == '\0')
		return true;
	if (!oe_is_traceparent(*newval))
	{
		GUC_check_errdetail("A W3C trace context has the form 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case.");
		return false;
	}
	return oe_bound_check(extra, source, "odoo_events.traceparent",
						  "SET LOCAL odoo_events.traceparent = '00-...'; ...; COMMIT;");
}

static void
oe_assign_traceparent(const char *newval, void *extra)
{
	oe_traceparent_bound = oe_bound_to(extra);
}

/*
 * The trace context of the current transaction; '' for none.
 */
const char *
oe_traceparent_here(void)
{
	return oe_guc_traceparent && oe_bound_here(oe_traceparent_bound) ? oe_guc_traceparent : "";
}

/* ---- the rest ---- */

/*
 * Refuses control characters and spaces in what becomes part of every event.
 */
static bool
oe_check_uri(char **newval, void **extra, GucSource source)
{
	for (const char *s = *newval; *s != '\0'; s++)
		if ((unsigned char) *s <= ' ' || *s == '"' || *s == '\\' || *s == 0x7f)
		{
			GUC_check_errdetail("A URI reference contains no spaces, quotes, backslashes or control characters.");
			return false;
		}
	return true;
}

/*
 * A language as Odoo calls it: it becomes part of every event.
 */
static bool
oe_check_language(char **newval, void **extra, GucSource source)
{
	const char *s = *newval;

	if (s[0] != '\0' && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@.-") == strlen(s))
		return true;
	GUC_check_errdetail("A language is named as Odoo names it, en_US or sr@latin for example.");
	return false;
}

/*
 * A time zone that PostgreSQL knows, or none.
 */
static bool
oe_check_timezone(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || pg_tzset(*newval) != NULL)
		return true;
	GUC_check_errcode(ERRCODE_INVALID_PARAMETER_VALUE);
	GUC_check_errdetail("There is no time zone \"%s\".", *newval);
	return false;
}

/*
 * The environment is one word, or empty.
 */
static bool
oe_check_environment(char **newval, void **extra, GucSource source)
{
	const char *s = *newval;

	if (strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(s) && strlen(s) < NAMEDATALEN)
		return true;
	GUC_check_errdetail("An environment is a word of letters, digits, \"_\" and \"-\".");
	return false;
}

/*
 * Names of functions whose calls another person has to approve; only those that
 * schema/govern_proposal.sql can propose.
 */
static bool
oe_check_four_eyes(char **newval, void **extra, GucSource source)
{
	static const char *const known[] = {
		"acknowledge", "alter_subscription", "arm", "config_apply", "config_rollback", "cut_back", "cut_over", "discard", "erase", "pause",
		"replay", "resume", "retry_now", "rotate_secret", "set_policy", "set_secret", "skip", "subscribe", "unsubscribe"
	};
	char	   *copy = pstrdup(*newval);
	List	   *names = NIL;
	bool		valid = SplitIdentifierString(copy, ',', &names);
	ListCell   *lc;

	foreach(lc, names)
	{
		int			i = 0;

		while (i < lengthof(known) && strcmp(known[i], lfirst(lc)) != 0)
			i++;
		valid = valid && i < lengthof(known);
	}
	list_free(names);
	pfree(copy);
	if (!valid)
		GUC_check_errdetail("The names of functions are separated by commas, and each is a function that can be proposed: see docs/governance.md.");
	return valid;
}

/*
 * A number of days or years: longer than a setting of seconds can be.
 */
static bool
oe_check_seal_retention(char **newval, void **extra, GucSource source)
{
	const char *s = *newval;
	size_t		digits = strspn(s, "0123456789");

	if (digits >= 1 && digits <= 4 && s[0] != '0' && (strcmp(s + digits, "d") == 0 || strcmp(s + digits, "y") == 0))
		return true;
	GUC_check_errdetail("It is a number of days or years, 90d or 10y.");
	return false;
}

/*
 * Names as in other lists of PostgreSQL: commas between them, double quotes
 * around what is no plain identifier.
 */
static bool
oe_check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names = NIL;
	bool		valid = SplitIdentifierString(copy, ',', &names);
	ListCell   *lc;

	foreach(lc, names)
	{
		const char *name = lfirst(lc);

		/* an unquoted ";" is a wrong separator, not a part of a name */
		if (strchr(name, ';') && strchr(*newval, '"') == NULL)
			valid = false;
	}
	list_free(names);
	pfree(copy);
	if (!valid)
		GUC_check_errdetail("The names of databases are separated by commas; what is no plain identifier stands in double quotes.");
	return valid;
}

/*
 * A relative path would be looked for in the data directory.
 */
static bool
oe_check_directory(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("It is an absolute path, or empty.");
	return false;
}

/*
 * An absolute path.  A file that is not there is only worth a warning: a
 * server must start without it.
 */
static bool
oe_check_ca_file(char **newval, void **extra, GucSource source)
{
	if (!oe_check_directory(newval, extra, source))
		return false;
	if (**newval != '\0' && access(*newval, R_OK) != 0)
		ereport(WARNING,
				(errcode_for_file_access(),
				 errmsg("file \"%s\" of odoo_events.ca_file cannot be read: %m", *newval),
				 errdetail("No endpoint with TLS can be verified without it.")));
	return true;
}

/*
 * The URL of a collector: the worker appends /v1/traces where it is not there.
 */
static bool
oe_check_otlp_endpoint(char **newval, void **extra, GucSource source)
{
	const char *s = *newval;

	if (s[0] == '\0')
		return true;
	if (!oe_check_uri(newval, extra, source))
		return false;
	if (pg_strncasecmp(s, "http://", 7) != 0 && pg_strncasecmp(s, "https://", 8) != 0)
	{
		GUC_check_errdetail("The endpoint of a collector begins with http:// or https://.");
		GUC_check_errhint("ALTER SYSTEM SET odoo_events.otlp_endpoint = 'http://127.0.0.1:4318';");
		return false;
	}
	return true;
}

/*
 * Form: [scheme://][user:password@]host[:port].  libcurl judges the rest.
 */
static bool
oe_check_proxy(char **newval, void **extra, GucSource source)
{
	static const char *const schemes[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
	const char *end = strstr(*newval, "://");
	const char *host = end != NULL ? end + 3 : *newval;
	bool		known = end == NULL;

	if (**newval == '\0')
		return true;
	for (int i = 0; i < lengthof(schemes); i++)
		known |= end != NULL && strlen(schemes[i]) == end - *newval && pg_strncasecmp(*newval, schemes[i], end - *newval) == 0;
	for (const char *p = host; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			known = false;
	if (strrchr(host, '@') != NULL)
		host = strrchr(host, '@') + 1;
	if (known && *host != '\0' && *host != ':' && *host != '/')
		return true;
	GUC_check_errdetail("It looks like http://proxy.example.com:3128; schemes are http, https, socks4, socks4a, socks5 and socks5h.");
	return false;
}

/*
 * Headers as OTEL_EXPORTER_OTLP_HEADERS has them: name=value,name=value.
 */
static bool
oe_check_otlp_headers(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	char	   *rest = copy;
	char	   *one;
	bool		valid = true;

	while (copy[0] != '\0' && valid && (one = strsep(&rest, ",")) != NULL)
	{
		char	   *value = strchr(one, '=');

		one += strspn(one, " ");
		valid = value != NULL && value > one &&
			strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == (size_t) (value - one);
		for (; valid && *value != '\0'; value++)
			valid = (unsigned char) *value >= ' ' && *value != 0x7f;
	}
	pfree(copy);
	if (!valid)
		GUC_check_errdetail("Headers are written as name=value, with commas between them.");
	return valid;
}

static const struct config_enum_entry oe_detail_options[] = {
	{"message", OE_DETAIL_MESSAGE, false},
	{"batch", OE_DETAIL_BATCH, false},
	{NULL, 0, false}
};

static const struct config_enum_entry oe_full_options[] = {
	{"keep", OE_FULL_KEEP, false},
	{"drop", OE_FULL_DROP, false},
	{NULL, 0, false}
};

/*
 * Defines all settings and reserves the prefix.
 */
void
oe_guc_define(void)
{
	/*
	 * PostgreSQL allows PGC_POSTMASTER only to libraries that are preloaded.
	 * A library that a session loads has no shared memory for these to size.
	 */
	GucContext	structural = process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

	DefineCustomEnumVariable("odoo_events.attempt_detail",
							 "What a row of the view attempt tells of, where the endpoint is a broker.",
							 "message: each message has its own; batch: messages that were acknowledged at the first attempt share one per settlement.",
							 &oe_guc_attempt_detail, OE_DETAIL_MESSAGE, oe_detail_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.attempt_retention",
							"How long delivery attempts are kept for the view attempt.",
							NULL, &oe_guc_attempt_retention,
							7 * 86400, OE_TUNED("retention-min", 60), INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.backfill_pace",
							"Share of one processor, in percent, that a backfill and the publishing of its snapshots may take.",
							"At 100 it neither rests nor waits for subscriptions that are behind.",
							&oe_guc_backfill_pace,
							10, 1, 100,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("odoo_events.ca_file",
							   "File of CA certificates (PEM) that endpoints are verified against; empty for the system's.",
							   NULL, &oe_guc_ca_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, oe_check_ca_file, NULL, NULL);
	DefineCustomBoolVariable("odoo_events.capture",
							 "Capture the changes of the current transaction.",
							 "Off counts only in the transaction that sets it.",
							 &oe_guc_capture, true,
							 PGC_SUSET, 0, oe_check_capture, oe_assign_capture, oe_show_capture);
	DefineCustomIntVariable("odoo_events.capture_memory",
							"Memory that a transaction's noted changes may take before they go to a temporary file.",
							NULL, &oe_guc_capture_memory,
							65536, 64, MAX_KILOBYTES,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.connect_timeout",
							"How long a connection to an endpoint may take to be made.",
							NULL, &oe_guc_connect_timeout,
							5000, 100, 600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.connection_max_age",
							"How long a connection to an endpoint is used for new requests; 0 for no limit.",
							"A name that has moved to another address is followed within that time.",
							&oe_guc_connection_max_age,
							60, 0, 86400,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("odoo_events.databases",
							   "Comma-separated names of the databases that get a worker; empty for all that have the extension.",
							   NULL, &oe_guc_databases, "",
							   PGC_SIGHUP, GUC_LIST_INPUT, oe_check_databases, NULL, NULL);
	DefineCustomStringVariable("odoo_events.environment",
							   "What this server is, production for example; arm() notes it, and with another value nothing is sent.",
							   "Configurations take the values of ${name} from set_environment() of this name.",
							   &oe_guc_environment, "",
							   PGC_SIGHUP, 0, oe_check_environment, NULL, NULL);
	DefineCustomIntVariable("odoo_events.filter_timeout",
							"Processor time that a filter or a condition may take for one event.",
							"An event that takes longer goes to the subscription's dead letters, or into quarantine.",
							&oe_guc_filter_timeout,
							100, 10, 60000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomRealVariable("odoo_events.flow_factor",
							 "How many times more, less or slower than usual a flow must be to be unusual.",
							 NULL, &oe_guc_flow_factor,
							 2, 1.1, 100,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("odoo_events.flow_score",
							 "How many spreads away from what is expected a flow must be to be unusual; 0 for never.",
							 "The spread is 1.4826 times the median distance from the median of the last eight weeks.",
							 &oe_guc_flow_score,
							 3, 0, 100,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("odoo_events.flow_timezone",
							   "Time zone in which the same time of day is looked for in the weeks before; empty for log_timezone.",
							   NULL, &oe_guc_flow_timezone, "",
							   PGC_SIGHUP, 0, oe_check_timezone, NULL, NULL);
	DefineCustomStringVariable("odoo_events.four_eyes",
							   "Comma-separated names of functions that need a second person's approve().",
							   NULL, &oe_guc_four_eyes, "",
							   PGC_SIGHUP, GUC_LIST_INPUT, oe_check_four_eyes, NULL, NULL);
	DefineCustomStringVariable("odoo_events.language",
							   "Language of translated names in events.",
							   NULL, &oe_guc_language, "en_US",
							   PGC_SIGHUP, 0, oe_check_language, NULL, NULL);
	DefineCustomIntVariable("odoo_events.max_databases",
							"Databases of this server that can have the extension at a time.",
							"Each takes about 90 kB of shared memory.",
							&oe_guc_max_databases,
							64, 1, 10000,
							structural, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.max_event_size",
							"Size of an event beyond which its changes go to quarantine.",
							"The values of one row have half of it; what is too much of them is cut.",
							&oe_guc_max_event_size,
							16384, 64, 262144,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.max_field_size",
							"Size of one value in an event beyond which it is cut, and says so.",
							NULL, &oe_guc_max_field_size,
							1024, 4, 65536,
							PGC_SIGHUP, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.max_in_flight",
							"Requests that one worker has open at a time, over all subscriptions.",
							NULL, &oe_guc_max_in_flight,
							256, 1, 4096,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.max_outbox_size",
							"Size of the outbox beyond which on_full decides; 0 for no limit.",
							NULL, &oe_guc_max_outbox_size,
							0, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.max_rules",
							"Captured tables per database that statistics are kept of.",
							NULL, &oe_guc_max_rules,
							256, 64, 10000,
							structural, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.max_slot_wal",
							"WAL that the slot of capture from the WAL may keep; beyond it capture goes back to triggers.",
							NULL, &oe_guc_max_slot_wal,
							10240, 1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.merge_memory",
							"Memory that the changes of a transaction that is being decoded may take before they go to a temporary file.",
							NULL, &oe_guc_merge_memory,
							65536, 64, MAX_KILOBYTES,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomEnumVariable("odoo_events.on_full",
							 "What happens when the outbox is too large and its oldest events are still needed.",
							 "keep: it grows, and health() says critical; drop: subscriptions lose them.",
							 &oe_guc_on_full, OE_FULL_KEEP, oe_full_options,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.process_retention",
							"How long milestones of orders are kept for the view process.",
							"They are kept longer than the events that they are made of.",
							&oe_guc_process_retention,
							400 * 86400, OE_TUNED("retention-min", 86400), INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("odoo_events.program_directory",
							   "Directory of the helper programs for brokers; empty for the one of PostgreSQL's libraries.",
							   NULL, &oe_guc_program_directory, "",
							   structural, GUC_SUPERUSER_ONLY, oe_check_directory, NULL, NULL);
	DefineCustomIntVariable("odoo_events.program_memory",
							"Address space of each helper program for brokers.",
							"A program that needs more fails, and is started again; the server does not notice.",
							&oe_guc_program_memory,
							1024, 64, 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomStringVariable("odoo_events.otlp_endpoint",
							   "URL of an OpenTelemetry collector that gets the spans of sampled traces (OTLP over HTTP); empty for none.",
							   NULL, &oe_guc_otlp_endpoint, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, oe_check_otlp_endpoint, NULL, NULL);
	DefineCustomStringVariable("odoo_events.otlp_headers",
							   "Headers of requests to the collector, as name=value,name=value.",
							   NULL, &oe_guc_otlp_headers, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, oe_check_otlp_headers, NULL, NULL);
	DefineCustomStringVariable("odoo_events.proxy",
							   "Proxy URL for all requests; empty for none. Environment variables are ignored.",
							   NULL, &oe_guc_proxy, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, oe_check_proxy, NULL, NULL);
	DefineCustomIntVariable("odoo_events.read_timeout",
							"How long the worker may read Odoo's tables at a time.",
							"Whatever Odoo's role has attached to its tables runs then, and delivery waits meanwhile.",
							&oe_guc_read_timeout,
							15000, 100, 3600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.restart_delay",
							"How long a database has no worker after one has ended or a database command was run.",
							"Odoo drops, copies and renames a database right after it has terminated all its sessions.",
							&oe_guc_restart_delay,
							10000, 100, 600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("odoo_events.retention",
							"How long published events are kept; longer where a subscription still needs them.",
							NULL, &oe_guc_retention,
							7 * 86400, OE_TUNED("retention-min", 60), INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomStringVariable("odoo_events.schema_base",
							   "URI under which the events' schemas stand (attribute dataschema).",
							   NULL, &oe_guc_schema_base, "urn:odoo-events:schema",
							   PGC_SIGHUP, 0, oe_check_uri, NULL, NULL);
	DefineCustomStringVariable("odoo_events.seal_retention",
							   "How long hashes of the evidence log are kept: a number of days (d) or years (y).",
							   "Only proofs need them; a checkpoint is kept by whoever has it.",
							   &oe_guc_seal_retention, "10y",
							   PGC_SIGHUP, 0, oe_check_seal_retention, NULL, NULL);
	DefineCustomStringVariable("odoo_events.source",
							   "CloudEvents source of the events; empty for /odoo/<database.uuid>.",
							   NULL, &oe_guc_source, "",
							   PGC_SIGHUP, 0, oe_check_uri, NULL, NULL);
	DefineCustomBoolVariable("odoo_events.strict",
							 "Let a transaction fail whose changes cannot be captured, instead of noting a gap.",
							 NULL, &oe_guc_strict, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("odoo_events.traceparent",
							   "W3C trace context of the application, carried into the events of the transaction.",
							   "It counts only in the transaction that sets it.",
							   &oe_guc_traceparent, "",
							   PGC_USERSET, 0, oe_check_traceparent, oe_assign_traceparent, oe_traceparent_here);
	DefineCustomStringVariable("odoo_events.webhook_origin",
							   "DNS name that validation handshakes give as their origin; empty for this machine's name.",
							   NULL, &oe_guc_webhook_origin, "",
							   PGC_SIGHUP, 0, oe_check_uri, NULL, NULL);
	MarkGUCPrefixReserved("odoo_events");
}
