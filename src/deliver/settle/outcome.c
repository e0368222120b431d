/*
 * outcome.c
 *	  Outcomes that come after the answer: accepted is not processed.
 *
 * Worker only.  Accepted events of subscriptions that wait for an outcome are
 * written with the settlement (table outcome_state).  A step, at most one a
 * second and only while something waits, looks for events that are outcomes,
 * and tells of what is overdue; both are statements of outcome.sql, in one
 * trusted transaction.  Pending outcomes hold nothing up: neither their key nor
 * the outbox.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/timestamp.h"

#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/settle/columns.h"
#include "deliver/settle/outcome.h"
#include "deliver/settle/write.h"

#define OE_OUTCOMES_US OE_SECOND	/* between two steps, at least */

static TimestampTz oe_stepped_at = 0;
static TimestampTz oe_due = 0;	/* PG_INT64_MAX: nothing is */
static int64 oe_scanned = -1;	/* outbox position up to which outcomes by
								 * event were looked for; -1: nowhere yet */
static bool oe_by_event = false;	/* something waits for an event */

/*
 * Within a settlement: the accepted events.
 */
void
oe_write_received(void)
{
	static SPIPlanPtr plan;
	static const Oid types[] = {INT4OID, INT8OID, TEXTOID, TEXTOID, INT4OID, BOOLOID};
	int			n = oe_delivery.nreceived;
	OeArrayColumn *c;

	if (n == 0)
		return;
	c = oe_columns(types, lengthof(types), n);
	for (int i = 0; i < n; i++)
	{
		OeReceived *r = &oe_delivery.received[i];

		oe_columns_put(&c[0], i, Int32GetDatum(r->sub), false);
		oe_columns_put(&c[1], i, Int64GetDatum(r->position), false);
		oe_columns_put_text(&c[2], i, r->location);
		oe_columns_put_text(&c[3], i, r->note);
		oe_columns_put(&c[4], i, Int32GetDatum(r->wait), r->wait < 0);
		oe_columns_put(&c[5], i, BoolGetDatum(r->processed), false);
	}
	oe_columns_run(&plan, "SELECT odoo_events._outcomes_open($1, $2, $3, $4, $5, $6)", c, lengthof(types), n);
}

void
oe_outcomes_wake(void)
{
	oe_due = Min(oe_due, oe_delivery.now);
}

static bool
oe_outcomes_wanted(void)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->conf != NULL && (sub->conf->outcomes == 'l' || sub->conf->outcomes == 'p'))
			return true;
	}
	return false;
}

TimestampTz
oe_outcomes_next(int64 last_position)
{
	TimestampTz due = oe_by_event && last_position > oe_scanned ? 0 : oe_due;

	return due == PG_INT64_MAX ? due : Max(due, oe_stepped_at + OE_OUTCOMES_US);
}

void
oe_outcomes_step(bool reload, int64 last_position)
{
	static const Oid types[] = {INT8OID};
	OeSession	session;
	Datum		scanned;
	bool		isnull;

	if (reload)
		oe_due = oe_outcomes_wanted() ? 0 : PG_INT64_MAX;
	if (oe_outcomes_next(last_position) > oe_delivery.now)
		return;
	oe_stepped_at = oe_delivery.now;
	scanned = Int64GetDatum(oe_scanned);
	oe_own_begin(&session);
	(void) oe_spi(NULL, "SELECT due, scanned, by_event FROM odoo_events._outcomes_step($1)", 1, types, &scanned, NULL, false, 1);
	oe_due = DatumGetTimestampTz(oe_cell(SPI_tuptable, 0, 1, &isnull));
	if (isnull)
		oe_due = PG_INT64_MAX;
	oe_scanned = oe_cell_int8(SPI_tuptable, 0, 2);
	oe_by_event = DatumGetBool(oe_cell(SPI_tuptable, 0, 3, &isnull));
	oe_own_end(&session);
}
