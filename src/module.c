/*
 * module.c
 *	  Entry point of the library.
 *
 * Loaded into the postmaster through shared_preload_libraries, which makes
 * shared memory, hooks and the launcher; or on demand into a backend, where
 * capture and publish() work without being able to wake anybody.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "capture/capture.h"
#include "process/reader.h"
#include "publish/cycle.h"
#include "worker/restored.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * Defines the settings; in the postmaster also all that must exist before the
 * first backend.  pg_upgrade loads libraries to see whether they load: it gets
 * settings only.
 */
void
_PG_init(void)
{
	oe_guc_define();
	if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
	{
		oe_restored_note();
		oe_shmem_init();
		oe_hooks_init();
		oe_launcher_register();
	}
	oe_capture_init();
	oe_published_hook = oe_reader_after_publish;
}
