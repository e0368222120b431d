/*
 * sql.c
 *	  The functions of deliver_subscribe.sql that are written in C.
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
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
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
 * _store_secret(row): replaces the row of its subscription.
 */
Datum
oe_sql_store_secret(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	Oid			schema = get_namespace_oid(OE_SCHEMA, false);
	Relation	rel = table_open(get_relname_relid("subscription_secret", schema), RowExclusiveLock);
	Oid			index = get_relname_relid("subscription_secret_pkey", schema);
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	HeapTupleData tup;

	ItemPointerSetInvalid(&tup.t_self);
	tup.t_tableOid = InvalidOid;
	tup.t_len = HeapTupleHeaderGetDatumLength(row);
	tup.t_data = row;
	heap_deform_tuple(&tup, desc, values, nulls);
	oe_secret_delete(rel, index, DatumGetInt32(values[0]));
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

/* What a wrapper knows of itself, kept for its next call. */
typedef struct OeGuarded
{
	FmgrInfo	target;
	TupleDesc	args;
} OeGuarded;

/*
 * The arguments of a function as the columns of a row.
 */
static TupleDesc
oe_guarded_args(HeapTuple proc)
{
	oidvector  *types = &((Form_pg_proc) GETSTRUCT(proc))->proargtypes;
	bool		isnull;
	Datum		d = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proargnames, &isnull);
	TupleDesc	desc = CreateTemplateTupleDesc(types->dim1);
	Datum	   *names;
	int			n;

	if (isnull)
		elog(ERROR, "the arguments of a guarded function have no names");
	deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
	for (int i = 0; i < types->dim1; i++)
		TupleDescInitEntry(desc, i + 1, TextDatumGetCString(names[i]), types->values[i], -1, 0);
	return BlessTupleDesc(desc);
}

/*
 * Finds the function behind the wrapper: its name begins with "_", its one
 * argument is an object.
 */
static OeGuarded *
oe_guarded_find(FmgrInfo *self)
{
	MemoryContext old = MemoryContextSwitchTo(self->fn_mcxt);
	OeGuarded  *g = palloc(sizeof(OeGuarded));
	HeapTuple	tup = SearchSysCache1(PROCOID, ObjectIdGetDatum(self->fn_oid));
	Form_pg_proc proc;
	char		name[NAMEDATALEN];
	Oid			type = JSONBOID;
	Oid			target;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for function %u", self->fn_oid);
	proc = (Form_pg_proc) GETSTRUCT(tup);
	snprintf(name, sizeof(name), "_%s", NameStr(proc->proname));
	target = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
							 PointerGetDatum(buildoidvector(&type, 1)), ObjectIdGetDatum(proc->pronamespace));
	if (!OidIsValid(target))
		elog(ERROR, "function %s is missing", name);
	g->args = oe_guarded_args(tup);
	fmgr_info_cxt(target, &g->target, self->fn_mcxt);
	ReleaseSysCache(tup);
	MemoryContextSwitchTo(old);
	return g;
}

/*
 * Calls the function behind the wrapper with the wrapper's arguments, by
 * their names, as one object.
 */
Datum
oe_sql_guarded(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, 1);
	OeGuarded  *g = fcinfo->flinfo->fn_extra;
	ErrorContextCallback callback;
	Datum		values[FUNC_MAX_ARGS];
	bool		nulls[FUNC_MAX_ARGS];
	text	   *json;
	Datum		result;

	callback.callback = oe_hide_statement;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	if (g == NULL)
		fcinfo->flinfo->fn_extra = g = oe_guarded_find(fcinfo->flinfo);
	for (int i = 0; i < fcinfo->nargs; i++)
	{
		values[i] = fcinfo->args[i].value;
		nulls[i] = fcinfo->args[i].isnull;
	}
	json = DatumGetTextPP(DirectFunctionCall1(row_to_json, HeapTupleGetDatum(heap_form_tuple(g->args, values, nulls))));
	InitFunctionCallInfoData(*call, &g->target, 1, fcinfo->fncollation, NULL, NULL);
	call->args[0].value = DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(json)));
	call->args[0].isnull = false;
	result = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	error_context_stack = callback.previous;
	return result;
}
