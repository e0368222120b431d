/*
 * hooks.c
 *	  The utility hook: keeps the worker out of the way of database commands.
 *
 * Any backend.  A session in a database makes DROP, RENAME, SET TABLESPACE
 * and use as a template fail.  Before such a command runs, and only if its
 * caller may run it, the database's worker is stopped and held off for
 * odoo_events.restart_delay.  Waits for it at most five seconds, interruptibly, holding no lock.
 * Also wakes the worker after COMMIT PREPARED, since the callbacks of the
 * committing session do not belong to the prepared transaction, and after
 * DROP EXTENSION, so that it goes, and says before it what is lost; tells the launcher of databases that come
 * and go, once that is committed.
 *
 * Before DROP EXTENSION, by who may do that, it takes the lock that the
 * worker's transactions hold (base/session.h), so that the command waits for
 * the current one and for nothing else.
 */
#include "postgres.h"

#include <signal.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/oe.h"
#include "base/session.h"
#include "base/shmem.h"
#include "worker/worker.h"

#define OE_STOP_WAIT_MS 5000

static ProcessUtility_hook_type oe_prev_utility = NULL;

/* PostgreSQL's own check is exported only by the latest minor versions of 15. */
static bool
oe_may_create_databases(void)
{
	HeapTuple	tup = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	bool		result = false;

	if (HeapTupleIsValid(tup))
	{
		result = ((Form_pg_authid) GETSTRUCT(tup))->rolcreatedb;
		ReleaseSysCache(tup);
	}
	return result;
}

/*
 * May the current user do what these commands do?  The same checks as theirs,
 * so that a command that will be refused stops nobody's worker.
 */
static bool
oe_may(Oid dboid, bool need_owner, bool need_createdb)
{
	if (superuser())
		return true;
	if (need_owner && !oe_database_ownercheck(dboid, GetUserId()))
		return false;
	return !need_createdb || oe_may_create_databases();
}

static bool
oe_is_template(Oid dboid)
{
	HeapTuple	tup = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dboid));
	bool		result = false;

	if (HeapTupleIsValid(tup))
	{
		result = ((Form_pg_database) GETSTRUCT(tup))->datistemplate;
		ReleaseSysCache(tup);
	}
	return result;
}

static void
oe_ask_to_go(int pid)
{
	if (pid != 0)
		kill(pid, SIGTERM);
}

/*
 * Asks the worker, and those that capture from the WAL, to go, and waits until
 * they have.
 */
static void
oe_hold_worker(Oid dboid)
{
	OeSlot	   *slot = oe_slot_find(dboid, false);
	TimestampTz give_up = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OE_STOP_WAIT_MS);

	if (slot == NULL)
		return;
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		int			pid;
		int			recorder;
		int			reader;

		oe_slots_lock(true);
		if (slot->dboid != dboid)
		{
			oe_slots_unlock();
			return;
		}
		if (slot->state != OE_WORKER_ABSENT)
			slot->state = OE_WORKER_HELD;
		slot->state_since = now;
		slot->next_start = TimestampTzPlusMilliseconds(now, oe_guc_restart_delay);
		pid = slot->pid;
		recorder = slot->recorder_pid;
		reader = slot->reader_pid;
		oe_slots_unlock();
		if ((pid == 0 && recorder == 0 && reader == 0) || now >= give_up)
			return;
		oe_ask_to_go(pid);
		oe_ask_to_go(recorder);
		oe_ask_to_go(reader);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 10, oe_wait_event_new("OdooEventsHold"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
oe_hold_by_name(const char *name, bool need_owner, bool need_createdb)
{
	Oid			dboid = name ? get_database_oid(name, true) : InvalidOid;

	if (OidIsValid(dboid) && dboid != MyDatabaseId &&
		oe_may(dboid, need_owner, need_createdb))
		oe_hold_worker(dboid);
}

/*
 * The template that CREATE DATABASE will copy; NULL for template1.
 */
static void
oe_hold_template(CreatedbStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *opt = lfirst_node(DefElem, lc);

		if (strcmp(opt->defname, "template") == 0 && opt->arg)
		{
			char	   *name = defGetString(opt);
			Oid			dboid = get_database_oid(name, true);

			if (OidIsValid(dboid))
				oe_hold_by_name(name, !oe_is_template(dboid), true);
		}
	}
}

static bool
oe_sets_tablespace(AlterDatabaseStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		if (strcmp(lfirst_node(DefElem, lc)->defname, "tablespace") == 0)
			return true;
	}
	return false;
}

/*
 * DROP EXTENSION, or DROP OWNED BY the role that it belongs to.
 */
static bool
oe_drops_extension(Node *node, const OeExtension *ext)
{
	ListCell   *lc;

	if (IsA(node, DropStmt))
	{
		foreach(lc, ((DropStmt *) node)->objects)
		{
			if (strcmp(strVal(lfirst(lc)), OE_EXTENSION) == 0)
				return true;
		}
		return false;
	}
	foreach(lc, ((DropOwnedStmt *) node)->roles)
	{
		if (get_rolespec_oid(lfirst_node(RoleSpec, lc), true) == ext->owner)
			return true;
	}
	return false;
}

static void
oe_before_drop_extension(Node *node)
{
	OeExtension ext;

	if (oe_extension_lookup(&ext) && oe_drops_extension(node, &ext) &&
		oe_extension_ownercheck(ext.oid, GetUserId()))
		oe_extension_lock_for_drop();
}

/*
 * DROP EXTENSION takes the outbox with it.  Who may drop it is told first what
 * is lost by that.  An extension of version 0.1.0 lacks the function.
 */
static void
oe_warn_of_drop(DropStmt *stmt)
{
	Oid			extension = get_extension_oid("odoo_events", true);
	ListCell   *lc;

	if (!OidIsValid(extension) || !oe_extension_ownercheck(extension, GetUserId()))
		return;
	foreach(lc, stmt->objects)
	{
		Oid			function;
		char	   *lost;

		if (strcmp(strVal(lfirst(lc)), "odoo_events") != 0)
			continue;
		function = LookupFuncName(list_make2(makeString("odoo_events"), makeString("_undelivered")), 0, NULL, true);
		if (!OidIsValid(function))
			continue;
		lost = TextDatumGetCString(OidFunctionCall0(function));
		if (*lost != '\0')
			ereport(WARNING,
					(errmsg("the extension is dropped with events that were not delivered"),
					 errdetail("%s.", lost)));
	}
}

static void
oe_before_utility(Node *node)
{
	switch (nodeTag(node))
	{
		case T_DropStmt:
			if (((DropStmt *) node)->removeType == OBJECT_EXTENSION)
			{
				oe_before_drop_extension(node);
				oe_warn_of_drop((DropStmt *) node);
			}
			break;
		case T_DropdbStmt:
			oe_hold_by_name(((DropdbStmt *) node)->dbname, true, false);
			break;
		case T_CreatedbStmt:
			oe_hold_template((CreatedbStmt *) node);
			break;
		case T_RenameStmt:
			if (((RenameStmt *) node)->renameType == OBJECT_DATABASE)
				oe_hold_by_name(((RenameStmt *) node)->subname, true, true);
			break;
		case T_AlterDatabaseStmt:
			if (oe_sets_tablespace((AlterDatabaseStmt *) node))
				oe_hold_by_name(((AlterDatabaseStmt *) node)->dbname, true, false);
			break;
		case T_DropOwnedStmt:
			oe_before_drop_extension(node);
			break;
		default:
			break;
	}
}

static void
oe_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
		   ProcessUtilityContext context, ParamListInfo params,
		   QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	Node	   *node = pstmt->utilityStmt;

	oe_before_utility(node);
	if (oe_prev_utility)
		oe_prev_utility(pstmt, query, read_only_tree, context, params, env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, env, dest, qc);

	if (IsA(node, CreatedbStmt) || IsA(node, RenameStmt) || IsA(node, DropdbStmt))
		oe_launcher_wake_at_commit();
	else if (IsA(node, DropStmt) && ((DropStmt *) node)->removeType == OBJECT_EXTENSION &&
			 oe_slot_find(MyDatabaseId, false))
		oe_wake_at_commit(OE_WAKE_CONFIG);	/* finds out whether it was ours */
	else if (IsA(node, TransactionStmt) &&
			 ((TransactionStmt *) node)->kind == TRANS_STMT_COMMIT_PREPARED &&
			 oe_slot_find(MyDatabaseId, false))
		oe_wake(MyDatabaseId, OE_WAKE_CHANGES);
}

void
oe_hooks_init(void)
{
	oe_prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = oe_utility;
}
