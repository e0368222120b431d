/*
 * bound.c
 *	  Settings that count only in the transaction that set them.
 *
 * Any process, in the check hooks of guc.c.  A connection is shared where a
 * pooler stands between: what one client sets for its session would reach the
 * next one, which knows nothing of it.  A check hook cannot tell SET from SET
 * LOCAL, so each value remembers the transaction in which it was set, by its
 * local id, and is ignored in any other.  What could only be meant for longer
 * is refused.  The whole server's configuration stays: it is nobody's secret,
 * and health() tells of it.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "tcop/pquery.h"

#include "base/bound.h"
#include "base/compat.h"

/*
 * Is a SET being run by itself?  A function or a DO block that sets something
 * goes on in the same transaction; a SET without a transaction block is over.
 */
static bool
oe_bare_set(void)
{
	return !IsTransactionBlock() && ActivePortal != NULL && ActivePortal->commandTag == CMDTAG_SET;
}

bool
oe_bound_check(void **extra, GucSource source, const char *name, const char *statement)
{
	LocalTransactionId *lxid;

	/* a parallel worker gets what its leader has, and changes no rows */
	if (source < PGC_S_GLOBAL || source == PGC_S_OVERRIDE || InitializingParallelWorker)
		return true;
	if (source != PGC_S_SESSION)
	{
		GUC_check_errcode(ERRCODE_FEATURE_NOT_SUPPORTED);
		GUC_check_errmsg("parameter \"%s\" cannot be set for a role, a database, a function or a connection", name);
		GUC_check_errdetail("It counts only in the transaction that sets it: connections can be shared.");
		GUC_check_errhint("Use: BEGIN; %s", statement);
		return false;
	}
	if (oe_bare_set())
	{
		GUC_check_errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION);
		GUC_check_errmsg("parameter \"%s\" can only be set in a transaction block", name);
		GUC_check_errdetail("It counts only in the transaction that sets it: connections can be shared.");
		GUC_check_errhint("Use: BEGIN; %s", statement);
		return false;
	}
	lxid = oe_guc_alloc(sizeof(LocalTransactionId));
	if (lxid == NULL)
		return false;
	*lxid = oe_my_lxid();
	*extra = lxid;
	return true;
}
