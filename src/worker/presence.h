/*
 * presence.h
 *	  The worker's place in shared memory.  Worker only.
 */
#ifndef OE_WORKER_PRESENCE_H
#define OE_WORKER_PRESENCE_H

#include "postgres.h"

#include "base/shmem.h"

/* Before connecting; ends the process where there is nothing for it to do. */
extern OeSlot *oe_worker_enter(Oid dboid);

/* What the worker is doing, for pg_stat_activity and worker_status. */
extern void oe_worker_activity(const char *what);

extern void oe_worker_state(OeWorkerState state);

/* Outside a transaction. */
extern bool oe_worker_belongs_here(void);

/* Ends the process. */
extern void oe_worker_leave(void);

/* It runs: what the one before it failed at is over. */
extern void oe_worker_forget_error(void);

#endif							/* OE_WORKER_PRESENCE_H */
