/*
 * odoo_calendar.c
 *	  The hours of a calendar of Odoo's, for define_calendar().
 *
 * Any backend; reads Odoo's tables in an as-owner transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "base/relations.h"
#include "base/session.h"

PG_FUNCTION_INFO_V1(oe_sql_odoo_calendar);

/*
 * Periods that touch are one, breaks are left out, and exceptions for single
 * days are not weekly hours.  Hours are a number of hours of the day.
 */
static const char oe_hours_sql[] =
"SELECT c.tz, jsonb_object_agg(d.day, d.periods)::text"
" FROM %s.resource_calendar c CROSS JOIN LATERAL"
" (SELECT (ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])[a.dayofweek::int + 1] AS day,"
"  jsonb_agg(to_char(make_interval(secs => a.hour_from * 3600), 'HH24:MI') || '-' || to_char(make_interval(secs => a.hour_to * 3600), 'HH24:MI') ORDER BY a.hour_from) AS periods"
"  FROM %s.resource_calendar_attendance a WHERE a.calendar_id = c.id AND COALESCE(to_jsonb(a) ->> 'day_period', '') <> 'lunch'"
"  AND to_jsonb(a) ->> 'date_from' IS NULL AND to_jsonb(a) ->> 'date' IS NULL AND to_jsonb(a) ->> 'display_type' IS NULL AND a.hour_to > a.hour_from GROUP BY 1) d"
" WHERE c.id = $1 AND c.tz IS NOT NULL AND COALESCE(to_jsonb(c) ->> 'two_weeks_calendar', 'false') = 'false' AND COALESCE(to_jsonb(c) ->> 'flexible_hours', 'false') = 'false' GROUP BY c.id, c.tz";

/*
 * Reads time zone and hours into strings of the caller's memory; NULL where
 * there are none.
 */
static void
oe_odoo_calendar_read(int32 id, char **timezone, char **hours)
{
	MemoryContext caller = CurrentMemoryContext;
	static const Oid types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(id)};
	Oid			schema = oe_odoo_schema();
	OeSession	session;

	if (!OidIsValid(schema) || !OidIsValid(oe_relation_find("resource_calendar", false)) ||
		!OidIsValid(oe_relation_find("resource_calendar_attendance", false)))
		return;
	oe_foreign_begin(&session);
	PG_TRY();
	{
		const char *name = quote_identifier(get_namespace_name(schema));

		(void) oe_spi(NULL, psprintf(oe_hours_sql, name, name), 1, types, values, NULL, true, 1);
		if (SPI_processed == 1)
		{
			*timezone = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
			*hours = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
		}
		oe_foreign_end(&session);
	}
	PG_CATCH();
	{
		ErrorData  *err;

		MemoryContextSwitchTo(caller);
		err = CopyErrorData();
		FlushErrorState();
		oe_foreign_failed(&session);
		ReThrowError(err);
	}
	PG_END_TRY();
}

/*
 * _odoo_calendar(id) -> (timezone, hours)
 */
Datum
oe_sql_odoo_calendar(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	char	   *timezone = NULL;
	char	   *hours = NULL;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "_odoo_calendar() returns no row");
	oe_odoo_calendar_read(PG_GETARG_INT32(0), &timezone, &hours);
	if (hours != NULL)
	{
		values[0] = CStringGetTextDatum(timezone);
		values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(hours));
		nulls[0] = nulls[1] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
