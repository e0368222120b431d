/*
 * launcher.c
 *	  Finds the databases that have the extension and keeps a worker for each.
 *
 * A static background worker without a database: it reads shared catalogs
 * only, in short transactions, and never connects to anything, so that it is
 * in nobody's way.  Whether a database has the extension is found out by its
 * worker, which goes again if not; databases never seen before are tried one
 * at a time, so that a server with hundreds of them does not lose its worker
 * slots to us.  Locks: the slots' LWLock for moments.
 *
 *	   NONE -> STARTING -> RUNNING -> (exit) BACKOFF -> NONE
 *				 |  \-> ABSENT (no extension; CREATE EXTENSION -> NONE)
 *				 \----> REFUSED (owner cannot log in; looked at again later)
 *	   any -> HELD (hooks.c: DROP, RENAME ... DATABASE) -> NONE
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/bgworker.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/oe.h"
#include "base/shmem.h"
#include "worker/worker.h"

#define OE_RESCAN_MS 60000
#define OE_REFUSED_AGAIN_MS 60000

typedef struct OeDatabase
{
	Oid			oid;
	Oid			owner;
	bool		owner_can_login;
	NameData	name;
} OeDatabase;

/* A worker we started. */
typedef struct OeChild
{
	Oid			dboid;
	BackgroundWorkerHandle *handle;
} OeChild;

static List *oe_children = NIL;
static List *oe_absent = NIL;	/* oids of databases without the extension */

extern PGDLLEXPORT void oe_launcher_main(Datum arg);

void
oe_launcher_register(void)
{
	BackgroundWorker worker;

	oe_bgworker_init(&worker, "launcher", "oe_launcher_main", InvalidOid);
	worker.bgw_restart_time = 10;
	worker.bgw_notify_pid = 0;
	RegisterBackgroundWorker(&worker);
}

static bool
oe_role_can_login(Oid role)
{
	HeapTuple	tup = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		can = false;

	if (HeapTupleIsValid(tup))
	{
		can = ((Form_pg_authid) GETSTRUCT(tup))->rolcanlogin;
		ReleaseSysCache(tup);
	}
	return can;
}

/*
 * Is the database one that odoo_events.databases names?
 */
static bool
oe_database_wanted(const char *name)
{
	List	   *names = NIL;
	ListCell   *lc;
	bool		found = false;

	if (oe_guc_databases == NULL || oe_guc_databases[0] == '\0')
		return true;
	if (!SplitIdentifierString(pstrdup(oe_guc_databases), ',', &names))
		return false;
	foreach(lc, names)
	{
		if (strcmp((char *) lfirst(lc), name) == 0)
			found = true;
	}
	list_free(names);
	return found;
}

/*
 * The databases that may have a worker: neither templates nor closed ones.
 * Allocated in the caller's context.
 */
static List *
oe_list_databases(void)
{
	List	   *result = NIL;
	MemoryContext cxt = CurrentMemoryContext;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tup;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tup = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tup);
		OeDatabase *db;
		MemoryContext old;

		if (!form->datallowconn || form->datistemplate ||
			!oe_database_wanted(NameStr(form->datname)))
			continue;
		old = MemoryContextSwitchTo(cxt);
		db = palloc(sizeof(OeDatabase));
		db->oid = form->oid;
		db->owner = form->datdba;
		db->owner_can_login = false;
		db->name = form->datname;
		result = lappend(result, db);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	for (int i = 0; i < list_length(result); i++)
	{
		OeDatabase *db = list_nth(result, i);

		db->owner_can_login = oe_role_can_login(db->owner);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(cxt);
	return result;
}

static void
oe_slot_refuse(OeSlot *slot, const char *why)
{
	oe_slots_lock(true);
	slot->state = OE_WORKER_REFUSED;
	slot->state_since = slot->last_error_at = GetCurrentTimestamp();
	slot->next_start = TimestampTzPlusMilliseconds(slot->state_since, OE_REFUSED_AGAIN_MS);
	strlcpy(slot->last_error, why, sizeof(slot->last_error));
	oe_slots_unlock();
}

/*
 * Registers the worker of a database; its state says STARTING until it has
 * found out whether the extension is there.
 */
static void
oe_start_worker(OeSlot *slot, OeDatabase *db)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	MemoryContext old;
	OeChild    *child;

	if (!db->owner_can_login)
	{
		if (slot->state != OE_WORKER_REFUSED)
			ereport(LOG,
					(errmsg("no worker of odoo_events for database \"%s\": its owner cannot log in",
							NameStr(db->name)),
					 errhint("ALTER ROLE ... LOGIN, or give the database to a role that can.")));
		oe_slot_refuse(slot, "the database's owner cannot log in");
		return;
	}

	oe_bgworker_init(&worker, "worker", "oe_worker_main", db->oid);
	memcpy(worker.bgw_extra, &db->owner, sizeof(Oid));

	oe_slots_lock(true);
	slot->state = OE_WORKER_STARTING;
	slot->state_since = GetCurrentTimestamp();
	slot->generation++;
	oe_slots_unlock();

	old = MemoryContextSwitchTo(TopMemoryContext);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		MemoryContextSwitchTo(old);
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker is free for odoo_events in database \"%s\"",
						NameStr(db->name)),
				 errhint("Raise max_worker_processes.")));
		oe_slot_refuse(slot, "no background worker is free: raise max_worker_processes");
		return;
	}
	child = palloc(sizeof(OeChild));
	child->dboid = db->oid;
	child->handle = handle;
	oe_children = lappend(oe_children, child);
	MemoryContextSwitchTo(old);
}

/*
 * A worker has gone, not because it was asked to; under the lock.
 */
static void
oe_slot_back_off(OeSlot *slot)
{
	slot->state = OE_WORKER_BACKOFF;
	slot->state_since = GetCurrentTimestamp();
	slot->next_start = TimestampTzPlusMilliseconds(slot->state_since, oe_guc_restart_delay);
	slot->restarts++;
}

/*
 * Takes note of workers that have gone.
 */
static void
oe_reap_workers(void)
{
	List	   *alive = NIL;
	ListCell   *lc;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	foreach(lc, oe_children)
	{
		OeChild    *child = lfirst(lc);
		OeSlot	   *slot;
		pid_t		pid;

		if (GetBackgroundWorkerPid(child->handle, &pid) != BGWH_STOPPED)
		{
			alive = lappend(alive, child);
			continue;
		}
		slot = oe_slot_find(child->dboid, false);
		if (slot)
		{
			oe_slots_lock(true);
			slot->pid = 0;
			slot->proc = NULL;
			if (slot->state == OE_WORKER_ABSENT)
			{
				oe_absent = list_append_unique_oid(oe_absent, slot->dboid);
				/* what was registered meanwhile is seen by the next scan */
				if (!(pg_atomic_read_u32(&slot->wakes) & OE_WAKE_REGISTER))
					slot->dboid = InvalidOid;
				else
					slot->state = OE_WORKER_NONE;
			}
			else if (slot->state != OE_WORKER_HELD)
				oe_slot_back_off(slot);
			oe_slots_unlock();
		}
		pfree(child->handle);
		pfree(child);
	}
	list_free(oe_children);
	oe_children = alive;
	MemoryContextSwitchTo(old);
}

static bool
oe_has_child(Oid dboid)
{
	ListCell   *lc;

	foreach(lc, oe_children)
	{
		if (((OeChild *) lfirst(lc))->dboid == dboid)
			return true;
	}
	return false;
}

/*
 * Gives the slots of databases that are gone to others.
 */
static void
oe_free_slots(List *databases)
{
	OeSlot	   *slots = oe_slots();

	for (int i = 0; i < OE_MAX_DATABASES; i++)
	{
		bool		exists = false;
		ListCell   *lc;

		if (!OidIsValid(slots[i].dboid) || oe_has_child(slots[i].dboid))
			continue;
		foreach(lc, databases)
		{
			if (((OeDatabase *) lfirst(lc))->oid == slots[i].dboid)
				exists = true;
		}
		if (exists)
			continue;
		oe_slots_lock(true);
		slots[i].dboid = InvalidOid;
		oe_slots_unlock();
	}
}

/*
 * Decides for one database; returns whether its probe is under way, which
 * holds up the probing of others.
 */
static bool
oe_consider(OeDatabase *db, bool may_probe)
{
	OeSlot	   *slot = oe_slot_find(db->oid, false);
	bool		registered = slot &&
	(pg_atomic_read_u32(&slot->wakes) & OE_WAKE_REGISTER) != 0;
	OeWorkerState state;

	/*
	 * A flag stays while there is a worker, which may have looked for the
	 * extension just before it was there: it is taken when that has gone.
	 */
	if (oe_has_child(db->oid))
		return slot && slot->state == OE_WORKER_STARTING;
	if (registered)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		pg_atomic_fetch_and_u32(&slot->wakes, ~OE_WAKE_REGISTER);
		oe_absent = list_delete_oid(oe_absent, db->oid);
		MemoryContextSwitchTo(old);
	}
	else if (list_member_oid(oe_absent, db->oid))
		return false;

	if (!may_probe && !registered)
		return false;
	if (slot == NULL)
		slot = oe_slot_find(db->oid, true);
	if (slot == NULL)
		return false;
	oe_slots_lock(true);
	/* a worker that the launcher before us started: alive, or gone unseen */
	if (slot->pid != 0)
	{
		oe_slots_unlock();
		return false;
	}
	if (slot->state == OE_WORKER_STARTING || slot->state == OE_WORKER_RUNNING)
		oe_slot_back_off(slot);
	state = slot->state;
	if (state != OE_WORKER_NONE && slot->next_start > GetCurrentTimestamp())
	{
		oe_slots_unlock();
		return false;
	}
	oe_slots_unlock();
	oe_start_worker(slot, db);
	return slot->state == OE_WORKER_STARTING;
}

/*
 * How long nothing will be due, ms.
 */
static long
oe_launcher_timeout(void)
{
	OeSlot	   *slots = oe_slots();
	TimestampTz now = GetCurrentTimestamp();
	long		timeout = OE_RESCAN_MS;

	for (int i = 0; i < OE_MAX_DATABASES; i++)
		if (OidIsValid(slots[i].dboid) && slots[i].next_start > now &&
			(slots[i].state == OE_WORKER_BACKOFF || slots[i].state == OE_WORKER_HELD ||
			 slots[i].state == OE_WORKER_REFUSED))
			timeout = Min(timeout, TimestampDifferenceMilliseconds(now, slots[i].next_start) + 1);
	return timeout;
}

static void
oe_launcher_exit(int code, Datum arg)
{
	oe_launcher_set_latch(NULL);
}

void
oe_launcher_main(Datum arg)
{
	MemoryContext cxt;
	uint32		wait_event;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	before_shmem_exit(oe_launcher_exit, (Datum) 0);
	oe_launcher_set_latch(MyProc);
	wait_event = oe_wait_event_new("OdooEventsLauncher");
	cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events launcher", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		List	   *databases;
		ListCell   *lc;
		bool		probing = false;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextSwitchTo(cxt);
		oe_reap_workers();
		databases = oe_list_databases();
		oe_free_slots(databases);
		foreach(lc, databases)
		{
			if (oe_consider(lfirst(lc), !probing))
				probing = true;
		}
		MemoryContextReset(cxt);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 oe_launcher_timeout(), wait_event);
		ResetLatch(MyLatch);
	}
}
