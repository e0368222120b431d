/*
 * installed.c
 *	  Is the helper program of a kind of broker installed?
 *
 * Any backend.
 */
#include "postgres.h"

#include <unistd.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "deliver/transport/program/process.h"

extern PGDLLEXPORT Datum oe_sql_program(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(oe_sql_program);

/*
 * _program(kind): where it is; null if it is not there or cannot be executed.
 */
Datum
oe_sql_program(PG_FUNCTION_ARGS)
{
	char	   *path = oe_program_path(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (access(path, X_OK) != 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(path));
}
