/*
 * erasure.c
 *	  Does this worker still have bytes in memory that were erased?
 *
 * Worker, outside a transaction; one trusted transaction.  erase() changes
 * events in the tables.  What a worker has read before stays in its memory, in
 * queues, frozen batches and requests: the worker ends, and the next one reads
 * everything again.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "base/session.h"
#include "base/spi_row.h"
#include "worker/worker.h"

bool
oe_erasure_came(void)
{
	static int64 known = -1;	/* of the table; -1: not looked yet */
	OeSession	session;
	int64		last = 0;

	oe_own_begin(&session);
	/* an extension of 0.1.0 has no such table */
	if (oe_own_column("erasure", "acknowledged_at"))
	{
		(void) oe_spi(NULL, known < 0 ? "SELECT odoo_events._erasures_seen()" : "SELECT COALESCE(max(id), 0) FROM odoo_events.erasure",
					  0, NULL, NULL, NULL, known >= 0, 1);
		last = oe_spi_int8(0, 1);
	}
	oe_own_end(&session);
	if (known < 0)
		known = last;
	if (last == known)
		return false;
	ereport(LOG,
			(errmsg("odoo_events starts its worker of database \"%s\" again: personal data was erased", oe_session_database)));
	return true;
}
