/*
 * launcher.c
 *	  Finds the databases that have the extension and keeps a worker for
 *	  each.
 *
 * A static background worker that connects to no database: it reads shared
 * catalogs only, in short transactions.  Whether a database has the extension is
 * found out by its worker, which ends again if not.  Databases that were never
 * seen are tried one at a time, so that a server with hundreds of them does not
 * lose its worker slots.
 *
 * Locks: the slots' LWLock, for moments.  src/README.md has the states of a slot
 * and their transitions.
 */
#include "postgres.h"

#include <signal.h>

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
#include "base/fault.h"
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
	bool		wanted;			/* may have a worker */
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

	oe_bgworker_init(&worker, "launcher", "oe_launcher_main", InvalidOid, NULL);
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
 * All databases; those that may have a worker are neither templates nor closed,
 * and named by odoo_events.databases.  Allocated in the caller's context.
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

		old = MemoryContextSwitchTo(cxt);
		db = palloc(sizeof(OeDatabase));
		db->oid = form->oid;
		db->owner = form->datdba;
		db->owner_can_login = false;
		db->wanted = form->datallowconn && !form->datistemplate &&
			oe_database_wanted(NameStr(form->datname));
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

/*
 * A database command may have taken hold of the database meanwhile: that stays.
 */
static void
oe_slot_refuse(OeSlot *slot, const char *why)
{
	oe_slots_lock(true);
	if (slot->state != OE_WORKER_HELD)
	{
		slot->state = OE_WORKER_REFUSED;
		slot->state_since = slot->last_error_at = GetCurrentTimestamp();
		slot->next_start = TimestampTzPlusMilliseconds(slot->state_since, OE_REFUSED_AGAIN_MS);
		strlcpy(slot->last_error, why, sizeof(slot->last_error));
	}
	oe_slots_unlock();
}

static void
oe_refuse_owner(OeSlot *slot, OeDatabase *db)
{
	if (slot->state != OE_WORKER_REFUSED)
		ereport(LOG,
				(errmsg("no worker of odoo_events for database \"%s\": its owner cannot log in",
						NameStr(db->name)),
				 errhint("ALTER ROLE ... LOGIN, or give the database to a role that can.")));
	oe_slot_refuse(slot, "the database's owner cannot log in");
}

/*
 * Registers the worker of a database.  The slot says STARTING already: where a
 * database command has taken hold of it since, the worker sees that before it
 * connects, and goes.
 */
static void
oe_start_worker(OeSlot *slot, OeDatabase *db)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	MemoryContext old;
	OeChild    *child;

	OE_FAULT("hold-start");
	oe_bgworker_init(&worker, "worker", "oe_worker_main", db->oid, NameStr(db->name));
	memcpy(worker.bgw_extra, &db->owner, sizeof(Oid));

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

static OeDatabase *
oe_database_of(List *databases, Oid dboid)
{
	ListCell   *lc;

	foreach(lc, databases)
	{
		if (((OeDatabase *) lfirst(lc))->oid == dboid)
			return lfirst(lc);
	}
	return NULL;
}

/*
 * Has a database no process of ours?  A worker that the launcher before us has
 * started is none of our children, but it is in its slot.  Under the lock.
 */
static bool
oe_slot_idle(const OeSlot *slot)
{
	return slot->pid == 0 && slot->recorder_pid == 0 && slot->reader_pid == 0 && !oe_has_child(slot->dboid);
}

/*
 * Frees the slots of databases that are gone.
 */
static void
oe_free_slots(List *databases)
{
	OeSlot	   *slots = oe_slots();

	oe_slots_lock(true);
	for (int i = 0; i < oe_guc_max_databases; i++)
		if (OidIsValid(slots[i].dboid) && oe_slot_idle(&slots[i]) &&
			oe_database_of(databases, slots[i].dboid) == NULL)
			slots[i].dboid = InvalidOid;
	oe_slots_unlock();
}

/*
 * All slots are taken: frees one of a database that may have no worker.  It
 * loses nothing but its statistics.
 */
static void
oe_free_unwanted_slot(List *databases)
{
	OeSlot	   *slots = oe_slots();
	bool		freed = false;

	oe_slots_lock(true);
	for (int i = 0; i < oe_guc_max_databases && !freed; i++)
	{
		OeDatabase *db = oe_database_of(databases, slots[i].dboid);

		freed = db != NULL && !db->wanted && oe_slot_idle(&slots[i]);
		if (freed)
			slots[i].dboid = InvalidOid;
	}
	oe_slots_unlock();
}

/*
 * odoo_events.databases names the database no longer: its worker is to go.
 */
static void
oe_stop_unwanted(OeDatabase *db)
{
	OeSlot	   *slot = oe_slot_find(db->oid, false);
	int			pid = 0;

	if (slot == NULL)
		return;
	oe_slots_lock(true);
	if (slot->dboid == db->oid)
		pid = slot->pid;
	if (slot->dboid == db->oid && oe_slot_idle(slot))
		slot->state = OE_WORKER_NONE;
	oe_slots_unlock();
	if (pid != 0)
		(void) kill(pid, SIGTERM);
}

/*
 * Where the clock was set back since, the wait begins again: it would last
 * until the clock is there once more.
 */
static void
oe_slot_follow_clock(OeSlot *slot)
{
	TimestampTz now = GetCurrentTimestamp();

	if (slot->state_since <= now || slot->next_start <= slot->state_since)
		return;
	slot->next_start -= slot->state_since - now;
	slot->state_since = now;
}

/*
 * Is it time to start the worker of a slot?  If so it says STARTING from here
 * on, or REFUSED where the owner cannot log in.
 */
static bool
oe_slot_may_start(OeSlot *slot, bool owner_can_login)
{
	bool		may = false;

	oe_slots_lock(true);
	/* a pid is of a worker that the launcher before us started */
	if (slot->pid == 0)
	{
		/* of one that is gone unseen */
		if (slot->state == OE_WORKER_STARTING || slot->state == OE_WORKER_RUNNING)
			oe_slot_back_off(slot);
		oe_slot_follow_clock(slot);
		may = slot->state == OE_WORKER_NONE || slot->next_start <= GetCurrentTimestamp();
	}
	if (may && owner_can_login)
	{
		slot->state = OE_WORKER_STARTING;
		slot->state_since = GetCurrentTimestamp();
		slot->generation++;
	}
	oe_slots_unlock();
	return may;
}

/*
 * Takes the flag that CREATE EXTENSION leaves.  It stays while there is a
 * worker, which may have looked for the extension just before it was there.
 */
static bool
oe_take_registration(OeSlot *slot, Oid dboid)
{
	MemoryContext old;

	if (slot == NULL || (pg_atomic_read_u32(&slot->wakes) & OE_WAKE_REGISTER) == 0)
		return false;
	old = MemoryContextSwitchTo(TopMemoryContext);
	pg_atomic_fetch_and_u32(&slot->wakes, ~OE_WAKE_REGISTER);
	oe_absent = list_delete_oid(oe_absent, dboid);
	MemoryContextSwitchTo(old);
	return true;
}

/*
 * Decides for one database; returns whether its probe is under way, which
 * holds up the probing of others.
 */
static bool
oe_consider(OeDatabase *db, List *databases, bool may_probe)
{
	OeSlot	   *slot = oe_slot_find(db->oid, false);

	if (oe_has_child(db->oid))
		return slot && slot->state == OE_WORKER_STARTING;
	if (!oe_take_registration(slot, db->oid) &&
		(list_member_oid(oe_absent, db->oid) || !may_probe))
		return false;
	if (slot == NULL)
		slot = oe_slot_find(db->oid, true);
	if (slot == NULL)
	{
		oe_free_unwanted_slot(databases);
		slot = oe_slot_find(db->oid, true);
	}
	if (slot == NULL || !oe_slot_may_start(slot, db->owner_can_login))
		return false;
	if (db->owner_can_login)
		oe_start_worker(slot, db);
	else
		oe_refuse_owner(slot, db);
	return slot->state == OE_WORKER_STARTING;
}

/*
 * Counts the databases that may have the extension and find no slot, for
 * health(); warns when they have become more.
 */
static void
oe_count_refused(List *databases)
{
	static uint32 warned = 0;
	OeSlot	   *slots = oe_slots();
	uint32		refused = 0;
	const char *name = NULL;
	ListCell   *lc;
	bool		full = true;

	for (int i = 0; i < oe_guc_max_databases && full; i++)
		full = OidIsValid(slots[i].dboid);
	foreach(lc, databases)
	{
		OeDatabase *db = lfirst(lc);

		if (!full || !db->wanted || list_member_oid(oe_absent, db->oid) || oe_slot_find(db->oid, false))
			continue;
		refused++;
		name = NameStr(db->name);
	}
	oe_slots_set_refused(refused);
	if (refused > warned)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%u databases find no room in odoo_events.max_databases and have no worker, \"%s\" is one of them",
						refused, name),
				 errhint("Raise odoo_events.max_databases and restart the server, or name the databases that need a worker in odoo_events.databases.")));
	warned = refused;
}

static void
oe_consider_all(List *databases)
{
	bool		probing = false;
	ListCell   *lc;

	foreach(lc, databases)
	{
		OeDatabase *db = lfirst(lc);

		if (!db->wanted)
			oe_stop_unwanted(db);
		else if (oe_consider(db, databases, !probing))
			probing = true;
	}
	oe_count_refused(databases);
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

	for (int i = 0; i < oe_guc_max_databases; i++)
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
		oe_consider_all(databases);
		MemoryContextReset(cxt);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 oe_launcher_timeout(), wait_event);
		ResetLatch(MyLatch);
	}
}
