/*
 * shmem.h
 *	  Shared memory: a slot per database, with its worker, the reasons to wake it,
 *	  the journal member for writers, and counters.
 *
 * It exists only where the library is in shared_preload_libraries.  Without it
 * every function may be called, and does nothing.  Nothing here is needed after a
 * crash; all of it is rebuilt from tables.
 *
 * Locks: one LWLock protects which slot belongs to which database, and the fields
 * of the worker; it is held for a few instructions.  Wake flags, hints and counters
 * are atomics.
 *
 * A slot is given to a database that is known to have the extension.  The launcher
 * also gives one to a database that may have it, lets a worker find out, and takes
 * it back where there is none.  There are odoo_events.max_databases slots, each
 * with statistics of odoo_events.max_rules capture rules.
 */
#ifndef OE_SHMEM_H
#define OE_SHMEM_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/proc.h"

#include "base/metrics.h"
#include "base/parameter_values.h"

/* Why a worker is woken (bits of OeSlot.wakes). */
#define OE_WAKE_CHANGES 0x01	/* a transaction committed journal rows */
#define OE_WAKE_EVENTS 0x02		/* somebody else published: outbox has grown */
#define OE_WAKE_CONFIG 0x04		/* a subscription, key or catalog row changed */
#define OE_WAKE_REGISTER 0x08	/* the extension was created here: launcher */

/* State of a worker; src/README.md, "Processes", has the transitions. */
typedef enum OeWorkerState
{
	OE_WORKER_NONE = 0,			/* nobody runs; the launcher may start one */
	OE_WORKER_STARTING,
	OE_WORKER_RUNNING,
	OE_WORKER_BACKOFF,			/* it has ended; started again at next_start */
	OE_WORKER_HELD,				/* a database command (DROP, RENAME ...) keeps
								 * it away until next_start */
	OE_WORKER_ABSENT,			/* the database has no extension */
	OE_WORKER_REFUSED			/* it cannot run: see last_error */
} OeWorkerState;

/* Statistics of one capture rule since the server started. */
typedef struct OeRuleStats
{
	char		rule[NAMEDATALEN];	/* empty: free */
	pg_atomic_uint64 captured;	/* rows written to the journal */
	pg_atomic_uint64 errors;	/* rows that could not be written */
	pg_atomic_uint64 last_change_at;	/* TimestampTz of the latest */

	/*
	 * Lost changes whose gap could not be written to capture_gap either; the
	 * worker writes it later.
	 */
	pg_atomic_uint64 unnoted;
	pg_atomic_uint64 unnoted_at;	/* TimestampTz of the latest */
	pg_atomic_uint32 unnoted_relid;
} OeRuleStats;

/*
 * All that is known of one database.  The launcher and the worker write the
 * fields of the worker, under the lock; the reader and the recorder theirs.
 */
typedef struct OeSlot
{
	Oid			dboid;			/* InvalidOid: free */
	OeWorkerState state;
	int			pid;			/* of the worker, 0 for none */
	PGPROC	   *proc;			/* its latch; NULL for none */
	uint64		generation;		/* grows with each start: tells an old
								 * worker's exit from a new one's */
	int			recorder_pid;	/* capture from the WAL: 0 for none */
	int			reader_pid;
	PGPROC	   *reader;			/* its latch; NULL for none */
	bool		reading;		/* the reader has its replication slot, and
								 * decodes */
	char		reader_error[256];	/* why reader or recorder ended last;
									 * empty: neither did */
	int			restarts;		/* of the worker since the slot was made */
	TimestampTz state_since;
	TimestampTz next_start;		/* in states BACKOFF, HELD and REFUSED */
	char		activity[64];	/* what the worker is doing */
	char		last_error[256];
	char		unarmed[128];	/* why the worker does not send; empty: it
								 * sends */
	OeParameters parameters;	/* as Odoo's table had them last */
	TimestampTz parameters_at;	/* when that was; 0: never read */
	TimestampTz last_error_at;
	TimestampTz published_until;	/* commit time up to which all is
									 * published; 0 before the first cycle */
	pg_atomic_uint32 freeze;	/* 1: a backend has subscriptions stand still
								 * (deliver/freeze.c) */
	int			freeze_pid;		/* process id of that backend; 0 for none */
	PGPROC	   *freezer;		/* its latch; NULL for none */
	int			freeze_subs[2]; /* ids of the subscriptions */
	bool		frozen;			/* they do stand still */
	pg_atomic_uint32 wakes;		/* OE_WAKE_... that the worker has not seen
								 * yet */
	pg_atomic_uint32 journal_hint;	/* ring member that writers try first */
	pg_atomic_uint32 nrules;	/* how many of "rules" are in use; shrinks
								 * only when the slot is cleared */
	pg_atomic_uint32 rules_full;	/* 1: a rule found no room */
	OeRuleStats *rules;			/* odoo_events.max_rules of them */
	OeMetrics	metrics;
} OeSlot;

/* Postmaster, from _PG_init. */
extern void oe_shmem_init(void);

/* Slot of the database we are connected to; NULL without preload, where there
 * is none yet, or when all are taken.  "create" only where the database has the
 * extension.  A slot is given to another database when its own has lost the
 * extension: call this again rather than keep the address across transactions. */
extern OeSlot *oe_slot_mine(bool create);
extern OeSlot *oe_slot_find(Oid dboid, bool create);

/* All slots (odoo_events.max_databases), for the launcher and the views; NULL
 * without preload. */
extern OeSlot *oe_slots(void);

/* How many databases got no slot when the launcher looked last, because all were
 * taken. */
extern void oe_slots_set_refused(uint32 n);
extern uint32 oe_slots_refused(void);
extern void oe_slots_lock(bool exclusive);
extern void oe_slots_unlock(void);

/* Notes why the reader or the recorder of a database ends. */
extern void oe_slot_note_reader_error(OeSlot *slot, const char *message);

/* Finds or makes the statistics of a rule; NULL when there is no room.  Takes the
 * lock only to make them. */
extern OeRuleStats *oe_rule_stats(OeSlot *slot, const char *rule);

/*
 * Wakes this database's worker, now or once when the current transaction has
 * committed (not if it aborts; harmless if a subtransaction did).  At PREPARE
 * TRANSACTION nothing is woken: COMMIT PREPARED does it (worker/hooks.c).
 */
extern void oe_wake(Oid dboid, uint32 why);
extern void oe_wake_at_commit(uint32 why);

/* Any backend, at the commit of a transaction that wrote WAL: wakes the WAL
 * reader of this database, if there is one. */
extern void oe_reader_wake(void);

/* Launcher */
extern void oe_launcher_set_latch(PGPROC *proc);
extern void oe_launcher_wake(void);
extern void oe_launcher_wake_at_commit(void);

#endif							/* OE_SHMEM_H */
