/*
 * worker.h
 *	  Launcher, per-database worker, arming and the utility hook.
 */
#ifndef OE_WORKER_H
#define OE_WORKER_H

#include "postgres.h"

#include "base/parameters.h"
#include "base/shmem.h"

/* What decides whether this database may send. */
typedef struct OeIdentity
{
	int64		system_identifier;
	OeParameters parameters;	/* what Odoo says */
	OeParametersState state;	/* whether that is known */
} OeIdentity;

/* postmaster, from _PG_init */
extern void oe_launcher_register(void);
extern void oe_hooks_init(void);

/*
 * Worker, outside a transaction, or a backend inside one: whether deliveries
 * may be sent.  "reason" (at least 128 bytes) says why not.
 */
extern bool oe_arming_check(char *reason, Size size);

/* erasure.c: worker, outside a transaction: must it forget what it has read? */
extern bool oe_erasure_came(void);

/* pace.c: worker, outside a transaction */
extern void oe_pace_waited(int64 microseconds);
extern int	oe_pace_begin(void);
extern void oe_pace_end(void);
extern long oe_pace_until(int64 last_position);
extern bool oe_pace_behind(void);

#endif							/* OE_WORKER_H */
