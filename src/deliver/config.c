/*
 * config.c
 *	  Subscriptions as the tables say.
 *
 * Worker only; one transaction of own work per load.  A configuration is
 * built anew only when its version, or a setting of HTTP, changed; requests
 * under way keep the one they were started with.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/session.h"
#include "deliver/internal.h"

/* Columns of the query below. */
enum
{
	C_ID = 1, C_NAME, C_URL, C_TYPES, C_FILTER, C_COMPANIES, C_WAREHOUSES, C_FORMAT, C_ORDERING,
	C_BATCH_SIZE, C_BATCH_WAIT, C_MAX_IN_FLIGHT, C_TIMEOUT, C_SCHEDULE, C_HEADERS, C_NETWORKS,
	C_STATE, C_SINCE, C_VERSION, C_SECRET, C_VALUES
};

static const char oe_config_sql[] =
"SELECT c.id, c.name, c.url, c.types, c.filter, c.companies, c.warehouses, c.format, c.ordering, c.batch_size,"
" (extract(epoch FROM c.batch_wait) * 1000000)::int8, c.max_in_flight, (extract(epoch FROM c.timeout) * 1000)::int4,"
" CASE WHEN c.retry_schedule IS NOT NULL THEN ARRAY(SELECT (extract(epoch FROM r.i) * 1000000)::int8"
"   FROM unnest(c.retry_schedule) WITH ORDINALITY r(i, n) ORDER BY r.n) END,"
" c.header_names, c.allow_networks, c.state, c.state_since, c.version, s.secret, s.header_values"
" FROM odoo_events.subscription_config c LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id"
" ORDER BY c.id";

static bool oe_loaded = false;

bool
oe_config_loaded(void)
{
	return oe_loaded;
}

/*
 * Gives a configuration back; the last one to do so frees it.
 */
void
oe_conf_release(OeConf *conf)
{
	if (conf == NULL || --conf->refs > 0)
		return;
	oe_http_free_idle(conf);
	if (conf->secret)
		memset(conf->secret, 0, conf->secret_len);
	MemoryContextDelete(conf->cxt);
}

static Datum
oe_col(int row, int col, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, isnull);
}

static char *
oe_col_text(int row, int col)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

static int64
oe_col_int(int row, int col, bool big)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);

	return isnull ? 0 : big ? DatumGetInt64(d) : DatumGetInt32(d);
}

/*
 * A text[] as C strings; *n = 0 and NULL for null.
 */
static char **
oe_col_texts(int row, int col, int *n)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);
	Datum	   *values;
	bool	   *nulls;
	char	  **result;

	*n = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, n);
	result = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		result[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(values[i]);
	return result;
}

static int *
oe_col_ints(int row, int col, int *n)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);
	Datum	   *values;
	bool	   *nulls;
	int		   *result;

	*n = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(d), INT4OID, 4, true, TYPALIGN_INT, &values, &nulls, n);
	result = palloc(sizeof(int) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		result[i] = nulls[i] ? 0 : DatumGetInt32(values[i]);
	return result;
}

static int64 *
oe_col_bigints(int row, int col, int *n)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);
	Datum	   *values;
	bool	   *nulls;
	int64	   *result;

	*n = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(d), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, n);
	result = palloc(sizeof(int64) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		result[i] = DatumGetInt64(values[i]);
	return result;
}

/*
 * Names from the configuration, values from the secrets; without the latter
 * there is nothing that could be sent.
 */
static bool
oe_conf_headers(OeConf *conf, int row)
{
	int			nnames;
	int			nvalues;
	char	  **names = oe_col_texts(row, C_HEADERS, &nnames);
	char	  **values = oe_col_texts(row, C_VALUES, &nvalues);

	if (nnames != nvalues)
		return false;
	conf->nheaders = nnames;
	conf->header_values = values;
	conf->headers = palloc(sizeof(char *) * Max(nnames, 1));
	for (int i = 0; i < nnames; i++)
		conf->headers[i] = psprintf("%s: %s", names[i], values[i]);
	return true;
}

/*
 * Builds a configuration from a row, in a context of its own.
 */
static OeConf *
oe_conf_make(int row)
{
	MemoryContext cxt = AllocSetContextCreate(oe_deliver_cxt, "odoo_events subscription",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	OeConf	   *conf = palloc0(sizeof(OeConf));
	bool		isnull;
	Datum		d;

	conf->cxt = cxt;
	conf->refs = 1;
	dlist_init(&conf->idle);
	conf->version = oe_col_int(row, C_VERSION, true);
	conf->name = oe_col_text(row, C_NAME);
	conf->url = oe_col_text(row, C_URL);
	conf->plain = pg_strncasecmp(conf->url, "http:", 5) == 0;
	conf->types = oe_col_texts(row, C_TYPES, &conf->ntypes);
	d = oe_col(row, C_FILTER, &isnull);
	if (!isnull)
		conf->filter = DatumGetJsonPathPCopy(d);
	conf->companies = oe_col_ints(row, C_COMPANIES, &conf->ncompanies);
	conf->warehouses = oe_col_ints(row, C_WAREHOUSES, &conf->nwarehouses);
	conf->batched = strcmp(oe_col_text(row, C_FORMAT), "batch") == 0;
	conf->ordering = oe_col_text(row, C_ORDERING)[0];
	conf->batch_size = oe_col_int(row, C_BATCH_SIZE, false);
	conf->batch_wait = oe_col_int(row, C_BATCH_WAIT, true);
	conf->max_in_flight = oe_col_int(row, C_MAX_IN_FLIGHT, false);
	conf->timeout_ms = Max(oe_col_int(row, C_TIMEOUT, false), 1);
	conf->schedule = oe_col_bigints(row, C_SCHEDULE, &conf->nschedule);
	d = oe_col(row, C_NETWORKS, &isnull);
	if (!isnull)
		conf->networks = oe_networks_from_array(DatumGetArrayTypeP(d), &conf->nnetworks);
	d = oe_col(row, C_SECRET, &isnull);
	if (!isnull && oe_conf_headers(conf, row))
	{
		bytea	   *b = DatumGetByteaPP(d);

		conf->secret_len = VARSIZE_ANY_EXHDR(b);
		conf->secret = palloc(conf->secret_len + 1);
		memcpy(conf->secret, VARDATA_ANY(b), conf->secret_len);
	}
	MemoryContextSwitchTo(old);
	return conf;
}

static void
oe_key_bound(OeKey *key, void *arg)
{
	if (key->mode != 'k' || key->upto != 0)
		return;
	key->upto = key->sub->cursor;
	if (key->implicit_from != 0)
		oe_key_dirty(key);
}

/*
 * Puts a new configuration in place of the old.  If events are no longer
 * ordered by key, what waits behind a key ends where the cursor stands.
 */
static void
oe_sub_configure(OeSub *sub, OeConf *conf)
{
	OeConf	   *old = sub->conf;

	sub->conf = conf;
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
		sub->breaker = OE_BREAKER_CLOSED;
		sub->failures = 0;
		sub->not_before = 0;
		sub->failing_since = 0;
		sub->dirty = true;
	}
	/* somebody was faster than our own disabling */
	if (!active && sub->disable != NULL)
	{
		pfree(sub->disable);
		sub->disable = NULL;
	}
	sub->active = active && sub->disable == NULL;
	sub->state_since = since;
}

/*
 * Reads all subscriptions; new ones are recovered from progress and held,
 * those that are gone are forgotten.
 */
void
oe_config_load(int64 last_position)
{
	OeSession	session;
	bool		rebuild = oe_http_settings_changed();
	dlist_mutable_iter it;
	OeSub	  **fresh;
	int			nfresh = 0;

	oe_own_begin(&session);
	dlist_foreach_modify(it, &oe_subs)
		dlist_container(OeSub, node, it.cur)->seen = false;
	(void) oe_spi(NULL, oe_config_sql, 0, NULL, NULL, NULL, true, 0);
	fresh = palloc(sizeof(OeSub *) * Max(SPI_processed, 1));
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		int			id = oe_col_int(i, C_ID, false);
		OeSub	   *sub = oe_sub_find(id);

		if (sub == NULL)
			sub = oe_sub_make(id);
		if (sub->conf == NULL || rebuild || sub->conf->version != oe_col_int(i, C_VERSION, true))
			oe_sub_configure(sub, oe_conf_make(i));
		if (sub->written_at == 0)
			fresh[nfresh++] = sub;
		oe_sub_state(sub, strcmp(oe_col_text(i, C_STATE), "active") == 0, oe_col_int(i, C_SINCE, true));
		sub->seen = true;
	}
	if (nfresh > 0)
		oe_recover(fresh, nfresh, last_position);
	dlist_foreach_modify(it, &oe_subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (!sub->seen)
			oe_sub_free(sub);
	}
	oe_commands_take();
	oe_replay_load();
	oe_own_end(&session);
	oe_loaded = true;
}
