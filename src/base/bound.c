/*
 * bound.c
 *	  Settings that count only in the transaction that set them.
 *
 * Any process, in the check hooks of guc.c.  Clients of a connection pooler
 * share sessions: a value that one of them sets for its session would also be
 * in force for the next client, which did not ask for it.  A check hook cannot
 * tell SET from SET LOCAL.  Each value therefore remembers the local id of the
 * transaction in which it was set, and is ignored in any other transaction.
 * Ways of setting that can only mean a longer time (SET outside a transaction
 * block, ALTER ROLE ... SET) are refused.  A value in postgresql.conf is
 * allowed: it concerns everybody, and health() reports it.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "tcop/pquery.h"

#include "base/bound.h"
#include "base/compat.h"

/*
 * Is a SET being run outside a transaction block?  Its value would be gone with
 * the statement.  A function or a DO block that sets something is no such case,
 * because it goes on in the same transaction.
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

	/* a parallel worker gets the values of its leader, and changes no rows */
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
