/*
 * yield.c
 *	  Lets the worker do other things while a long step of publishing runs.
 *
 * Steps that cannot be cut into time slices (reading or writing one large
 * transaction) call oe_publish_yield() between two rows.  Call it as a trusted
 * transaction or outside any transaction, never as the owner of Odoo's tables:
 * what the worker does in the meantime begins transactions of its own.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "publish/model/yield.h"

/* How long others wait during a step that cannot be cut, in milliseconds. */
#define OE_YIELD_MS OE_TUNED("breath-ms", 10)

void		(*oe_publish_yield_hook) (void) = NULL;
static TimestampTz oe_yielded_at = 0;

/*
 * Others have just had their time, or a new time slice begins.
 */
void
oe_publish_yielded(void)
{
	oe_yielded_at = GetCurrentTimestamp();
}

/*
 * Lets others run if it is time to; returns whether it was.  Not in an as-owner
 * transaction.
 */
bool
oe_publish_yield(void)
{
	if (oe_publish_yield_hook == NULL || !TimestampDifferenceExceeds(oe_yielded_at, GetCurrentTimestamp(), OE_YIELD_MS))
		return false;
	CHECK_FOR_INTERRUPTS();
	oe_publish_yield_hook();
	oe_yielded_at = GetCurrentTimestamp();
	return true;
}
