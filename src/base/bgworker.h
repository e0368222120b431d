/*
 * bgworker.h
 *	  How the background workers of odoo_events are registered.
 */
#ifndef OE_BGWORKER_H
#define OE_BGWORKER_H

#include "postgres.h"
#include "postmaster/bgworker.h"

/*
 * Fills a registration: shared memory, a database connection, no restart, a
 * notification to this process when it starts or ends.  "what" becomes part of
 * the type and the name; "function" is the entry point in this library.  The
 * argument of the process is the database, InvalidOid for a process without one.
 * Callers then change what differs.
 */
extern void oe_bgworker_init(BackgroundWorker *worker, const char *what, const char *function, Oid dboid,
							 const char *database);

#endif							/* OE_BGWORKER_H */
