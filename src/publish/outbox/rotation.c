/*
 * rotation.c
 *	  Rotates the rings of journal, cursor and outbox.
 *
 * Worker only, outside a transaction.  Never waits for a lock, so that no insert
 * of Odoo's waits behind it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "port/atomics.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/guc.h"
#include "base/oe.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/shmem.h"
#include "publish/outbox/outbox.h"
#include "publish/outbox/rotation.h"

/*
 * A member of the journal is left at this size; or at the smaller one if all of
 * it is published.
 */
#define OE_JOURNAL_FULL OE_TUNED("journal-full", 16 * 1024 * 1024)
#define OE_JOURNAL_WORTH OE_TUNED("journal-worth", 256 * 1024)

/* How often the outbox moves on within its retention. */
#define OE_OUTBOX_ROTATIONS 6
#define OE_UNREAD \
	"EXISTS (SELECT FROM odoo_events.journal_%d j WHERE NOT pg_catalog.pg_visible_in_snapshot(j.xid," \
	" COALESCE((SELECT c.s1 FROM odoo_events.publish_cursor c ORDER BY c.n DESC LIMIT 1), '3:3:'::pg_snapshot))" \
	" OR NOT pg_catalog.pg_visible_in_snapshot(j.xid, (SELECT w.done FROM odoo_events.wal_compare w)))"

typedef struct OeOutboxRings
{
	int64		size;			/* bytes, or, of the outbox, greatest position */
	bool		needed;
	bool		old;			/* outbox: should be left */
	int64		bytes;
} OeOutboxRings;

static int64
oe_maintain_int8(uint64 row, int col)
{
	bool		isnull;
	Datum		d = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, &isnull);

	return isnull ? 0 : DatumGetInt64(d);
}

static bool
oe_maintain_bool(uint64 row, int col)
{
	bool		isnull;
	Datum		d = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, &isnull);

	return !isnull && DatumGetBool(d);
}

/* Runs a query that answers (size, needed, old) per member. */
static void
oe_ring_states(const char *sql, int n, OeOutboxRings *states)
{
	OeSession	s;

	oe_own_begin(&s);
	(void) oe_spi(NULL, sql, 0, NULL, NULL, NULL, true, 0);
	for (int i = 0; i < n && i < SPI_processed; i++)
	{
		states[i].size = oe_maintain_int8(i, 1);
		states[i].needed = oe_maintain_bool(i, 2);
		states[i].old = oe_maintain_bool(i, 3);
		states[i].bytes = SPI_tuptable->tupdesc->natts > 3 ? oe_maintain_int8(i, 4) : 0;
	}
	oe_own_end(&s);
}

static void
oe_maintain_journal(void)
{
	OeSlot	   *slot = oe_slot_mine(false);
	OeOutboxRings states[OE_JOURNAL_MEMBERS] = {0};
	StringInfoData sql;
	uint32		hint = slot ? pg_atomic_read_u32(&slot->journal_hint) % OE_JOURNAL_MEMBERS : 0;
	uint32		next = (hint + 1) % OE_JOURNAL_MEMBERS;

	initStringInfo(&sql);
	for (int i = 0; i < OE_JOURNAL_MEMBERS; i++)
	{
		appendStringInfo(&sql, "%sSELECT pg_catalog.pg_relation_size('odoo_events.journal_%d'), ", i ? " UNION ALL " : "", i);
		appendStringInfo(&sql, OE_UNREAD, i);
		appendStringInfoString(&sql, ", false");
	}
	oe_ring_states(sql.data, OE_JOURNAL_MEMBERS, states);
	if (slot && states[next].size == 0 &&
		(states[hint].size > OE_JOURNAL_FULL ||
		 (states[hint].size > OE_JOURNAL_WORTH && !states[hint].needed)))
	{
		pg_atomic_write_u32(&slot->journal_hint, next);
		hint = next;
	}
	for (int i = 0; i < OE_JOURNAL_MEMBERS; i++)
		if (i != hint && states[i].size > 0 && !states[i].needed)
			(void) oe_ring_empty("journal", i, psprintf("SELECT " OE_UNREAD, i), 0, NULL, NULL, NULL);
}

/*
 * Empties the member whose rows are all older than the first row of the other
 * one.
 */
static void
oe_maintain_cursor(void)
{
	OeOutboxRings states[OE_LOG_MEMBERS] = {0};

	oe_ring_states("SELECT COALESCE((SELECT pg_catalog.max(n) FROM odoo_events.publish_cursor_0), -1), false, false UNION ALL"
				   " SELECT COALESCE((SELECT pg_catalog.max(n) FROM odoo_events.publish_cursor_1), -1), false, false",
				   OE_LOG_MEMBERS, states);
	for (int i = 0; i < OE_LOG_MEMBERS; i++)
		if (states[i].size >= 0 && states[i].size < states[1 - i].size)
			(void) oe_ring_empty("publish_cursor", i,
								 psprintf("SELECT (SELECT pg_catalog.max(n) FROM odoo_events.publish_cursor_%d)"
										  " > (SELECT pg_catalog.max(n) FROM odoo_events.publish_cursor_%d)", i, 1 - i),
								 0, NULL, NULL, NULL);
}

#define OE_OUTBOX_NEEDED \
	"COALESCE((SELECT o.position >= " INT64_FORMAT " OR o.recordedtime > pg_catalog.now() - pg_catalog.make_interval(secs => %d)" \
	" FROM odoo_events.outbox_%d o ORDER BY o.position DESC LIMIT 1), false)"

/*
 * Greatest position, whether it is needed, whether it should be left, and
 * size, of each member.
 */
static void
oe_outbox_states(int64 low_water, OeOutboxRings *states)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
	{
		appendStringInfo(&sql, "%sSELECT COALESCE((SELECT pg_catalog.max(position) FROM odoo_events.outbox_%d), -1), ", i ? " UNION ALL " : "", i);
		appendStringInfo(&sql, OE_OUTBOX_NEEDED, low_water, oe_guc_retention, i);
		appendStringInfo(&sql, ", (SELECT o.recordedtime < pg_catalog.now() - pg_catalog.make_interval(secs => %d) FROM odoo_events.outbox_%d o ORDER BY o.position LIMIT 1)",
						 Max(oe_guc_retention / OE_OUTBOX_ROTATIONS, 1), i);
		appendStringInfo(&sql, ", pg_catalog.pg_total_relation_size('odoo_events.outbox_%d')", i);
	}
	oe_ring_states(sql.data, OE_OUTBOX_MEMBERS, states);
}

static int
oe_outbox_newest(const OeOutboxRings *states)
{
	int			current = 0;

	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
		if (states[i].size > states[current].size)
			current = i;
	return current;
}

/*
 * The oldest member, if all are larger than they may be together; -1 if not,
 * or if there is but the one that is being filled.
 */
static int
oe_outbox_overflow(const OeOutboxRings *states)
{
	int			current = oe_outbox_newest(states);
	int			oldest = -1;
	int64		bytes = 0;

	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
	{
		bytes += states[i].bytes;
		if (i != current && states[i].size >= 0 && (oldest < 0 || states[i].size < states[oldest].size))
			oldest = i;
	}
	return oe_guc_max_outbox_size > 0 && bytes > (int64) oe_guc_max_outbox_size * 1024 * 1024 ? oldest : -1;
}

int64
oe_publish_overflow(void)
{
	OeOutboxRings states[OE_OUTBOX_MEMBERS] = {0};
	int			oldest;

	if (oe_guc_max_outbox_size == 0)
		return 0;
	oe_outbox_states(0, states);
	oldest = oe_outbox_overflow(states);
	return oldest < 0 ? 0 : states[oldest].size;
}

/*
 * Empties a member that delivery has passed and that is older than the
 * retention (or, while the outbox is too large, that delivery has passed).
 * Moves on when the current member has a sixth of what may be kept.
 */
static void
oe_maintain_outbox(int64 low_water)
{
	OeOutboxRings states[OE_OUTBOX_MEMBERS] = {0};
	int			current;
	int			next;
	int			oldest;

	oe_outbox_states(low_water, states);
	current = oe_outbox_newest(states);
	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
		if (states[i].size >= 0 && !states[i].needed &&
			oe_ring_empty("outbox", i, psprintf("SELECT " OE_OUTBOX_NEEDED, low_water, oe_guc_retention, i), 0, NULL, NULL, NULL))
			states[i].size = -1, states[i].bytes = 0;
	while ((oldest = oe_outbox_overflow(states)) >= 0 && states[oldest].size < low_water &&
		   oe_ring_empty("outbox", oldest, psprintf("SELECT " OE_OUTBOX_NEEDED, low_water, 0, oldest), 0, NULL, NULL, NULL))
		states[oldest].size = -1, states[oldest].bytes = 0;
	if (oe_guc_max_outbox_size > 0 && states[current].bytes > (int64) oe_guc_max_outbox_size * 1024 * 1024 / OE_OUTBOX_ROTATIONS)
		states[current].old = true;
	next = (current + 1) % OE_OUTBOX_MEMBERS;
	oe_outbox_member = states[current].size >= 0 && states[current].old && states[next].size < 0 ? next : current;
}

void
oe_publish_maintain(int64 low_water)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events maintain", ALLOCSET_DEFAULT_SIZES);
	MemoryContext save = MemoryContextSwitchTo(cxt);

	oe_maintain_journal();
	oe_maintain_cursor();
	oe_maintain_outbox(low_water);
	MemoryContextSwitchTo(save);
	MemoryContextDelete(cxt);
}
