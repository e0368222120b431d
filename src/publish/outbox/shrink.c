/*
 * shrink.c
 *	  Makes a member of the outbox smaller whose last rows are still needed.
 *
 * Members are emptied as a whole, so they should be small.  A member that grew
 * before odoo_events.max_outbox_size was set may be larger than that limit.  To
 * drop all of it would lose far more events than necessary: its last rows are
 * moved into an empty member instead, in the transaction that empties it.
 *
 * Worker only, outside a transaction.  The rows are copied under locks that
 * disturb nobody; the AccessExclusiveLock on the old member is taken
 * conditionally, for the moment of the TRUNCATE.  Delivery stands meanwhile,
 * for about a second per 100 MB.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/insert.h"
#include "base/oe.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "publish/outbox/shrink.h"

/*
 * Copies the rows from a position on.  Logical decoding does not see them: it
 * has seen them when they were published.
 */
static void
oe_outbox_copy(Oid from, Relation to, int64 keep_from)
{
	Relation	rel = table_open(from, AccessShareLock);
	TableScanDesc scan = oe_table_beginscan(rel, GetActiveSnapshot());
	TupleTableSlot *row = table_slot_create(rel, NULL);
	int			natts = RelationGetDescr(rel)->natts;
	OeInserter	ins;

	oe_insert_begin(&ins, to, false);
	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		TupleTableSlot *slot;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(row);
		if (DatumGetInt64(row->tts_values[0]) < keep_from)
			continue;
		slot = oe_insert_slot(&ins);
		memcpy(slot->tts_values, row->tts_values, natts * sizeof(Datum));
		memcpy(slot->tts_isnull, row->tts_isnull, natts * sizeof(bool));
		(void) oe_insert_row(&ins, slot);
	}
	oe_insert_end(&ins);
	ExecDropSingleTupleTableSlot(row);
	table_endscan(scan);
	table_close(rel, NoLock);
}

/*
 * A transaction of isolation level REPEATABLE READ with an older snapshot would
 * see the rows neither where they were nor where they are.  fetch() in such a
 * transaction locks the row of its consumer: that must fail, as it does after
 * an update.  False: a consumer holds its row now.
 */
static bool
oe_touch_consumers(void)
{
	(void) oe_spi(NULL,
				  "WITH free AS (SELECT subscription_id FROM odoo_events.pull_cursor FOR UPDATE SKIP LOCKED),"
				  " touched AS (UPDATE odoo_events.pull_cursor p SET at = p.at FROM free f"
				  "   WHERE p.subscription_id OPERATOR(pg_catalog.=) f.subscription_id RETURNING 1)"
				  " SELECT (SELECT pg_catalog.count(*) FROM touched) OPERATOR(pg_catalog.=)"
				  " (SELECT pg_catalog.count(*) FROM odoo_events.pull_cursor)",
				  0, NULL, NULL, NULL, false, 1);
	return oe_cell_bool(SPI_tuptable, 0, 1);
}

static bool
oe_outbox_move(const Oid *members, int from, int to, int64 keep_from)
{
	if (!ConditionalLockRelationOid(members[to], RowExclusiveLock))
		return false;
	oe_outbox_copy(members[from], table_open(members[to], NoLock), keep_from);
	if (!oe_touch_consumers() || !ConditionalLockRelationOid(members[from], AccessExclusiveLock))
		return false;
	(void) oe_spi(NULL, psprintf("TRUNCATE ONLY odoo_events.outbox_%d", from), 0, NULL, NULL, NULL, false, 0);
	OE_FAULT("hold-shrunk");
	return true;
}

/*
 * A subtransaction takes the copies back where the old member cannot be had.
 */
bool
oe_outbox_shrink(int from, int to, int64 keep_from)
{
	OeSession	session;
	Oid			members[OE_OUTBOX_MEMBERS];
	MemoryContext cxt;
	ResourceOwner owner;
	bool		moved;

	oe_own_begin(&session);
	cxt = CurrentMemoryContext;
	owner = CurrentResourceOwner;
	oe_ring_members("outbox", OE_OUTBOX_MEMBERS, members);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	moved = oe_outbox_move(members, from, to, keep_from);
	if (moved)
		ReleaseCurrentSubTransaction();
	else
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	oe_own_end(&session);
	return moved;
}
