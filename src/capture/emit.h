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
 * Any backend or worker, in a transaction.  Notes an event that the publisher
 * finds in the journal once the transaction has committed; it goes with a
 * subtransaction that is rolled back.  "type" as odoo.<domain>.<entity>.<verb>.v<n>;
 * "data" is the text of a JSON object; key NULL: the subject; correlation may
 * be NULL; id NULL: a new one.  Checks nothing, takes no lock.
 */
extern void oe_emit(const char *type, const char *subject, const char *data,
					const char *key, const char *correlation, pg_uuid_t *id);

/*
 * The same for a snapshot event of a row, which the publisher reads when it
 * makes the event.
 */
extern void oe_note_snapshot(const char *rule, const char *entity, int64 id);

/* emit() without asking whether the caller may publish the type, and whether
 * the data fit its schema (publish/tools/checked_emit.c). */
extern PGDLLEXPORT Datum oe_sql_emit(PG_FUNCTION_ARGS);

#endif							/* OE_EMIT_H */
