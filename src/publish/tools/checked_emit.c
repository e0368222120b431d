/*
 * checked_emit.c
 *	  emit() where policies or contracts have a say.
 *
 * Any backend, in the caller's transaction.  Whether the caller may publish
 * the type, and whether the data fit its schema, is asked in a trusted part of
 * it (schema/govern_contract.sql); the event itself is capture's (capture/emit.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"

#include "base/session.h"
#include "capture/emit.h"

PG_FUNCTION_INFO_V1(oe_sql_checked_emit);

/*
 * emit(type, subject, data, key, correlation)
 */
Datum
oe_sql_checked_emit(PG_FUNCTION_ARGS)
{
	static struct _SPI_plan *plan = NULL;
	static const Oid types[2] = {TEXTOID, JSONBOID};
	Datum		values[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(2)};
	OeSession	session;

	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(2))
	{
		oe_own_begin(&session);
		(void) oe_spi(&plan, "SELECT odoo_events._check_emit($1, $2)", 2, types, values, NULL, true, 1);
		oe_own_end(&session);
	}
	return oe_sql_emit(fcinfo);
}
