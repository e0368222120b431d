/*
 * reattach.c
 *	  Triggers that Odoo's life has taken away come back.
 *
 * Worker, outside a transaction, now and then, and only where this database is
 * armed: in a restore the triggers come last, and are the dump's to make.
 * Trusted transaction; locks a table of Odoo's conditionally, so it neither waits nor
 * lets anybody wait.  Runs no code of the database.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/oe.h"
#include "base/session.h"
#include "capture/reattach.h"

PG_FUNCTION_INFO_V1(oe_sql_complete_at);

/* When this process last found that all was captured; 0: not yet. */
static TimestampTz oe_complete_at = 0;

/*
 * _complete_at(complete): what is found uncaptured later has been so since
 * then at the earliest.
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
	made = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
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
