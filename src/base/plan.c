/*
 * plan.c
 *	  How statements on rings are planned.
 *
 * Any process, in a trusted transaction.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "base/plan.h"

/*
 * A plan is made while the outbox is small and still used when it is large.  The
 * settings here force it to use the index.
 */
void
oe_plan_by_index(void)
{
	static const char *const off[] = {"enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_hashjoin", "enable_mergejoin",

		/*
		 * disabled plan nodes have huge costs, for which a backend that calls
		 * publish() would start the JIT compiler
		 */
	"jit"};

	for (int i = 0; i < lengthof(off); i++)
		(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}
