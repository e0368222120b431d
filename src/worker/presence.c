/*
 * presence.c
 *	  The worker's place in shared memory: that it is there, for which database,
 *	  and what it says of itself.
 *
 * Worker only.  The slot may be given to another worker when this one has been
 * told to go: everything here looks at the generation first, or writes what the
 * next one overwrites.  Locks the slots for a few instructions.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/oe.h"
#include "base/session.h"
#include "base/shmem.h"
#include "walreader/reader.h"
#include "worker/presence.h"

static OeSlot *oe_my_slot = NULL;
static uint64 oe_my_generation = 0;

static void
oe_worker_detach(int code, Datum arg)
{
	OeSlot	   *slot = oe_my_slot;

	oe_reader_stop();
	oe_slots_lock(true);
	if (slot->dboid == DatumGetObjectId(arg) && slot->generation == oe_my_generation)
	{
		slot->pid = 0;
		slot->proc = NULL;
		strlcpy(slot->activity, "", sizeof(slot->activity));
	}
	oe_slots_unlock();
	oe_launcher_wake();
}

/*
 * For an error outside of a step, which ends the worker: while it is set up.
 */
static void
oe_worker_note_error(const char *message)
{
	oe_slots_lock(true);
	snprintf(oe_my_slot->last_error, sizeof(oe_my_slot->last_error), "starting: %s", message);
	oe_my_slot->last_error_at = GetCurrentTimestamp();
	oe_slots_unlock();
}

/*
 * Takes the slot that the launcher has made for the database.  Before
 * connecting: whoever wants us gone must find us.
 */
OeSlot *
oe_worker_enter(Oid dboid)
{
	oe_my_slot = oe_slot_find(dboid, false);
	if (oe_my_slot == NULL)
		proc_exit(0);
	oe_slots_lock(true);
	if (oe_my_slot->state != OE_WORKER_STARTING || oe_my_slot->pid != 0)
	{
		oe_slots_unlock();
		proc_exit(0);
	}
	oe_my_generation = oe_my_slot->generation;
	oe_my_slot->pid = MyProcPid;
	oe_my_slot->proc = MyProc;
	oe_slots_unlock();
	before_shmem_exit(oe_worker_detach, ObjectIdGetDatum(dboid));
	oe_session_note_errors(oe_worker_note_error);
	return oe_my_slot;
}

/*
 * Says what the worker is doing, to pg_stat_activity and worker_status.
 */
void
oe_worker_activity(const char *what)
{
	if (strcmp(oe_my_slot->activity, what) == 0)
		return;
	oe_slots_lock(true);
	strlcpy(oe_my_slot->activity, what, sizeof(oe_my_slot->activity));
	oe_my_slot->state_since = GetCurrentTimestamp();
	oe_slots_unlock();
	pgstat_report_activity(STATE_RUNNING, what);
}

/*
 * A database command that holds the worker off has the last word.
 */
void
oe_worker_state(OeWorkerState state)
{
	oe_slots_lock(true);
	if (oe_my_slot->generation == oe_my_generation && oe_my_slot->state != OE_WORKER_HELD)
	{
		oe_my_slot->state = state;
		oe_my_slot->state_since = GetCurrentTimestamp();
	}
	oe_slots_unlock();
	oe_launcher_wake();
}

/*
 * Is this a database to work in: neither a template nor without the extension
 * that the worker works for?
 */
bool
oe_worker_belongs_here(void)
{
	HeapTuple	tup;
	OeExtension ext;
	bool		here = false;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	tup = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	if (HeapTupleIsValid(tup))
	{
		here = !((Form_pg_database) GETSTRUCT(tup))->datistemplate;
		ReleaseSysCache(tup);
	}
	here = here && oe_extension_lookup(&ext) &&
		(!OidIsValid(oe_session_extension) || ext.oid == oe_session_extension);
	if (here)
		oe_session_extension = ext.oid;
	PopActiveSnapshot();
	CommitTransactionCommand();
	return here;
}

/*
 * Leaves for good, until CREATE EXTENSION registers the database again.
 */
void
oe_worker_leave(void)
{
	if (OidIsValid(oe_session_extension))
		ereport(LOG,
				(errmsg("odoo_events leaves database \"%s\": the extension was dropped",
						oe_session_database)));
	oe_reader_forget();
	oe_worker_state(OE_WORKER_ABSENT);
	proc_exit(0);
}

/*
 * It runs: what the one before it failed at is over.
 */
void
oe_worker_forget_error(void)
{
	oe_slots_lock(true);
	oe_my_slot->last_error[0] = '\0';
	oe_my_slot->last_error_at = 0;
	oe_slots_unlock();
}
