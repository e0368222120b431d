/*
 * arming.c
 *	  Whether this database may send: a copy never does.
 *
 * Worker, and backends that call arm() or look at the view arming.  Delivery
 * is armed for (system identifier, database oid, Odoo's database.uuid, and the
 * token of the latest start from a physical backup, if there was one); the
 * row that says so is in no dump.  Trusted transaction: Odoo's parameters are read below
 * SQL (base/parameters.h), so that no code of Odoo's role runs and no lock is
 * waited for.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/oe.h"
#include "base/session.h"
#include "worker/restored.h"
#include "worker/worker.h"

/*
 * The worker that meets a token for the first time writes it down with the
 * disarming: the reason, the audit's line and a replica of this server keep it
 * whatever becomes of the file.
 */
static void
oe_note_restored(Datum token)
{
	static const Oid types[] = {TEXTOID};

	(void) oe_spi(NULL, "SELECT odoo_events._note_restored($1)", 1, types, &token, NULL, false, 1);
}

/*
 * Compares what this database is with the row that arm() left.  NULL: they are
 * the same; within a trusted transaction.  Columns of the row that a database
 * of an older version of the extension lacks are read as null.
 */
static char *
oe_difference_from_armed(const OeIdentity *id)
{
	static const Oid types[] = {INT8OID, OIDOID, TEXTOID, TEXTOID};
	const char *uuid = id->parameters.database_uuid;
	Datum		values[4] = {Int64GetDatum(id->system_identifier), ObjectIdGetDatum(MyDatabaseId), (Datum) 0, (Datum) 0};
	char		nulls[5] = "  nn";
	char		token[OE_TOKEN_SIZE];
	char	   *difference;
	char	   *unknown;

	if (uuid[0] != '\0')
	{
		values[2] = CStringGetTextDatum(uuid);
		nulls[2] = ' ';
	}
	if (oe_restored_token(token))
	{
		values[3] = CStringGetTextDatum(token);
		nulls[3] = ' ';
	}
	(void) oe_spi(NULL,
				  "SELECT CASE WHEN a.disarmed THEN COALESCE(j.a ->> 'reason', 'disarmed by ' || a.armed_by)"
				  " WHEN a.system_identifier <> $1 THEN 'another server: the system identifier differs'"
				  " WHEN a.database_oid <> $2 THEN 'a copy: the database is not the one that was armed'"
				  " WHEN j.a ->> 'environment' <> current_setting('odoo_events.environment')"
				  " THEN 'another environment: odoo_events.environment was ''' || (j.a ->> 'environment') || ''' when it was armed'"
				  " WHEN a.database_uuid IS DISTINCT FROM $3 THEN 'Odoo''s database.uuid differs'"
				  " WHEN j.a ->> 'restore_token' <> $4 OR j.a ->> 'restore_token' IS NULL AND $4 IS NOT NULL"
				  " THEN 'the server was restored from a physical backup'"
				  " END, CASE WHEN j.a ? 'restore_token' AND j.a ->> 'restore_token' IS DISTINCT FROM $4 THEN $4 END"
				  " FROM odoo_events.arming_state a, LATERAL (SELECT to_jsonb(a) AS a) j",
				  4, types, values, nulls, true, 1);
	if (SPI_processed == 0)
		return pstrdup("never armed");
	difference = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	unknown = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	if (unknown && oe_session_is_worker)
		oe_note_restored(values[3]);
	return difference;
}

/*
 * What this database is, and whether it is the one that was armed.  Where
 * Odoo's parameters cannot be read it is not armed, and says why.
 */
static bool
oe_identity_look(OeIdentity *id, char *reason, Size size)
{
	OeSession	session;
	const char *why;
	char	   *difference;

	id->system_identifier = (int64) GetSystemIdentifier();
	oe_own_begin(&session);
	id->state = oe_parameters_read(&id->parameters, &why);
	difference = oe_difference_from_armed(id);
	if (id->state == OE_PARAMETERS_UNREADABLE)
		snprintf(reason, size, "ir_config_parameter cannot be read: %s", why);
	else if (id->state == OE_PARAMETERS_UNKNOWN)
		strlcpy(reason, "ir_config_parameter is locked by another session, and has not been read before", size);
	else if (difference)
		strlcpy(reason, difference, size);
	else
		strlcpy(reason, id->parameters.neutralized ? "Odoo says that the database is neutralized" : "", size);
	oe_own_end(&session);
	return reason[0] == '\0';
}

bool
oe_arming_check(char *reason, Size size)
{
	OeIdentity	id;

	return oe_identity_look(&id, reason, size);
}

PG_FUNCTION_INFO_V1(oe_sql_identity);

/*
 * _identity(OUT system_identifier, OUT database_uuid, OUT neutralized, OUT
 * armed, OUT reason): this database as it is now; neutralized is null where
 * Odoo's parameters are not known.
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
	values[3] = BoolGetDatum(oe_identity_look(&id, reason, sizeof(reason)));
	values[0] = Int64GetDatum(id.system_identifier);
	if (id.parameters.database_uuid[0] != '\0')
		values[1] = CStringGetTextDatum(id.parameters.database_uuid);
	else
		nulls[1] = true;
	values[2] = BoolGetDatum(id.parameters.neutralized);
	nulls[2] = id.state == OE_PARAMETERS_UNKNOWN || id.state == OE_PARAMETERS_UNREADABLE;
	if (reason[0])
		values[4] = CStringGetTextDatum(reason);
	else
		nulls[4] = true;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

PG_FUNCTION_INFO_V1(oe_sql_restore_token);

/*
 * _restore_token(): what arm() keeps, so that this server is known.
 */
Datum
oe_sql_restore_token(PG_FUNCTION_ARGS)
{
	char		token[OE_TOKEN_SIZE];

	if (!oe_restored_token(token))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(token));
}
