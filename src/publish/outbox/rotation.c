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
#include "base/spi_row.h"
#include "publish/outbox/outbox.h"
#include "publish/outbox/rotation.h"
#include "publish/outbox/shrink.h"

/*
 * A member of the journal is left at this size; or at the smaller one if all of
 * it is published.
 */
#define OE_JOURNAL_FULL OE_TUNED("journal-full", 16 * 1024 * 1024)
#define OE_JOURNAL_WORTH OE_TUNED("journal-worth", 256 * 1024)

/* How often the outbox moves on within its retention. */
#define OE_OUTBOX_ROTATIONS 6

/* A member without rows takes no more than this, unless copies of rows were
 * rolled back there (shrink.c). */
#define OE_EMPTY_BYTES (1024 * 1024)

/* How long before events are dropped it is told, in milliseconds. */
#define OE_DROP_GRACE_MS OE_TUNED("drop-grace-ms", 60000)
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
	int64		first;			/* outbox: least position */
} OeOutboxRings;

/* Runs a query that answers (size, needed, old) per member. */
static void
oe_ring_states(const char *sql, int n, OeOutboxRings *states)
{
	OeSession	s;

	oe_own_begin(&s);
	(void) oe_spi(NULL, sql, 0, NULL, NULL, NULL, true, 0);
	for (int i = 0; i < n && i < SPI_processed; i++)
	{
		states[i].size = oe_spi_int8(i, 1);
		states[i].needed = oe_cell_bool(SPI_tuptable, i, 2);
		states[i].old = oe_cell_bool(SPI_tuptable, i, 3);
		if (SPI_tuptable->tupdesc->natts <= 3)
			continue;
		states[i].bytes = oe_spi_int8(i, 4);
		states[i].first = oe_spi_int8(i, 5);
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
 * Greatest position, whether it is needed, whether it should be left, size, and
 * least position, of each member.
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
		appendStringInfo(&sql, ", pg_catalog.pg_total_relation_size('odoo_events.outbox_%d'), (SELECT pg_catalog.min(position) FROM odoo_events.outbox_%d)", i, i);
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

static int64
oe_outbox_limit(void)
{
	return (int64) oe_guc_max_outbox_size * 1024 * 1024;
}

/*
 * The oldest member, if all are larger than they may be together; -1 if not,
 * or if there is but the one that is being filled.  "excess": by how many
 * bytes.
 */
static int
oe_outbox_overflow(const OeOutboxRings *states, int64 *excess)
{
	int			current = oe_outbox_newest(states);
	int			oldest = -1;
	int64		bytes = 0;

	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
	{
		if (states[i].size < 0)
			continue;
		bytes += states[i].bytes;
		if (i != current && (oldest < 0 || states[i].size < states[oldest].size))
			oldest = i;
	}
	*excess = bytes - oe_outbox_limit();
	return oe_guc_max_outbox_size > 0 && *excess > 0 ? oldest : -1;
}

/*
 * Up to which position a member has to go.  All of it, where that is about what
 * the limit makes members be; of a larger one, which grew before there was a
 * limit, what is too much, and as much as a member more, so that it is not
 * needed again at once.
 */
static int64
oe_overflow_cut(const OeOutboxRings *member, int64 excess)
{
	int64		share = oe_outbox_limit() / OE_OUTBOX_ROTATIONS;
	double		part = (double) (excess + share) / Max(member->bytes, 1);

	if (member->bytes <= 2 * share || part >= 1)
		return member->size;
	return member->first + (int64) ((member->size - member->first) * part);
}

/*
 * Is it time to drop events?  Not before that was told: the limit may just have
 * been set too low.  upto 0: there is no need to any more.
 */
static bool
oe_overflow_told(int64 upto)
{
	static TimestampTz told_at = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (upto > 0 && told_at > 0 && told_at <= now && now >= TimestampTzPlusMilliseconds(told_at, OE_DROP_GRACE_MS))
	{
		told_at = 0;
		return true;
	}
	if (upto > 0 && (told_at == 0 || told_at > now))
		ereport(LOG,
				(errmsg("the outbox of database \"%s\" is larger than odoo_events.max_outbox_size allows", oe_session_database),
				 errdetail("Events up to about position " INT64_FORMAT " are dropped in %d s, also those that subscriptions have not got, because odoo_events.on_full is drop.",
						   upto, OE_DROP_GRACE_MS / 1000),
				 errhint("To keep them: ALTER SYSTEM SET odoo_events.on_full = 'keep'; SELECT pg_reload_conf();")));
	told_at = upto == 0 ? 0 : told_at == 0 || told_at > now ? now : told_at;
	return false;
}

int64
oe_publish_overflow(int64 low_water)
{
	OeOutboxRings states[OE_OUTBOX_MEMBERS] = {0};
	int64		excess;
	int64		upto = 0;
	int			oldest = -1;

	if (oe_guc_max_outbox_size > 0)
	{
		oe_outbox_states(0, states);
		oldest = oe_outbox_overflow(states, &excess);
	}
	if (oldest >= 0)
		upto = oe_overflow_cut(&states[oldest], excess);
	if (upto < low_water)
		upto = 0;
	return oe_overflow_told(upto) ? upto : 0;
}

/*
 * How many bytes of a member are about events that nobody needs.
 */
static int64
oe_passed_bytes(const OeOutboxRings *member, int64 low_water)
{
	double		part = (double) (low_water - member->first) / (member->size - member->first + 1);

	return (int64) (member->bytes * part);
}

/*
 * The outbox is too large: what delivery has passed goes.  Of a member whose
 * last rows are needed the others go, where that is worth copying these.
 */
static void
oe_outbox_make_room(OeOutboxRings *states, int64 low_water)
{
	int			next = (oe_outbox_newest(states) + 1) % OE_OUTBOX_MEMBERS;
	int64		excess;
	int			oldest;

	while ((oldest = oe_outbox_overflow(states, &excess)) >= 0 && states[oldest].size < low_water &&
		   oe_ring_empty("outbox", oldest, psprintf("SELECT " OE_OUTBOX_NEEDED, low_water, 0, oldest), 0, NULL, NULL, NULL))
		states[oldest].size = -1, states[oldest].bytes = 0;
	if (oldest < 0 || states[oldest].size < low_water ||
		oe_passed_bytes(&states[oldest], low_water) < oe_outbox_limit() / OE_OUTBOX_ROTATIONS)
		return;
	for (int to = 0; to < OE_OUTBOX_MEMBERS; to++)
		if (states[to].size < 0 && to != next)
		{
			if (oe_outbox_shrink(oldest, to, low_water))
			{
				states[to].size = states[oldest].size;
				states[oldest].size = -1, states[oldest].bytes = 0;
			}
			return;
		}
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

	oe_outbox_states(low_water, states);
	current = oe_outbox_newest(states);
	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
		if ((states[i].size >= 0 || states[i].bytes > OE_EMPTY_BYTES) && !states[i].needed &&
			oe_ring_empty("outbox", i, psprintf("SELECT " OE_OUTBOX_NEEDED, low_water, oe_guc_retention, i), 0, NULL, NULL, NULL))
			states[i].size = -1, states[i].bytes = 0;
	oe_outbox_make_room(states, low_water);
	if (oe_guc_max_outbox_size > 0 && states[current].bytes > oe_outbox_limit() / OE_OUTBOX_ROTATIONS)
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
