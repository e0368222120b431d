/*
 * write.c
 *	  Writes the rows of one commit: attempts, dead letters, blocked keys,
 *	  progress.
 *
 * Worker only, within the trusted transaction that settle.c opens.  The rows
 * describe memory as it is at that moment.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/oe.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/settle/columns.h"
#include "deliver/settle/write.h"

int			oe_progress_hint = 0;
int			oe_attempt_hint = 0;
static int64 oe_attempt_n = 0;	/* last number given; 0: not known yet */
static bool oe_attempts_open = false;	/* written, not known to be committed */

/*
 * Locks a member of a ring without waiting; the next statement writes into it.
 */
static int
oe_ring_take(const char *name, int *hint)
{
	Oid			members[OE_LOG_MEMBERS];

	oe_ring_members(name, OE_LOG_MEMBERS, members);
	relation_close(oe_ring_open(members, OE_LOG_MEMBERS, hint), NoLock);
	return *hint;
}

void
oe_write_attempts(void)
{
	static SPIPlanPtr plans[OE_LOG_MEMBERS];
	static const Oid types[] = {INT8OID, INT4OID, UUIDOID, UUIDOID, INT8OID, INT8OID, INT4OID,
	TIMESTAMPTZOID, FLOAT8OID, INT4OID, TEXTOID, TEXTOID};
	int			n = oe_delivery.nattempts;
	OeArrayColumn *c;
	int			m;

	if (n == 0)
		return;
	/* a settlement that failed may have been committed all the same */
	if (oe_attempts_open)
		oe_attempt_n = 0;
	oe_attempts_open = true;
	if (oe_attempt_n == 0)
	{

		(void) oe_spi(NULL, "SELECT GREATEST((SELECT max(n) FROM odoo_events.attempt_0), (SELECT max(n) FROM odoo_events.attempt_1), 0)",
					  0, NULL, NULL, NULL, true, 1);
		oe_attempt_n = oe_cell_int8(SPI_tuptable, 0, 1);
	}
	c = oe_columns(types, lengthof(types), n);
	for (int i = 0; i < n; i++)
	{
		OeAttempt  *a = &oe_delivery.attempts[i];

		oe_columns_put(&c[0], i, Int64GetDatum(oe_attempt_n + 1 + i), false);
		oe_columns_put(&c[1], i, Int32GetDatum(a->sub), false);
		oe_columns_put(&c[2], i, UUIDPGetDatum(&a->event_id), !a->has_event);
		oe_columns_put(&c[3], i, UUIDPGetDatum(&a->batch_id), !a->has_batch);
		oe_columns_put(&c[4], i, Int64GetDatum(a->first), false);
		oe_columns_put(&c[5], i, Int64GetDatum(a->last), false);
		oe_columns_put(&c[6], i, Int32GetDatum(a->attempt), false);
		oe_columns_put(&c[7], i, TimestampTzGetDatum(a->at), false);
		oe_columns_put(&c[8], i, Float8GetDatum(a->duration), false);
		oe_columns_put(&c[9], i, Int32GetDatum(a->status), a->status == 0);
		oe_columns_put_text(&c[10], i, a->error);
		oe_columns_put_text(&c[11], i, a->response);
	}
	m = oe_ring_take("attempt", &oe_attempt_hint);
	oe_columns_run(&plans[m], m == 0 ?
				   "INSERT INTO odoo_events.attempt_0 SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)" :
				   "INSERT INTO odoo_events.attempt_1 SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
				   c, lengthof(types), n);
}

/*
 * After the commit: the numbers have been used.
 */
void
oe_attempts_written(void)
{
	oe_attempt_n += oe_delivery.nattempts;
	oe_attempts_open = false;
}

/*
 * Copies the bytes of new dead letters from the outbox; deletes those that were
 * delivered; updates those that failed again.  A platform event tells of each
 * new one, except for platform events: an endpoint that fails on them would
 * make more of them for ever.
 */
void
oe_write_dead_letters(void)
{
	static SPIPlanPtr insert_plan;
	static SPIPlanPtr delete_plan;
	static SPIPlanPtr update_plan;
	static const Oid types[] = {INT4OID, UUIDOID, INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID, BOOLOID, BOOLOID};
	int			n = oe_delivery.ndead_letters;
	OeArrayColumn *c;

	if (n == 0)
		return;
	c = oe_columns(types, lengthof(types), n);
	for (int i = 0; i < n; i++)
	{
		OeDeadLetter *d = &oe_delivery.dead_letters[i];

		oe_columns_put(&c[0], i, Int32GetDatum(d->sub), false);
		oe_columns_put(&c[1], i, UUIDPGetDatum(&d->id), false);
		oe_columns_put(&c[2], i, Int64GetDatum(d->position), false);
		oe_columns_put(&c[3], i, Int32GetDatum(d->attempts), false);
		oe_columns_put_time(&c[4], i, d->first_at);
		oe_columns_put_time(&c[5], i, d->last_at);
		oe_columns_put(&c[6], i, Int32GetDatum(d->status), d->status == 0);
		oe_columns_put_text(&c[7], i, d->error);
		oe_columns_put(&c[8], i, BoolGetDatum(d->redelivered), false);
		oe_columns_put(&c[9], i, BoolGetDatum(d->again), false);
	}
	oe_columns_run(&insert_plan,
				   "WITH t AS (INSERT INTO odoo_events.dead AS t (subscription_id, event_id, position, type, subject, partitionkey, company_id,"
				   " warehouse_id, attempts, first_at, last_at, last_status, last_error, event, classes)"
				   " SELECT DISTINCT ON (d.sub, d.id) d.sub, d.id, d.position, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id,"
				   " d.attempts, d.first_at, d.last_at, d.status, d.error, o.event, o.classes"
				   " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
				   "  AS d(sub, id, position, attempts, first_at, last_at, status, error, resurrected, again)"
				   " JOIN odoo_events.outbox_all o ON o.position = d.position WHERE NOT d.resurrected AND NOT d.again"
				   " ON CONFLICT (subscription_id, event_id) DO UPDATE SET attempts = t.attempts + EXCLUDED.attempts,"
				   " last_at = EXCLUDED.last_at, last_status = EXCLUDED.last_status, last_error = EXCLUDED.last_error"
				   " RETURNING t.*, t.xmax::text = '0' AS fresh)"
				   " SELECT odoo_events._platform_event('odoo.platform.event.dead_lettered.v1', c.name, jsonb_build_object("
				   "'event', jsonb_build_object('id', t.event_id, 'type', t.type, 'subject', t.subject, 'partitionkey', t.partitionkey,"
				   " 'sequence', lpad(t.position::text, 20, '0')), 'attempts', t.attempts, 'last_status', t.last_status, 'last_error', t.last_error))"
				   " FROM t JOIN odoo_events.subscription_config c ON c.id = t.subscription_id"
				   " WHERE t.fresh AND t.type NOT LIKE 'odoo.platform.%' ORDER BY t.position",
				   c, lengthof(types), n);
	oe_columns_run(&update_plan,
				   "UPDATE odoo_events.dead t SET attempts = t.attempts + d.attempts, last_at = d.last_at,"
				   " last_status = d.status, last_error = d.error"
				   " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
				   "  AS d(sub, id, position, attempts, first_at, last_at, status, error, resurrected, again)"
				   " WHERE d.again AND t.subscription_id = d.sub AND t.event_id = d.id",
				   c, lengthof(types), n);
	oe_columns_run(&delete_plan,
				   "DELETE FROM odoo_events.dead t USING unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
				   "  AS d(sub, id, position, attempts, first_at, last_at, status, error, resurrected, again)"
				   " WHERE d.resurrected AND t.subscription_id = d.sub AND t.event_id = d.id",
				   c, lengthof(types), n);
}

/*
 * Writes or deletes the rows of blocked keys.
 */
void
oe_write_held(void)
{
	static SPIPlanPtr upsert_plan;
	static SPIPlanPtr delete_plan;
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID};
	int			n = 0;
	int			i = 0;
	OeArrayColumn *c;
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.dirty_keys)
		n++;
	if (n == 0)
		return;
	c = oe_columns(types, lengthof(types), n);
	dlist_foreach(it, &oe_delivery.dirty_keys)
	{
		OeKey	   *key = dlist_container(OeKey, in_dirty, it.cur);

		oe_columns_put(&c[0], i, Int32GetDatum(key->sub->id), false);
		oe_columns_put_text(&c[1], i, key->mode == 'k' ? "key" : key->mode == 'n' ? "none" : "strict");
		oe_columns_put_text(&c[2], i, key->name);
		oe_columns_put(&c[3], i, Int64GetDatum(key->blocked_from), false);
		oe_columns_put(&c[4], i, Int64GetDatum(key->upto), key->upto == 0);
		oe_columns_put(&c[5], i, Int32GetDatum(key->attempts), false);
		oe_columns_put_time(&c[6], i, key->first_at);
		oe_columns_put_time(&c[7], i, key->next_at);
		oe_columns_put(&c[8], i, Int32GetDatum(key->last_status), key->last_status == 0);
		oe_columns_put_text(&c[9], i, key->last_error);
		i++;
	}
	oe_columns_run(&upsert_plan,
				   "INSERT INTO odoo_events.held AS t SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS d"
				   "(subscription_id, mode, key, position, upto, attempts, first_at, next_attempt_at, last_status, last_error)"
				   " WHERE d.position <> 0"
				   " ON CONFLICT (subscription_id, mode, key) DO UPDATE SET position = EXCLUDED.position, upto = EXCLUDED.upto,"
				   " attempts = EXCLUDED.attempts, first_at = EXCLUDED.first_at, next_attempt_at = EXCLUDED.next_attempt_at,"
				   " last_status = EXCLUDED.last_status, last_error = EXCLUDED.last_error",
				   c, lengthof(types), n);
	oe_columns_run(&delete_plan,
				   "DELETE FROM odoo_events.held t USING unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS d"
				   "(subscription_id, mode, key, position, upto, attempts, first_at, next_attempt_at, last_status, last_error)"
				   " WHERE d.position = 0 AND t.subscription_id = d.subscription_id AND t.mode = d.mode AND t.key = d.key",
				   c, lengthof(types), n);
}

static int
oe_float_compare(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

static void
oe_in_flight_text(OeSub *sub, StringInfo buf)
{
	bool		first = true;
	dlist_iter	it;

	resetStringInfo(buf);
	appendStringInfoChar(buf, '{');
	dlist_foreach(it, &sub->live)
	{
		OeItem	   *item = dlist_container(OeItem, in_sub, it.cur);
		char		number[24];

		if (item->batch != NULL)
			continue;
		number[0] = ',';
		appendBinaryStringInfo(buf, first ? number + 1 : number, pg_lltoa(item->event->position, number + 1) + !first);
		first = false;
	}
	appendStringInfoChar(buf, '}');
}

/*
 * The member for the progress of this commit, locked.
 */
int
oe_progress_member(void)
{
	return oe_ring_take("progress", &oe_progress_hint);
}

/* The last three are of the columns that an extension of 0.1.0 lacks. */
#define OE_PROGRESS_ADDED 5
#define OE_PROGRESS_SQL(m, parameter, name, value) \
	"INSERT INTO odoo_events.progress_" m " (subscription_id, at, cursor, in_flight, batches, requests, delivered, failed," \
	" filter_errors, breaker, not_before, last_status, last_error, last_success_at, failing_since, p50, p95, outcomes, gate, fired_at, probe_ms" name ")" \
	" SELECT d.id, d.at, d.cursor, d.in_flight::int8[], d.batches::jsonb, d.requests, d.delivered, d.failed, d.filter_errors, d.breaker," \
	" d.not_before, d.last_status, d.last_error, d.last_success_at, d.failing_since, d.p50, d.p95, d.outcomes::int8[], d.gate, d.fired_at, d.probe_ms" value \
	" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21" parameter ") AS d" \
	" (id, at, cursor, in_flight, batches, requests, delivered, failed, filter_errors, breaker, not_before, last_status, last_error," \
	" last_success_at, failing_since, p50, p95, outcomes, gate, fired_at, probe_ms" name ")"
#define OE_PROGRESS_NEW(m) OE_PROGRESS_SQL(m, ", $22, $23, $24, $25, $26", \
	", openings, filter_error_at, filter_error_position, filter_passed, filter_refused", \
	", d.openings::timestamptz[], d.filter_error_at, d.filter_error_position, d.filter_passed, d.filter_refused")
#define OE_PROGRESS_OLD(m) OE_PROGRESS_SQL(m, "", "", "")

/*
 * Fills a row of progress from memory.
 */
static void
oe_put_progress(OeArrayColumn *c, int row, OeSub *sub, StringInfo buf)
{
	static const char *const breakers[] = {"closed", "open", "half_open"};
	float		took[lengthof(sub->took)];
	int			n = Min(sub->ntook, (int) lengthof(sub->took));

	memcpy(took, sub->took, sizeof(float) * n);
	qsort(took, n, sizeof(float), oe_float_compare);
	oe_columns_put(&c[0], row, Int32GetDatum(sub->id), false);
	oe_columns_put_time(&c[1], row, oe_delivery.now);
	oe_columns_put(&c[2], row, Int64GetDatum(sub->cursor), false);
	oe_in_flight_text(sub, buf);
	oe_columns_put_text(&c[3], row, buf->data);
	resetStringInfo(buf);
	oe_batch_json(sub, buf);
	oe_columns_put_text(&c[4], row, buf->data);
	oe_columns_put(&c[5], row, Int32GetDatum(sub->requests), false);
	oe_columns_put(&c[6], row, Int64GetDatum(sub->delivered), false);
	oe_columns_put(&c[7], row, Int64GetDatum(sub->failed), false);
	oe_columns_put(&c[8], row, Int64GetDatum(sub->filter_errors), false);
	oe_columns_put_text(&c[9], row, breakers[sub->breaker]);
	oe_columns_put_time(&c[10], row, sub->not_before);
	oe_columns_put(&c[11], row, Int32GetDatum(sub->last_status), sub->last_status == 0);
	oe_columns_put_text(&c[12], row, sub->last_error[0] ? sub->last_error : NULL);
	oe_columns_put_time(&c[13], row, sub->last_success_at);
	oe_columns_put_time(&c[14], row, sub->failing_since);
	oe_columns_put(&c[15], row, Float8GetDatum(n > 0 ? rint(took[n / 2] * 1e6) / 1e6 : 0), n == 0);
	oe_columns_put(&c[16], row, Float8GetDatum(n > 0 ? rint(took[n * 95 / 100] * 1e6) / 1e6 : 0), n == 0);
	resetStringInfo(buf);
	for (int i = 0; i < OE_REQUEST_OUTCOMES; i++)
		appendStringInfo(buf, "%c" INT64_FORMAT, i > 0 ? ',' : '{', sub->outcomes[i]);
	appendStringInfoChar(buf, '}');
	oe_columns_put_text(&c[17], row, buf->data);
	oe_columns_put(&c[18], row, Int64GetDatum(sub->release_position), sub->release_position == 0);
	oe_columns_put_time(&c[19], row, sub->fired_at);
	oe_columns_put(&c[20], row, Int32GetDatum(sub->probe_ms), false);
	resetStringInfo(buf);
	for (int i = 0; i < sub->nopenings; i++)
		appendStringInfo(buf, "%c\"%s\"", i > 0 ? ',' : '{', timestamptz_to_str(sub->openings[i]));
	appendStringInfoString(buf, sub->nopenings > 0 ? "}" : "{}");
	oe_columns_put_text(&c[21], row, buf->data);
	oe_columns_put_time(&c[22], row, sub->filter_error_at);
	oe_columns_put(&c[23], row, Int64GetDatum(sub->filter_error_position), sub->filter_error_at == 0);
	oe_columns_put(&c[24], row, Int64GetDatum(sub->filter_passed), false);
	oe_columns_put(&c[25], row, Int64GetDatum(sub->filter_refused), false);
}

/*
 * A row of progress for each of these.
 */
void
oe_write_progress(OeSub **subs, int n, int member)
{
	static SPIPlanPtr plans[2][OE_LOG_MEMBERS];
	static const Oid types[] = {INT4OID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, INT4OID, INT8OID, INT8OID, INT8OID, TEXTOID,
		TIMESTAMPTZOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, FLOAT8OID, FLOAT8OID, TEXTOID, INT8OID, TIMESTAMPTZOID, INT4OID, TEXTOID,
	TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID};
	bool		old = !oe_own_column("progress_0", "openings");
	OeArrayColumn *c = oe_columns(types, lengthof(types), n);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < n; i++)
		oe_put_progress(c, i, subs[i], &buf);
	if (old)
		oe_columns_run(&plans[1][member], member == 0 ? OE_PROGRESS_OLD("0") : OE_PROGRESS_OLD("1"), c, lengthof(types) - OE_PROGRESS_ADDED, n);
	else
		oe_columns_run(&plans[0][member], member == 0 ? OE_PROGRESS_NEW("0") : OE_PROGRESS_NEW("1"), c, lengthof(types), n);
}

/*
 * Within the commit: records the lost range and tells subscribers of it.
 */
void
oe_write_overrun(OeSub *sub)
{
	static const Oid types[3] = {INT4OID, INT8OID, INT8OID};
	Datum		v[3] = {Int32GetDatum(sub->id), Int64GetDatum(sub->lost_from), Int64GetDatum(sub->lost_to)};

	if (sub->lost_to != 0)
		(void) oe_spi(NULL, "SELECT odoo_events._overrun($1, $2, $3)", 3, types, v, NULL, false, 0);
}
