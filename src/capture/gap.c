/*
 * gap.c
 *	  Writes to odoo_events.capture_gap which changes a transaction could not
 *	  capture.
 *
 * Odoo's backend, just before commit, in a subtransaction of its own.  Locks the
 * table conditionally.  Sets all columns itself.  Where that fails, too, the loss
 * is counted in shared memory, and the worker writes the row as soon as it can, in
 * a trusted transaction.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/fault.h"
#include "base/insert.h"
#include "base/oe.h"
#include "base/session.h"
#include "base/shmem.h"
#include "capture/gap.h"
#include "capture/log.h"

/* Columns of capture_gap, in their order; further columns are null. */
enum
{
	OE_G_XID, OE_G_RULE, OE_G_RELID, OE_G_AT, OE_G_CHANGES, OE_G_REASON,
	OE_G_COLUMNS
};

static Relation
oe_gaps_open(void)
{
	Oid			relid = get_relname_relid("capture_gap", get_namespace_oid(OE_SCHEMA, false));

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.capture_gap\" does not exist", OE_SCHEMA)));
	if (!ConditionalLockRelationOid(relid, RowExclusiveLock))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("table \"%s.capture_gap\" is locked", OE_SCHEMA)));
	return table_open(relid, NoLock);
}

void
oe_gaps_write(void *arg)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events gaps",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	FullTransactionId xid = GetTopFullTransactionId();
	OeInserter	ins;

	XactReadOnly = false;
	PushActiveSnapshot(GetTransactionSnapshot());
	oe_insert_begin(&ins, oe_gaps_open(), false);
	for (OeTarget *t = oe_log->targets; t != NULL; t = t->next)
	{
		TupleTableSlot *slot;

		if (t->lost == 0)
			continue;
		slot = oe_insert_slot(&ins);
		/* an older version of the table has no more columns than these */
		memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
		memset(slot->tts_isnull, false, OE_G_COLUMNS * sizeof(bool));
		slot->tts_values[OE_G_XID] = FullTransactionIdGetDatum(xid);
		slot->tts_values[OE_G_RULE] = PointerGetDatum(cstring_to_text(t->rule));
		slot->tts_values[OE_G_RELID] = ObjectIdGetDatum(t->relid);
		slot->tts_values[OE_G_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
		slot->tts_values[OE_G_CHANGES] = Int64GetDatum(t->lost);
		slot->tts_values[OE_G_REASON] = PointerGetDatum(cstring_to_text(t->reason ? t->reason : ""));
		(void) oe_insert_row(&ins, slot);
	}
	oe_insert_end(&ins);
	OE_FAULT("gap-written");
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

static void
oe_gap_note_late(OeRuleStats *stats, uint64 lost)
{
	static const Oid types[] = {TEXTOID, OIDOID, TIMESTAMPTZOID, INT8OID};
	Datum		values[] = {
		CStringGetTextDatum(stats->rule),
		ObjectIdGetDatum(pg_atomic_read_u32(&stats->unnoted_relid)),
		TimestampTzGetDatum((TimestampTz) pg_atomic_read_u64(&stats->unnoted_at)),
		Int64GetDatum((int64) lost)
	};
	OeSession	session;

	oe_own_begin(&session);
	(void) oe_spi(NULL, "INSERT INTO odoo_events.capture_gap (xid, rule, relid, at, changes, reason)"
				  " VALUES (pg_current_xact_id(), $1, $2, $3, $4, 'neither the journal nor this table could be written at the time')",
				  4, types, values, NULL, false, 0);
	oe_own_end(&session);
}

/*
 * The counter in shared memory is decreased only after the row is committed.
 */
void
oe_gaps_note_late(void)
{
	OeSlot	   *slot = oe_slot_mine(false);

	for (int i = 0; slot != NULL && i < (int) pg_atomic_read_u32(&slot->nrules); i++)
	{
		uint64		lost = pg_atomic_read_u64(&slot->rules[i].unnoted);

		if (lost == 0)
			continue;
		oe_gap_note_late(&slot->rules[i], lost);
		pg_atomic_fetch_sub_u64(&slot->rules[i].unnoted, lost);
	}
}
