/*
 * bgworker.c
 *	  How the background workers of odoo_events are registered.
 *
 * Postmaster (the launcher's registration) and background workers.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/bgworker.h"
#include "base/oe.h"

void
oe_bgworker_init(BackgroundWorker *worker, const char *what, const char *function, Oid dboid,
				 const char *database)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	worker->bgw_notify_pid = MyProcPid;
	worker->bgw_main_arg = ObjectIdGetDatum(dboid);
	snprintf(worker->bgw_library_name, BGW_MAXLEN, OE_EXTENSION);
	snprintf(worker->bgw_function_name, BGW_MAXLEN, "%s", function);
	snprintf(worker->bgw_type, BGW_MAXLEN, OE_EXTENSION " %s", what);
	if (OidIsValid(dboid))
		snprintf(worker->bgw_name, BGW_MAXLEN, OE_EXTENSION " %s for database %s", what, database);
	else
		snprintf(worker->bgw_name, BGW_MAXLEN, OE_EXTENSION " %s", what);
}
