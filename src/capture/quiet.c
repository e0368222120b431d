/*
 * quiet.c
 *	  quiet(reason): a transaction whose changes become no events.
 *
 * Odoo's backend, in the caller's transaction.  quiet() sets odoo_events.capture,
 * which counts in this transaction only (base/bound.h).  The reason is kept with the
 * transaction's local id, so that it counts for just as long.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/bound.h"
#include "capture/journal.h"

static char *oe_reason = NULL;
static LocalTransactionId oe_reason_bound = InvalidLocalTransactionId;

/*
 * The reason that this transaction gave; NULL: none.
 */
const char *
oe_quiet_reason(void)
{
	return oe_reason != NULL && oe_reason_bound == oe_my_lxid() ? oe_reason : NULL;
}

PG_FUNCTION_INFO_V1(oe_sql_quiet);

/*
 * _quiet(reason text).  Refused outside a transaction block, where it would concern
 * its own statement only.
 */
Datum
oe_sql_quiet(PG_FUNCTION_ARGS)
{
	if (!IsTransactionBlock() && ActivePortal != NULL && ActivePortal->commandTag == CMDTAG_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION),
				 errmsg("quiet() can only be called in a transaction block"),
				 errdetail("It counts only in the transaction that calls it: connections can be shared."),
				 errhint("Use: BEGIN; SELECT odoo_events.quiet('...'); ...; COMMIT;")));
	if (oe_reason != NULL)
		pfree(oe_reason);
	oe_reason = NULL;
	oe_reason = MemoryContextStrdup(TopMemoryContext, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	oe_reason_bound = oe_my_lxid();
	(void) set_config_option("odoo_events.capture", "off", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	PG_RETURN_VOID();
}
