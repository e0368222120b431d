/*
 * shmem.c
 *	  Slots in shared memory, one per database (shmem.h).
 *
 * Any process.  "oe_lock" guards which slot is whose and the worker's fields;
 * it is held for a few instructions, never across anything that can wait or
 * raise an error.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/guc.h"
#include "base/shmem.h"

typedef struct OeShared
{
	LWLock	   *lock;
	PGPROC	   *launcher;		/* its latch; NULL while it does not run */
	pg_atomic_uint32 refused;	/* databases that found no slot */
	OeSlot		slots[FLEXIBLE_ARRAY_MEMBER];	/* odoo_events.max_databases;
												 * their rules stand behind
												 * them */
} OeShared;

static OeShared *oe_shared = NULL;
static shmem_request_hook_type oe_prev_request = NULL;
static shmem_startup_hook_type oe_prev_startup = NULL;

/* Reasons (OE_WAKE_...) for which this transaction wakes the worker when it commits. */
static uint32 oe_pending_wakes = 0;
static bool oe_pending_launcher = false;
static bool oe_callback_set = false;

static Size
oe_slots_size(void)
{
	return MAXALIGN(add_size(offsetof(OeShared, slots), mul_size(oe_guc_max_databases, sizeof(OeSlot))));
}

static Size
oe_shared_size(void)
{
	return add_size(oe_slots_size(),
					mul_size(mul_size(oe_guc_max_databases, oe_guc_max_rules), sizeof(OeRuleStats)));
}

static void
oe_shmem_request(void)
{
	if (oe_prev_request)
		oe_prev_request();
	RequestAddinShmemSpace(oe_shared_size());
	RequestNamedLWLockTranche("odoo_events", 1);
}

static void
oe_slot_init(OeSlot *slot, OeRuleStats *rules)
{
	pg_atomic_init_u32(&slot->wakes, 0);
	pg_atomic_init_u32(&slot->journal_hint, 0);
	pg_atomic_init_u32(&slot->nrules, 0);
	pg_atomic_init_u32(&slot->rules_full, 0);
	slot->rules = rules;
	for (int r = 0; r < oe_guc_max_rules; r++)
	{
		pg_atomic_init_u64(&rules[r].captured, 0);
		pg_atomic_init_u64(&rules[r].errors, 0);
		pg_atomic_init_u64(&rules[r].last_change_at, 0);
		pg_atomic_init_u64(&rules[r].unnoted, 0);
		pg_atomic_init_u64(&rules[r].unnoted_at, 0);
		pg_atomic_init_u32(&rules[r].unnoted_relid, 0);
	}
	oe_metrics_init(&slot->metrics);
}

static void
oe_shmem_startup(void)
{
	bool		found;

	if (oe_prev_startup)
		oe_prev_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	oe_shared = ShmemInitStruct("odoo_events", oe_shared_size(), &found);
	if (!found)
	{
		OeRuleStats *rules = (OeRuleStats *) ((char *) oe_shared + oe_slots_size());

		memset(oe_shared, 0, oe_shared_size());
		oe_shared->lock = &GetNamedLWLockTranche("odoo_events")->lock;
		pg_atomic_init_u32(&oe_shared->refused, 0);
		for (int i = 0; i < oe_guc_max_databases; i++)
			oe_slot_init(&oe_shared->slots[i], rules + (Size) i * oe_guc_max_rules);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
oe_shmem_init(void)
{
	oe_prev_request = shmem_request_hook;
	shmem_request_hook = oe_shmem_request;
	oe_prev_startup = shmem_startup_hook;
	shmem_startup_hook = oe_shmem_startup;
}

OeSlot *
oe_slots(void)
{
	return oe_shared ? oe_shared->slots : NULL;
}

void
oe_slots_lock(bool exclusive)
{
	LWLockAcquire(oe_shared->lock, exclusive ? LW_EXCLUSIVE : LW_SHARED);
}

void
oe_slots_unlock(void)
{
	LWLockRelease(oe_shared->lock);
}

/*
 * The slot of a database, if it has one; under the lock.
 */
static OeSlot *
oe_slot_search(Oid dboid)
{
	for (int i = 0; i < oe_guc_max_databases; i++)
		if (oe_shared->slots[i].dboid == dboid)
			return &oe_shared->slots[i];
	return NULL;
}

/*
 * Empties a slot for its next database; under the exclusive lock.
 */
static void
oe_slot_clear(OeSlot *slot, Oid dboid)
{
	slot->dboid = dboid;
	slot->state = OE_WORKER_NONE;
	slot->pid = 0;
	slot->proc = NULL;
	slot->recorder_pid = slot->reader_pid = 0;
	slot->reader = NULL;
	slot->reading = false;
	slot->reader_error[0] = '\0';
	slot->restarts = 0;
	slot->state_since = GetCurrentTimestamp();
	slot->next_start = 0;
	slot->activity[0] = '\0';
	slot->last_error[0] = '\0';
	slot->unarmed[0] = '\0';
	slot->parameters_at = 0;
	slot->last_error_at = 0;
	slot->published_until = 0;
	pg_atomic_write_u32(&slot->freeze, 0);
	slot->freeze_pid = 0;
	slot->freezer = NULL;
	slot->frozen = false;
	pg_atomic_write_u32(&slot->wakes, 0);
	pg_atomic_write_u32(&slot->journal_hint, 0);
	pg_atomic_write_u32(&slot->nrules, 0);
	pg_atomic_write_u32(&slot->rules_full, 0);
	for (int r = 0; r < oe_guc_max_rules; r++)
	{
		pg_atomic_write_u64(&slot->rules[r].captured, 0);
		pg_atomic_write_u64(&slot->rules[r].errors, 0);
		pg_atomic_write_u64(&slot->rules[r].last_change_at, 0);
		pg_atomic_write_u64(&slot->rules[r].unnoted, 0);
	}
	oe_metrics_clear(&slot->metrics);
}

/*
 * The slot of a database, a free one if it has none; NULL when all are taken.
 * Under the exclusive lock.
 */
static OeSlot *
oe_slot_claim(Oid dboid)
{
	OeSlot	   *slot = oe_slot_search(dboid);

	if (slot == NULL)
	{
		slot = oe_slot_search(InvalidOid);
		if (slot)
			oe_slot_clear(slot, dboid);
	}
	return slot;
}

OeSlot *
oe_slot_find(Oid dboid, bool create)
{
	OeSlot	   *slot;

	if (oe_shared == NULL)
		return NULL;
	LWLockAcquire(oe_shared->lock, LW_SHARED);
	slot = oe_slot_search(dboid);
	LWLockRelease(oe_shared->lock);
	if (slot || !create)
		return slot;

	LWLockAcquire(oe_shared->lock, LW_EXCLUSIVE);
	slot = oe_slot_claim(dboid);
	LWLockRelease(oe_shared->lock);
	return slot;
}

OeSlot *
oe_slot_mine(bool create)
{
	static OeSlot *mine = NULL;

	/* the slot may be another database's since the extension was dropped here */
	if ((mine == NULL || mine->dboid != MyDatabaseId) && OidIsValid(MyDatabaseId))
		mine = oe_slot_find(MyDatabaseId, create);
	return mine;
}

void
oe_slots_set_refused(uint32 n)
{
	pg_atomic_write_u32(&oe_shared->refused, n);
}

uint32
oe_slots_refused(void)
{
	return pg_atomic_read_u32(&oe_shared->refused);
}

void
oe_slot_note_reader_error(OeSlot *slot, const char *message)
{
	LWLockAcquire(oe_shared->lock, LW_EXCLUSIVE);
	strlcpy(slot->reader_error, message, sizeof(slot->reader_error));
	LWLockRelease(oe_shared->lock);
}

/*
 * Searches the rules that are in use.  No lock is needed: a rule keeps its place
 * as long as the slot belongs to its database, and its name is written before
 * nrules counts it.
 */
static OeRuleStats *
oe_rule_stats_find(OeSlot *slot, const char *rule)
{
	uint32		n = pg_atomic_read_u32(&slot->nrules);

	pg_read_barrier();
	for (uint32 i = 0; i < n; i++)
		if (strncmp(slot->rules[i].rule, rule, NAMEDATALEN - 1) == 0)
			return &slot->rules[i];
	return NULL;
}

OeRuleStats *
oe_rule_stats(OeSlot *slot, const char *rule)
{
	OeRuleStats *stats;
	uint32		n;

	if (slot == NULL)
		return NULL;
	stats = oe_rule_stats_find(slot, rule);
	if (stats != NULL || pg_atomic_read_u32(&slot->rules_full) != 0)
		return stats;
	LWLockAcquire(oe_shared->lock, LW_EXCLUSIVE);
	stats = oe_rule_stats_find(slot, rule);
	n = pg_atomic_read_u32(&slot->nrules);
	if (stats == NULL && n < oe_guc_max_rules)
	{
		stats = &slot->rules[n];
		strlcpy(stats->rule, rule, NAMEDATALEN);
		pg_write_barrier();
		pg_atomic_write_u32(&slot->nrules, n + 1);
	}
	LWLockRelease(oe_shared->lock);
	if (stats == NULL && pg_atomic_exchange_u32(&slot->rules_full, 1) == 0)
		ereport(LOG,
				(errmsg("statistics of capture rule \"%s\" find no room", rule),
				 errhint("Raise odoo_events.max_rules and restart the server.")));
	return stats;
}

void
oe_reader_wake(void)
{
	OeSlot	   *slot = oe_slot_mine(false);

	if (slot == NULL || slot->reader == NULL)
		return;
	oe_slots_lock(false);
	if (slot->reader)
		SetLatch(&slot->reader->procLatch);
	oe_slots_unlock();
}

void
oe_launcher_set_latch(PGPROC *proc)
{
	LWLockAcquire(oe_shared->lock, LW_EXCLUSIVE);
	oe_shared->launcher = proc;
	LWLockRelease(oe_shared->lock);
}

void
oe_launcher_wake(void)
{
	if (oe_shared == NULL)
		return;
	LWLockAcquire(oe_shared->lock, LW_SHARED);
	if (oe_shared->launcher)
		SetLatch(&oe_shared->launcher->procLatch);
	LWLockRelease(oe_shared->lock);
}

/*
 * Asks the launcher to start a worker here, because the extension was, or may have
 * been, created.  Under the lock, because the launcher takes slots of databases
 * without the extension away.
 */
static void
oe_register(Oid dboid)
{
	OeSlot	   *slot;

	OE_FAULT("hold-register");
	LWLockAcquire(oe_shared->lock, LW_EXCLUSIVE);
	slot = oe_slot_claim(dboid);
	if (slot)
	{
		pg_atomic_fetch_or_u32(&slot->wakes, OE_WAKE_REGISTER);
		if (slot->state == OE_WORKER_ABSENT)
			slot->state = OE_WORKER_NONE;
	}
	LWLockRelease(oe_shared->lock);
	oe_launcher_wake();
}

/*
 * Sets flags of the worker, and its latch.  The latch can be left alone where the
 * flags were set already: the worker resets its latch before it reads the flags,
 * so it has not read them yet.
 */
void
oe_wake(Oid dboid, uint32 why)
{
	OeSlot	   *slot;
	uint32		before;

	if (oe_shared == NULL)
		return;
	if (why & OE_WAKE_REGISTER)
	{
		oe_register(dboid);
		why &= ~OE_WAKE_REGISTER;
	}
	slot = (dboid == MyDatabaseId) ? oe_slot_mine(false) : oe_slot_find(dboid, false);
	if (slot == NULL)
		return;
	before = pg_atomic_fetch_or_u32(&slot->wakes, why);
	if ((before & why) == why)
		return;
	LWLockAcquire(oe_shared->lock, LW_SHARED);
	if (slot->dboid == dboid && slot->proc)
		SetLatch(&slot->proc->procLatch);
	LWLockRelease(oe_shared->lock);
}

/*
 * At commit: wakes the worker.  At the end of any other transaction: forgets the
 * reasons.
 */
static void
oe_wake_xact_callback(XactEvent event, void *arg)
{
	uint32		why = oe_pending_wakes;
	bool		launcher = oe_pending_launcher;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
			oe_pending_wakes = 0;
			oe_pending_launcher = false;
			if (why)
				oe_wake(MyDatabaseId, why);
			if (launcher)
				oe_launcher_wake();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			oe_pending_wakes = 0;
			oe_pending_launcher = false;
			break;
		default:
			break;
	}
}

static void
oe_wake_callback(void)
{
	if (oe_callback_set)
		return;
	RegisterXactCallback(oe_wake_xact_callback, NULL);
	oe_callback_set = true;
}

/*
 * After CREATE, ALTER or DROP DATABASE.  The launcher sees the change only after the
 * commit.
 */
void
oe_launcher_wake_at_commit(void)
{
	if (oe_shared == NULL)
		return;
	oe_wake_callback();
	oe_pending_launcher = true;
}

void
oe_wake_at_commit(uint32 why)
{
	if (oe_shared == NULL)
		return;
	oe_wake_callback();
	oe_pending_wakes |= why;
}
