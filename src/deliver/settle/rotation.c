/*
 * rotation.c
 *	  Rotates the rings of progress and attempts; finds what delivery still
 *	  needs.
 *
 * Worker only, outside a transaction, now and then.  A ring moves on to its
 * other member when that is empty.  The full member is emptied by TRUNCATE when
 * nothing in it is needed, or later if somebody holds a lock on it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/guc.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/settle/rotation.h"
#include "deliver/settle/settle.h"
#include "deliver/settle/write.h"

#define OE_PROGRESS_ROWS OE_TUNED("progress-rows", 50000)

/* What maintenance looks at before it does anything. */
typedef struct OeLogRings
{
	bool		progress_used[2];
	bool		progress_full[2];
	bool		attempt_used[2];
	bool		attempt_old[2]; /* its first row is older than the retention */
} OeLogRings;

/*
 * Deletes what is left in a table of subscriptions that are gone for good.
 */
static void
oe_clear_dropped(const char *table)
{
	(void) oe_spi(NULL, psprintf("DELETE FROM odoo_events.%s t WHERE NOT EXISTS"
								 " (SELECT 1 FROM odoo_events.subscription_config c WHERE c.id = t.subscription_id)%s", table,
								 oe_own_column("unsubscribed", "until") ?
								 " AND NOT EXISTS (SELECT 1 FROM odoo_events.unsubscribed u WHERE u.subscription_id = t.subscription_id)" : ""),
				  0, NULL, NULL, NULL, false, 0);
}

/*
 * Looks at the rings, and deletes what dropped subscriptions have left behind.
 */
static void
oe_ring_look(OeLogRings *s)
{
	static const Oid types[2] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[2] = {Int64GetDatum(OE_PROGRESS_ROWS),
	TimestampTzGetDatum(GetCurrentTimestamp() - (int64) oe_guc_attempt_retention * 1000000)};
	OeSession	session;

	oe_own_begin(&session);
	(void) oe_spi(NULL, "SELECT EXISTS (SELECT 1 FROM odoo_events.progress_0), EXISTS (SELECT 1 FROM odoo_events.progress_1),"
				  " EXISTS (SELECT 1 FROM odoo_events.progress_0 OFFSET $1), EXISTS (SELECT 1 FROM odoo_events.progress_1 OFFSET $1),"
				  " EXISTS (SELECT 1 FROM odoo_events.attempt_0), EXISTS (SELECT 1 FROM odoo_events.attempt_1),"
				  " (SELECT a.at < $2 FROM odoo_events.attempt_0 a ORDER BY a.n LIMIT 1),"
				  " (SELECT a.at < $2 FROM odoo_events.attempt_1 a ORDER BY a.n LIMIT 1)",
				  2, types, values, NULL, true, 1);
	for (int i = 0; i < 2; i++)
	{
		s->progress_used[i] = oe_cell_bool(SPI_tuptable, 0, 1 + i);
		s->progress_full[i] = oe_cell_bool(SPI_tuptable, 0, 3 + i);
		s->attempt_used[i] = oe_cell_bool(SPI_tuptable, 0, 5 + i);
		s->attempt_old[i] = oe_cell_bool(SPI_tuptable, 0, 7 + i);
	}
	oe_clear_dropped("held");
	oe_clear_dropped("dead");
	if (oe_own_column("unsubscribed", "until"))
		(void) oe_spi(NULL, "SELECT odoo_events._clear_shelf()", 0, NULL, NULL, NULL, false, 0);
	oe_own_end(&session);
}

/*
 * Writes the progress of all subscriptions into the other member, then empties
 * the full one.
 */
static void
oe_progress_rotate(OeLogRings *s)
{
	static const char *const needed[2] = {
		"SELECT EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE"
		" (SELECT max(p.n) FROM odoo_events.progress_0 p WHERE p.subscription_id = c.id) >"
		" COALESCE((SELECT max(p.n) FROM odoo_events.progress_1 p WHERE p.subscription_id = c.id), 0))",
		"SELECT EXISTS (SELECT 1 FROM odoo_events.subscription_config c WHERE"
		" (SELECT max(p.n) FROM odoo_events.progress_1 p WHERE p.subscription_id = c.id) >"
		" COALESCE((SELECT max(p.n) FROM odoo_events.progress_0 p WHERE p.subscription_id = c.id), 0))"
	};
	int			here = oe_progress_hint;
	int			other = 1 - here;
	dlist_iter	it;

	if (s->progress_full[here] && !s->progress_used[other])
	{
		oe_progress_hint = other;
		dlist_foreach(it, &oe_delivery.subs)
			dlist_container(OeSub, node, it.cur)->dirty = true;
		OE_FAULT("progress-moved");
		oe_settle_commit();
		other = here;
	}
	if (s->progress_full[other] || (s->progress_used[other] && s->progress_full[1 - other]))
		(void) oe_ring_empty("progress", other, needed[other], 0, NULL, NULL, NULL);
}

static void
oe_attempt_rotate(OeLogRings *s)
{
	static const char *const needed[2] = {
		"SELECT EXISTS (SELECT 1 FROM odoo_events.attempt_0 a WHERE a.at >= $1)",
		"SELECT EXISTS (SELECT 1 FROM odoo_events.attempt_1 a WHERE a.at >= $1)"
	};
	static const Oid types[1] = {TIMESTAMPTZOID};
	Datum		values[1] = {TimestampTzGetDatum(GetCurrentTimestamp() - (int64) oe_guc_attempt_retention * 1000000)};
	int			other = 1 - oe_attempt_hint;

	if (s->attempt_used[other] && s->attempt_old[other] &&
		oe_ring_empty("attempt", other, needed[other], 1, types, values, NULL))
		s->attempt_used[other] = false;
	if (s->attempt_old[oe_attempt_hint] && !s->attempt_used[other])
		oe_attempt_hint = other;
}

void
oe_deliver_maintain(void)
{
	OeLogRings	state;

	memset(&state, 0, sizeof(state));
	oe_ring_look(&state);
	oe_progress_rotate(&state);
	oe_attempt_rotate(&state);
}

/*
 * Reads the tables, not memory: results that are not committed may be needed
 * after a crash, and subscriptions that the worker has not loaded count as
 * well.
 */
int64
oe_deliver_low_water(void)
{
	OeSession	session;
	bool		isnull;
	Datum		d;
	int64		result;

	oe_own_begin(&session);
	(void) oe_spi(NULL, "SELECT odoo_events._low_water()", 0, NULL, NULL, NULL, true, 1);
	d = oe_cell(SPI_tuptable, 0, 1, &isnull);
	result = isnull ? PG_INT64_MAX : DatumGetInt64(d);
	oe_own_end(&session);
	return result;
}
