/*
 * sql.c
 *	  The functions of deliver.sql that are written in C.
 *
 * Any backend, in the caller's transaction.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/oe.h"

#define OE_SECRET_BYTES 32

extern PGDLLEXPORT Datum oe_sql_new_secret(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum oe_sql_store_secret(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum oe_sql_guarded(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(oe_sql_new_secret);
PG_FUNCTION_INFO_V1(oe_sql_store_secret);
PG_FUNCTION_INFO_V1(oe_sql_guarded);

/*
 * _new_secret(): random bytes for a signing key.
 */
Datum
oe_sql_new_secret(PG_FUNCTION_ARGS)
{
	bytea	   *result = palloc(VARHDRSZ + OE_SECRET_BYTES);

	SET_VARSIZE(result, VARHDRSZ + OE_SECRET_BYTES);
	if (!pg_strong_random(VARDATA(result), OE_SECRET_BYTES))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random bytes")));
	PG_RETURN_BYTEA_P(result);
}

/*
 * Deletes the row of this subscription, if there is one.
 */
static void
oe_secret_delete(Relation rel, Oid index, int32 id)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
	scan = systable_beginscan(rel, index, true, GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
		simple_heap_delete(rel, &tup->t_self);
	systable_endscan(scan);
}

/*
 * Inserts a row in such a way that logical decoding never sees it, so that no
 * publication FOR ALL TABLES carries secrets to another server.
 */
static void
oe_secret_insert(Relation rel, Oid index, Datum *values, bool *nulls)
{
	HeapTuple	tup = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	Relation	irel = index_open(index, RowExclusiveLock);
	IndexInfo  *info = BuildIndexInfo(irel);

	heap_insert(rel, tup, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL, NULL);
	index_insert(irel, values, nulls, &tup->t_self, rel, UNIQUE_CHECK_YES, false, info);
	index_close(irel, NoLock);
	heap_freetuple(tup);
}

/*
 * _store_secret(subscription_id, secret, header_values)
 */
Datum
oe_sql_store_secret(PG_FUNCTION_ARGS)
{
	Oid			relid = get_relname_relid("subscription_secret", get_namespace_oid(OE_SCHEMA, false));
	Relation	rel = table_open(relid, RowExclusiveLock);
	Oid			index = get_relname_relid("subscription_secret_pkey", get_namespace_oid(OE_SCHEMA, false));
	Datum		values[3] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)};
	bool		nulls[3] = {false, false, false};

	oe_secret_delete(rel, index, PG_GETARG_INT32(0));
	CommandCounterIncrement();
	oe_secret_insert(rel, index, values, nulls);
	CommandCounterIncrement();
	table_close(rel, NoLock);
	PG_RETURN_VOID();
}

/*
 * Runs while an error of the guarded function is being built: the statement,
 * which may hold a secret, stays out of the server's log.
 */
static void
oe_hide_statement(void *arg)
{
	errhidestmt(true);
}

/*
 * Finds the function of the same arguments whose name begins with "_".
 */
static Oid
oe_guarded_target(Oid self)
{
	HeapTuple	tup = SearchSysCache1(PROCOID, ObjectIdGetDatum(self));
	Form_pg_proc proc;
	oidvector  *args;
	char		name[NAMEDATALEN];
	Oid			target;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for function %u", self);
	proc = (Form_pg_proc) GETSTRUCT(tup);
	args = &proc->proargtypes;
	snprintf(name, sizeof(name), "_%s", NameStr(proc->proname));
	target = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
							 PointerGetDatum(args), ObjectIdGetDatum(proc->pronamespace));
	ReleaseSysCache(tup);
	if (!OidIsValid(target))
		elog(ERROR, "function %s is missing", name);
	return target;
}

/*
 * Calls the function behind the wrapper with the wrapper's arguments.
 */
Datum
oe_sql_guarded(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, FUNC_MAX_ARGS);
	FmgrInfo   *target = fcinfo->flinfo->fn_extra;
	ErrorContextCallback callback;
	Datum		result;

	callback.callback = oe_hide_statement;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	if (target == NULL)
	{
		target = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(FmgrInfo));
		fmgr_info_cxt(oe_guarded_target(fcinfo->flinfo->fn_oid), target, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = target;
	}
	InitFunctionCallInfoData(*call, target, fcinfo->nargs, fcinfo->fncollation, NULL, NULL);
	memcpy(call->args, fcinfo->args, sizeof(NullableDatum) * fcinfo->nargs);
	result = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	error_context_stack = callback.previous;
	return result;
}
