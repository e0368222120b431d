/*
 * emit.h
 *	  Ready-made events in the caller's transaction.
 */
#ifndef OE_EMIT_H
#define OE_EMIT_H

#include "postgres.h"
#include "fmgr.h"
#include "utils/uuid.h"

/*
 * Any backend or worker, in a transaction.  Records an event that the publisher
 * finds in the journal once the transaction has committed.  The rollback of a
 * subtransaction takes the event back.  "type" has the form
 * odoo.<domain>.<entity>.<verb>.v<n>; "data" is the text of a JSON object.  The key
 * is the subject where NULL, correlation may be NULL, and a NULL id means a new
 * one.  Checks no argument and takes no lock.
 */
extern void oe_emit(const char *type, const char *subject, const char *data,
					const char *key, const char *correlation, pg_uuid_t *id);

/*
 * The same for a snapshot event of a row.  The publisher reads the row when it
 * makes the event.
 */
extern void oe_note_snapshot(const char *rule, const char *entity, int64 id);

/* emit() without asking whether the caller may publish the type, and whether
 * the data fit its schema (publish/tools/checked_emit.c). */
extern PGDLLEXPORT Datum oe_sql_emit(PG_FUNCTION_ARGS);

#endif							/* OE_EMIT_H */
