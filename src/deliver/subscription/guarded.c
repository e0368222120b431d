/*
 * guarded.c
 *	  The wrapper of SQL functions that take secrets as arguments.
 *
 * Any backend, in the caller's transaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"

#include "base/compat.h"

extern PGDLLEXPORT Datum oe_sql_guarded(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(oe_sql_guarded);

/*
 * Called while an error of the guarded function is reported: keeps the
 * statement, which may contain a secret, out of the server's log.
 */
static void
oe_hide_statement(void *arg)
{
	errhidestmt(true);
}

/* What a wrapper knows about its function, kept for the next call. */
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
	oe_tupdesc_finalize(desc);
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
 * Calls the function behind the wrapper.  An error that speaks of an argument
 * or an object says all there is to say: where in our PL/pgSQL it was raised
 * helps nobody.  What should not happen keeps its context.
 */
static Datum
oe_guarded_invoke(FunctionCallInfo call)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile Datum result = (Datum) 0;

	PG_TRY();
	{
		result = FunctionCallInvoke(call);
	}
	PG_CATCH();
	{
		ErrorData  *err;

		MemoryContextSwitchTo(cxt);
		err = CopyErrorData();
		switch (ERRCODE_TO_CATEGORY(err->sqlerrcode))
		{
			case ERRCODE_DATA_EXCEPTION:
			case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
			case MAKE_SQLSTATE('4', '2', '0', '0', '0'):	/* syntax, rights, names */
				FlushErrorState();
				err->context = NULL;
				ReThrowError(err);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	return result;
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
	result = oe_guarded_invoke(call);
	fcinfo->isnull = call->isnull;
	error_context_stack = callback.previous;
	return result;
}
