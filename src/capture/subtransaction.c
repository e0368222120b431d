/*
 * subtransaction.c
 *	  Runs steps of capture in subtransactions of their own (subtransaction.h).
 *
 * Odoo's backend.  Locks nothing by itself.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/guc.h"
#include "capture/subtransaction.h"

/*
 * RollbackAndReleaseCurrentSubTransaction() asserts that the parent is in progress.
 * It is not while a transaction commits or is prepared, although the rollback does
 * not depend on it.  On a server with assertions we put one more subtransaction in
 * between; others are spared its transaction id.
 */
#ifdef USE_ASSERT_CHECKING
#define OE_LEVEL_BETWEEN true
#else
#define OE_LEVEL_BETWEEN false
#endif

static void
oe_subtransaction_begin(void)
{
	if (OE_LEVEL_BETWEEN)
		BeginInternalSubTransaction(NULL);
	BeginInternalSubTransaction(NULL);
}

static void
oe_subtransaction_end(bool commit)
{
	if (commit)
		ReleaseCurrentSubTransaction();
	else
		RollbackAndReleaseCurrentSubTransaction();
	if (OE_LEVEL_BETWEEN)
		ReleaseCurrentSubTransaction();
}

/*
 * May this error be turned into a gap?  Not a cancellation, which must stop the
 * statement, nor a serialization failure, after which the client repeats its
 * transaction.
 */
static bool
oe_error_is_ours(int sqlerrcode)
{
	return sqlerrcode != ERRCODE_QUERY_CANCELED &&
		sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE &&
		ERRCODE_TO_CATEGORY(sqlerrcode) != ERRCODE_OPERATOR_INTERVENTION;
}

const char *
oe_subtransaction_run(void (*step) (void *arg), void *arg, const char *what)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	const char *volatile failure = NULL;

	oe_subtransaction_begin();
	PG_TRY();
	{
		step(arg);
		oe_subtransaction_end(true);
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(caller);
		edata = CopyErrorData();
		FlushErrorState();
		oe_subtransaction_end(false);
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (oe_guc_strict || !oe_error_is_ours(edata->sqlerrcode))
			ReThrowError(edata);
		ereport(LOG_SERVER_ONLY,
				(errcode(edata->sqlerrcode),
				 errmsg("odoo_events cannot %s: %s", what, edata->message)));
		failure = edata->message;
	}
	PG_END_TRY();
	return failure;
}
