/*
 * reattach.c
 *	  Triggers that Odoo's life has taken away come back.
 *
 * Worker, outside a transaction, now and then, and only where this database is
 * armed: in a restore the triggers come last, and are the dump's to make.
 * Own work; locks a table of Odoo's conditionally, so it neither waits nor
 * lets anybody wait.  Runs no code of the database.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "base/fault.h"
#include "base/oe.h"
#include "base/session.h"
#include "capture/capture.h"

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
