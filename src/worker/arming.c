/*
 * arming.c
 *	  Whether this database may send: a copy never does.
 *
 * Worker, and backends that call arm() or look at the view arming.  Delivery
 * is armed for (system identifier, database oid, Odoo's database.uuid); the
 * row that says so is in no dump.  Odoo's parameters are read as foreign
 * work, our row as own work.  Locks: AccessShare on what it reads.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/oe.h"
#include "base/session.h"
#include "worker/worker.h"

/*
 * Finds the table and reads it; inside foreign work.  Odoo's tables are in the
 * schema public or, with a hand-made search_path, in one other.
 */
static void
oe_identity_query(OeIdentity *id, MemoryContext cxt)
{
	char	   *table;

	(void) oe_spi(NULL,
				  "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)"
				  " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
				  " WHERE c.relname = 'ir_config_parameter' AND c.relkind = 'r'"
				  " AND n.nspname !~ '^(pg_|information_schema|odoo_events)'"
				  " ORDER BY n.nspname <> 'public', n.nspname LIMIT 1",
				  0, NULL, NULL, NULL, true, 1);
	if (SPI_processed == 0)
		return;
	table = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	(void) oe_spi(NULL,
				  psprintf("SELECT key, value FROM %s"
						   " WHERE key IN ('database.uuid', 'database.is_neutralized')", table),
				  0, NULL, NULL, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *key = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);

		if (key == NULL || value == NULL)
			continue;
		if (strcmp(key, "database.uuid") == 0)
			id->database_uuid = MemoryContextStrdup(cxt, value);
		else
			id->neutralized = pg_strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
	}
}

/*
 * Reads what Odoo says of its database.  Where that cannot be read (no
 * privilege, row security, a broken table) the database is not armed, and
 * says why; only what was meant for the caller itself, a cancel or a
 * shutdown, is passed on.
 */
static void
oe_identity_read(OeIdentity *id)
{
	OeSession	session;
	MemoryContext cxt = CurrentMemoryContext;

	memset(id, 0, sizeof(*id));
	id->system_identifier = (int64) GetSystemIdentifier();
	id->database_oid = MyDatabaseId;

	oe_foreign_begin(&session);
	PG_TRY();
	{
		oe_identity_query(id, cxt);
		oe_foreign_end(&session);
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(cxt);
		e = CopyErrorData();
		FlushErrorState();
		oe_foreign_failed(&session);
		if (ERRCODE_TO_CATEGORY(e->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(e);
		id->unreadable = e->message;
	}
	PG_END_TRY();
}

/*
 * Compares the identity with the row that arm() left; the worker's half in
 * own work, so that nothing foreign runs with our rights.
 */
static bool
oe_armed_for(const OeIdentity *id, char *reason, Size size)
{
	OeSession	session;
	Datum		values[3];
	Oid			types[3] = {INT8OID, OIDOID, TEXTOID};
	char		nulls[4] = "   ";
	bool		armed = false;

	values[0] = Int64GetDatum(id->system_identifier);
	values[1] = ObjectIdGetDatum(id->database_oid);
	values[2] = id->database_uuid ? CStringGetTextDatum(id->database_uuid) : (Datum) 0;
	if (id->database_uuid == NULL)
		nulls[2] = 'n';
	oe_own_begin(&session);
	(void) oe_spi(NULL,
				  "SELECT CASE WHEN a.disarmed THEN 'disarmed by ' || a.armed_by"
				  " WHEN a.system_identifier <> $1 THEN 'another server: the system identifier differs'"
				  " WHEN a.database_oid <> $2 THEN 'a copy: the database is not the one that was armed'"
				  " WHEN a.database_uuid IS DISTINCT FROM $3 THEN 'Odoo''s database.uuid differs'"
				  " END FROM odoo_events.arming_state a",
				  3, types, values, nulls, true, 1);
	if (SPI_processed == 0)
		strlcpy(reason, "never armed", size);
	else
	{
		char	   *why = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		armed = why == NULL;
		strlcpy(reason, why ? why : "", size);
	}
	oe_own_end(&session);
	if (id->unreadable)
	{
		snprintf(reason, size, "ir_config_parameter cannot be read: %s", id->unreadable);
		armed = false;
	}
	if (armed && id->neutralized)
	{
		strlcpy(reason, "Odoo says that the database is neutralized", size);
		armed = false;
	}
	return armed;
}

bool
oe_arming_check(char *reason, Size size)
{
	OeIdentity	id;

	oe_identity_read(&id);
	return oe_armed_for(&id, reason, size);
}

PG_FUNCTION_INFO_V1(oe_sql_identity);

/*
 * _identity(OUT system_identifier, OUT database_uuid, OUT neutralized, OUT
 * armed, OUT reason): this database as it is now.
 */
Datum
oe_sql_identity(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	OeIdentity	id;
	Datum		values[5];
	bool		nulls[5] = {false, false, false, false, false};
	char		reason[128];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	oe_identity_read(&id);
	values[3] = BoolGetDatum(oe_armed_for(&id, reason, sizeof(reason)));
	values[0] = Int64GetDatum(id.system_identifier);
	if (id.database_uuid)
		values[1] = CStringGetTextDatum(id.database_uuid);
	else
		nulls[1] = true;
	values[2] = BoolGetDatum(id.neutralized);
	if (reason[0])
		values[4] = CStringGetTextDatum(reason);
	else
		nulls[4] = true;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
