/*
 * cursor.c
 *	  How far publishing is: the latest row of a ring.
 *
 * Trusted transaction, under the publisher's lock.  One row per cycle has the
 * snapshot up to which the journal was read, how much of it is published, and
 * the last position.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/oe.h"
#include "base/spi_row.h"
#include "publish/model/cycle.h"
#include "publish/source/cursor.h"

/* Rows after which the other member of the ring is used. */
#define OE_CURSOR_ROWS OE_TUNED("cursor-rows", 4096)
#define OE_EMPTY_SNAPSHOT "3:3:"

/*
 * Journal and cursor come from another cluster.  pg_upgrade continues the
 * numbering of transactions, so their xids keep their meaning.  If the journal
 * contains xids that this cluster has not assigned yet, the data came by dump
 * and restore, and its xids mean nothing here.
 */
static bool
oe_numbering_goes_on(void)
{
	(void) oe_spi_keep_context(NULL, "SELECT now.xmax >= ALL (SELECT pg_catalog.pg_snapshot_xmax(COALESCE(c.s2, c.s1)) FROM odoo_events.publish_cursor c)"
							   " AND NOT EXISTS (SELECT 1 FROM odoo_events.journal j WHERE j.xid >= now.xmax)"
							   " FROM (SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) AS xmax) now",
							   0, NULL, NULL, NULL, false, 1);
	return strcmp(oe_spi_text(0, 1), "t") == 0;
}

/*
 * The journal cannot be read by snapshots, because its xids mean nothing here:
 * unless it is empty that is a gap.  Positions continue.
 */
static void
oe_start_afresh(OeCursor *cursor)
{
	(void) oe_spi_keep_context(NULL, "WITH a AS (DELETE FROM odoo_events.journal_0 RETURNING rule, relid),"
							   " b AS (DELETE FROM odoo_events.journal_1 RETURNING rule, relid),"
							   " c AS (DELETE FROM odoo_events.journal_2 RETURNING rule, relid),"
							   " d AS (DELETE FROM odoo_events.publish_cursor_0),"
							   " e AS (DELETE FROM odoo_events.publish_cursor_1)"
							   " INSERT INTO odoo_events.capture_gap (xid, rule, relid, at, changes, reason)"
							   " SELECT pg_catalog.pg_current_xact_id(), j.rule, j.relid, pg_catalog.clock_timestamp(), pg_catalog.count(*),"
							   " 'the journal of another cluster was emptied; a part may have been published there'"
							   " FROM (SELECT * FROM a UNION ALL SELECT * FROM b UNION ALL SELECT * FROM c) j GROUP BY j.rule, j.relid",
							   0, NULL, NULL, NULL, false, 0);
	ereport(LOG,
			(errmsg("journal and cursor of %s belong to another cluster and were emptied", OE_EXTENSION)));
	cursor->s1 = NULL;
}

/*
 * The latest row; the beginning if there is none.
 */
void
oe_cursor_read(OeCursor *cursor)
{
	static SPIPlanPtr plan = NULL;
	bool		found;

	memset(cursor, 0, sizeof(*cursor));
	(void) oe_spi_keep_context(&plan, "SELECT n, system_identifier, s1::text, s2::text, done_id, slice_id, last_position"
							   " FROM odoo_events.publish_cursor ORDER BY n DESC LIMIT 1",
							   0, NULL, NULL, NULL, false, 1);
	found = SPI_processed == 1;
	if (found)
	{
		uint64		sysid = (uint64) oe_spi_int8(0, 2);

		cursor->n = oe_spi_int8(0, 1);
		cursor->s1 = oe_spi_text(0, 3);
		cursor->s2 = oe_spi_text(0, 4);
		cursor->done_id = oe_spi_int8(0, 5);
		cursor->chunk_id = oe_spi_int8(0, 6);
		cursor->last_position = oe_spi_int8(0, 7);
		if (sysid == GetSystemIdentifier() || oe_numbering_goes_on())
			return;
		oe_start_afresh(cursor);
		(void) oe_spi_keep_context(NULL, "SELECT pg_catalog.pg_current_snapshot()::text", 0, NULL, NULL, NULL, false, 1);
		cursor->s1 = oe_spi_text(0, 1);
		cursor->s2 = NULL;
		cursor->done_id = cursor->chunk_id = 0;
	}
	else
		cursor->s1 = pstrdup(OE_EMPTY_SNAPSHOT);
	(void) oe_spi_keep_context(NULL, "SELECT COALESCE(pg_catalog.max(position), 0) FROM odoo_events.outbox_all", 0, NULL, NULL, NULL, false, 1);
	cursor->last_position = Max(cursor->last_position, oe_spi_int8(0, 1));
}

/*
 * Writes the cursor as it is when this cycle is published.
 */
void
oe_cursor_append(OeCycle *cy, OeJournalBatch *r)
{
	static SPIPlanPtr plans[OE_LOG_MEMBERS];
	static const Oid types[] = {INT8OID, INT8OID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID};
	int			member = (++r->cursor.n / OE_CURSOR_ROWS) % OE_LOG_MEMBERS;
	bool		open = r->cursor.s2 != NULL;
	Datum		values[8];
	char		nulls[9] = "        ";

	values[0] = Int64GetDatum(r->cursor.n);
	values[1] = Int64GetDatum((int64) GetSystemIdentifier());
	values[2] = CStringGetTextDatum(r->cursor.s1);
	values[3] = open ? CStringGetTextDatum(r->cursor.s2) : (Datum) 0;
	values[4] = Int64GetDatum(r->cursor.done_id);
	values[5] = Int64GetDatum(r->cursor.chunk_id);
	values[6] = Int64GetDatum(r->cursor.last_position);
	values[7] = TimestampTzGetDatum(cy->now);
	if (!open)
		nulls[3] = nulls[4] = nulls[5] = 'n';
	(void) oe_spi_keep_context(&plans[member],
							   psprintf("INSERT INTO odoo_events.publish_cursor_%d (n, system_identifier, s1, s2, done_id, slice_id, last_position, at)"
										" VALUES ($1, $2, $3::pg_snapshot, $4::pg_snapshot, $5, $6, $7, $8)", member),
							   8, types, values, nulls, false, 0);
}
