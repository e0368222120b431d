/*
 * subtransaction.h
 *	  A step of capture whose failure must not become Odoo's.
 */
#ifndef OE_SUBTRANSACTION_H
#define OE_SUBTRANSACTION_H

#include "postgres.h"

/*
 * Odoo's backend, in a transaction or while it is about to end.  Runs
 * step(arg) in a subtransaction of its own.  Where it fails that is rolled
 * back, logged as "odoo_events cannot <what>: ...", and the error's message
 * is answered, in the caller's memory context; NULL where it succeeds.  An
 * error that may not be turned into a gap (a cancelled statement, and any in
 * strict mode) is raised.
 */
extern const char *oe_subtransaction_run(void (*step) (void *arg), void *arg, const char *what);

#endif							/* OE_SUBTRANSACTION_H */
