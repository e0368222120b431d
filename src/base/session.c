/*
 * session.c
 *	  Brackets around the two kinds of transaction (session.h).
 *
 * Worker, and backends that run publish() and the like.  A trusted transaction
 * holds an AccessShareLock on the extension until it ends.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/prepare.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/session.h"

bool		oe_session_is_worker = false;
char		oe_session_database[NAMEDATALEN] = "";
Oid			oe_session_extension = InvalidOid;

/*
 * Finds the extension's row; there is no syscache on its name.
 */
bool
oe_extension_lookup(OeExtension *ext)
{
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tup;
	bool		found;

	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(OE_EXTENSION));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tup = systable_getnext(scan);
	found = HeapTupleIsValid(tup);
	if (found)
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tup);

		ext->oid = form->oid;
		ext->owner = form->extowner;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

bool
oe_own_column(const char *table, const char *column)
{
	Oid			schema = get_namespace_oid(OE_EXTENSION, false);
	Oid			relid = get_relname_relid(table, schema);

	return OidIsValid(relid) && get_attnum(relid, column) != InvalidAttrNumber;
}

/* The version of the extension's SQL objects; NULL without an extension. */
static char *
oe_extension_version(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tup;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(OE_EXTENSION));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tup = systable_getnext(scan);
	if (HeapTupleIsValid(tup))
	{
		bool		isnull;
		Datum		value = heap_getattr(tup, Anum_pg_extension_extversion, RelationGetDescr(rel), &isnull);

		version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return version;
}

/*
 * The worker, once, outside of a transaction.  The health() of a database that
 * has not been updated does not compare versions, so the server's log has to
 * tell.
 */
void
oe_report_versions(void)
{
	char	   *version;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	version = oe_extension_version();
	if (version && strcmp(version, OE_VERSION) != 0)
		ereport(LOG,
				(errmsg("the library of odoo_events is of version %s, the extension in database \"%s\" of version %s",
						OE_VERSION, get_database_name(MyDatabaseId), version),
				 errhint("ALTER EXTENSION odoo_events UPDATE; in that database brings the extension up to date.")));
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/*
 * The lock that DROP EXTENSION and trusted transactions take against each other.
 * PostgreSQL's own lock on the extension does not serve: any role can take it
 * with ALTER INDEX ... DEPENDS ON EXTENSION on a table of its own, and keep it as
 * long as it likes.  This lock is in a class of advisory locks that no SQL
 * function can take.
 */
static bool
oe_extension_lock_acquire(LOCKMODE mode, bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, OE_LOCK_EXTENSION, OE_LOCK_CLASS);
	return LockAcquire(&tag, mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Makes DROP EXTENSION wait until this transaction ends, and looks the extension
 * up.  Raises an error where the extension is gone, and also where a DROP
 * EXTENSION is in progress: waiting for that would be useless, and would keep the
 * worker from its requests.
 */
void
oe_extension_lock(OeExtension *ext)
{
	if (!oe_extension_lock_acquire(AccessShareLock, false))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("extension \"%s\" is being dropped by another session", OE_EXTENSION)));
	if (oe_extension_lookup(ext) &&
		(!OidIsValid(oe_session_extension) || ext->oid == oe_session_extension))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("extension \"%s\" is not installed in this database", OE_EXTENSION),
			 errhint("CREATE EXTENSION %s;", OE_EXTENSION)));
}

/*
 * Before DROP EXTENSION: waits for trusted transactions that are in progress, and
 * keeps new ones from beginning until this transaction ends.  Must be called
 * before any object of the extension is locked, or it could deadlock with a
 * trusted transaction.
 */
void
oe_extension_lock_for_drop(void)
{
	(void) oe_extension_lock_acquire(AccessExclusiveLock, true);
}

static Oid
oe_database_owner(void)
{
	HeapTuple	tup = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	Oid			owner;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
	owner = ((Form_pg_database) GETSTRUCT(tup))->datdba;
	ReleaseSysCache(tup);
	return owner;
}

/*
 * The part that both kinds of transaction have in common once they have begun:
 * connects SPI, opens a level of settings that is undone later, empties
 * search_path, changes the user.
 */
static void
oe_session_enter(OeSession *s, Oid user, int sec)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	GetUserIdAndSecContext(&s->save_user, &s->save_sec);
	SetUserIdAndSecContext(user, s->save_sec | sec);
	s->save_nest = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("row_security", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Is the worker in a trusted transaction? */
static bool oe_owning = false;

void
oe_own_begin(OeSession *s)
{
	OeExtension ext;

	s->save_cxt = CurrentMemoryContext;
	s->save_owner = NULL;
	s->inner = oe_session_is_worker && IsTransactionState();
	if (s->inner)
	{
		if (!oe_owning)
			elog(ERROR, "own work was begun inside foreign work");
		ext.owner = GetUserId();
	}
	else
	{
		if (oe_session_is_worker)
		{
			SetCurrentStatementStartTimestamp();
			StartTransactionCommand();
			oe_owning = true;
		}
		oe_extension_lock(&ext);
	}
	/* read committed: each statement sees what is committed by then */
	PushActiveSnapshot(GetTransactionSnapshot());
	oe_session_enter(s, ext.owner, SECURITY_LOCAL_USERID_CHANGE);
}

void
oe_own_end(OeSession *s)
{
	SPI_finish();
	AtEOXact_GUC(true, s->save_nest);

	/*
	 * before the commit, so that deferred triggers do not run with these
	 * rights
	 */
	SetUserIdAndSecContext(s->save_user, s->save_sec);
	PopActiveSnapshot();
	if (oe_session_is_worker && !s->inner)
	{
		CommitTransactionCommand();
		oe_owning = false;
		pgstat_report_stat(false);
	}
	MemoryContextSwitchTo(s->save_cxt);
}

/*
 * When the time of the worker's as-owner transaction is up; 0: there is no such
 * transaction.
 */
static TimestampTz oe_foreign_end_at = 0;

static void
oe_foreign_clock_start(void)
{
	oe_foreign_end_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), oe_guc_read_timeout);
	enable_timeout_after(STATEMENT_TIMEOUT, oe_guc_read_timeout);
}

/*
 * Stops the clock.  A cancellation that the clock has requested, and that has not
 * been served yet, is withdrawn.  Returns whether the time was up.
 */
static bool
oe_foreign_clock_stop(void)
{
	bool		up = oe_foreign_end_at != 0 && GetCurrentTimestamp() >= oe_foreign_end_at;

	disable_timeout(STATEMENT_TIMEOUT, false);
	if (up)
		QueryCancelPending = false;
	oe_foreign_end_at = 0;
	return up;
}

bool
oe_foreign_time_is_up(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_QUERY_CANCELED && oe_foreign_end_at != 0 && GetCurrentTimestamp() >= oe_foreign_end_at;
}

const char *
oe_session_aborted(int sqlerrcode)
{
	if (oe_foreign_clock_stop() && sqlerrcode == ERRCODE_QUERY_CANCELED)
		return psprintf("reading Odoo's tables took longer than odoo_events.read_timeout (%d ms)", oe_guc_read_timeout);
	return NULL;
}

void
oe_foreign_begin(OeSession *s)
{
	s->save_cxt = CurrentMemoryContext;
	s->save_owner = CurrentResourceOwner;
	if (oe_session_is_worker)
	{
		Assert(!IsTransactionState());
		oe_owning = false;
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		oe_foreign_clock_start();
	}
	else
		BeginInternalSubTransaction(NULL);
	XactReadOnly = true;
	PushActiveSnapshot(GetTransactionSnapshot());
	oe_session_enter(s, oe_database_owner(), SECURITY_RESTRICTED_OPERATION);
}

/*
 * Rolls an as-owner transaction back.  In the worker it also drops session-level
 * advisory locks and prepared statements, which survive a rollback: a function
 * that somebody put in the place of one of Odoo's objects may have made them.  In
 * a backend they belong to the user, and stay.
 */
void
oe_foreign_failed(OeSession *s)
{
	if (oe_session_is_worker)
	{
		(void) oe_foreign_clock_stop();
		AbortCurrentTransaction();
		LockReleaseAll(USER_LOCKMETHOD, true);
		DropAllPreparedStatements();
	}
	else
	{
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = (ResourceOwner) s->save_owner;
	}
	MemoryContextSwitchTo(s->save_cxt);
}

void
oe_foreign_end(OeSession *s)
{
	SPI_finish();
	AtEOXact_GUC(false, s->save_nest);
	SetUserIdAndSecContext(s->save_user, s->save_sec);
	PopActiveSnapshot();
	oe_foreign_failed(s);
}

static emit_log_hook_type oe_prev_emit_log = NULL;
static void (*oe_note_error) (const char *message) = NULL;

static void
oe_emit_log(ErrorData *e)
{
	if (e->elevel >= ERROR && e->sqlerrcode != ERRCODE_ADMIN_SHUTDOWN && e->message)
		oe_note_error(e->message);
	if (oe_prev_emit_log)
		oe_prev_emit_log(e);
}

void
oe_session_note_errors(void (*note) (const char *message))
{
	oe_note_error = note;
	oe_prev_emit_log = emit_log_hook;
	emit_log_hook = oe_emit_log;
}

/*
 * ALTER DATABASE or ALTER ROLE ... SET may have changed any setting of the worker.
 * Such settings get the value of the server's configuration back.  Settings that
 * our transactions rely on are then set regardless of the configuration.
 */
void
oe_session_reset_settings(void)
{
	static const char *const ours[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"session_replication_role", "origin"},
		{"statement_timeout", "0"},
		{"lock_timeout", "2s"},
		{"idle_in_transaction_session_timeout", "0"},
		{"synchronous_commit", "on"},
		{"row_security", "off"},
		{"check_function_bodies", "off"},
		{"DateStyle", "ISO, MDY"},
		{"IntervalStyle", "postgres"},
		{"TimeZone", "UTC"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"},
		{"jit", "off"},
		{"max_parallel_workers_per_gather", "0"},
		{"default_table_access_method", "heap"},
	};
	Oid			save_user;
	int			save_sec;
	MemoryContext cxt = CurrentMemoryContext;
	char	   *database;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	database = get_database_name(MyDatabaseId);
	strlcpy(oe_session_database, database ? database : "", sizeof(oe_session_database));
	GetUserIdAndSecContext(&save_user, &save_sec);

	/*
	 * only superusers may read pg_file_settings; nobody can replace these
	 * views
	 */
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   save_sec | SECURITY_LOCAL_USERID_CHANGE);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	(void) oe_spi(NULL,
				  "SELECT s.name, COALESCE((SELECT f.setting FROM pg_catalog.pg_file_settings f"
				  " WHERE f.name = s.name AND f.applied ORDER BY f.seqno DESC LIMIT 1), s.boot_val)"
				  " FROM pg_catalog.pg_settings s"
				  " WHERE s.source IN ('database', 'user', 'database user')"
				  " AND s.context IN ('user', 'superuser')",
				  0, NULL, NULL, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tup = SPI_tuptable->vals[i];
		char	   *name = SPI_getvalue(tup, SPI_tuptable->tupdesc, 1);
		char	   *value = SPI_getvalue(tup, SPI_tuptable->tupdesc, 2);

		(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_SET, true, WARNING, false);
	}
	for (int i = 0; i < lengthof(ours); i++)
		(void) set_config_option(ours[i][0], ours[i][1], PGC_SUSET,
								 PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
#if PG_VERSION_NUM >= 170000
	(void) set_config_option("transaction_timeout", "0", PGC_SUSET,
							 PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
#endif
	SPI_finish();
	SetUserIdAndSecContext(save_user, save_sec);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(cxt);
}

/*
 * The plan of a statement, prepared at the first call and kept in *slot.  The
 * text must be the same at every call.
 */
SPIPlanPtr
oe_plan(SPIPlanPtr *slot, const char *sql, int nargs, const Oid *types)
{
	SPIPlanPtr	plan;

	if (*slot != NULL)
		return *slot;
	plan = SPI_prepare(sql, nargs, (Oid *) types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", sql,
			 SPI_result_code_string(SPI_result));
	*slot = plan;
	return plan;
}

/*
 * Executes one statement.  Where "slot" is given, the plan is kept there.
 */
int
oe_spi(SPIPlanPtr *slot, const char *sql, int nargs, const Oid *types,
	   const Datum *values, const char *nulls, bool read_only, long limit)
{
	int			ret;

	if (slot == NULL)
		ret = SPI_execute_with_args(sql, nargs, (Oid *) types, (Datum *) values,
									nulls, read_only, limit);
	else
		ret = SPI_execute_plan(oe_plan(slot, sql, nargs, types), (Datum *) values, nulls, read_only, limit);
	if (ret < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql,
			 SPI_result_code_string(ret));
	return ret;
}
