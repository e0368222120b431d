/*
 * reattach.c
 *	  Makes triggers again that are missing, for example because Odoo has rebuilt a
 *	  table.
 *
 * Worker, outside a transaction, from time to time, and only where this database is
 * armed: during a restore the triggers are missing until the dump makes them.  A
 * trusted transaction; it locks a table of Odoo's conditionally, and so neither waits
 * nor keeps others waiting.  Runs no code of the database.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/oe.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "capture/reattach.h"

PG_FUNCTION_INFO_V1(oe_sql_complete_at);

/* When this process last found all triggers in place; 0: not yet. */
static TimestampTz oe_complete_at = 0;

/*
 * _complete_at(complete): the time at which all triggers were in place last.  A
 * trigger that is found missing later was lost after that.
 */
Datum
oe_sql_complete_at(PG_FUNCTION_ARGS)
{
	if (PG_GETARG_BOOL(0))
		oe_complete_at = GetCurrentTimestamp();
	if (oe_complete_at == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(oe_complete_at);
}

void
oe_capture_reattach(void)
{
	OeSession	s;
	bool		isnull;
	int			made;

	oe_own_begin(&s);
	(void) oe_spi(NULL, "SELECT odoo_events._reattach()", 0, NULL, NULL, NULL, false, 1);
	made = DatumGetInt32(oe_cell(SPI_tuptable, 0, 1, &isnull));
	if (made > 0)
	{
		OE_FAULT("reattach-made");
	}
	oe_own_end(&s);
	if (made > 0)
	{
		OE_FAULT("reattach-committed");
	}
}
