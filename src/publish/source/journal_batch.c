/*
 * journal_batch.c
 *	  Reads the journal by snapshots.
 *
 * Trusted transaction, under the publisher's lock.  A journal batch is what a
 * snapshot S2 sees and an earlier one S1 did not; both are taken from
 * statements that read the journal.  Its transactions are published in the order
 * of their first id.  Ids are assigned just before commit while row locks are
 * held: of two transactions that touched one record, or one of which saw the
 * other, the first has only lower ids.  The durable cursor says how much of the
 * batch is done; the list of its transactions is a cache of this process.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/session.h"
#include "base/spi_row.h"
#include "publish/model/cycle.h"
#include "publish/model/limits.h"
#include "publish/model/transaction.h"
#include "publish/model/yield.h"
#include "publish/odoo/lookahead.h"
#include "publish/source/cursor.h"
#include "publish/source/journal_batch.h"
#include "publish/source/quarantine.h"

/* Transactions that are listed at a time; a batch may have more. */
#define OE_LIST_ROOM 50000

/* Rows that are fetched at a time. */
#define OE_FETCH_ROWS 256

/* How old the later changes (lookahead.c) may be, in milliseconds. */
#define OE_LOOK_MS 5000

typedef struct OeListed
{
	uint64		xid;
	int64		first;			/* least id */
	int64		rows;
	int64		bytes;			/* of their images */
} OeListed;

/*
 * What this process knows beyond the cursor's row.  Discarded when that row is
 * not the expected one.
 */
static struct
{
	MemoryContext cxt;
	bool		valid;
	OeCursor	cursor;
	char	   *s1;				/* newer than the cursor's: nothing came
								 * between */
	int			n;
	int			next;
	bool		complete;		/* no more than these are in the batch */
	OeListed   *list;
	OeListed   *by_xid;			/* the same; NULL: not sorted yet */
	TimestampTz gone_at;		/* when changes behind it were read; 0: not
								 * yet */
}			oe_listed;

static void
oe_win_reset(void)
{
	if (oe_listed.cxt == NULL)
		oe_listed.cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events window", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_listed.cxt);
	oe_listed.valid = false;
	oe_listed.s1 = NULL;
	oe_listed.n = oe_listed.next = 0;
	oe_listed.list = NULL;
	oe_listed.by_xid = NULL;
	oe_listed.complete = true;
	oe_listed.gone_at = 0;
	oe_lookahead_forget();
}

static bool
oe_same(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool
oe_cursor_equal(const OeCursor *a, const OeCursor *b)
{
	return a->n == b->n && oe_same(a->s1, b->s1) && oe_same(a->s2, b->s2) && a->done_id == b->done_id &&
		a->chunk_id == b->chunk_id && a->last_position == b->last_position;
}

static void
oe_win_remember(const OeCursor *cursor)
{
	MemoryContext save = MemoryContextSwitchTo(oe_listed.cxt);

	oe_listed.cursor = *cursor;
	oe_listed.cursor.s1 = pstrdup(cursor->s1);
	oe_listed.cursor.s2 = cursor->s2 ? pstrdup(cursor->s2) : NULL;
	oe_listed.valid = true;
	MemoryContextSwitchTo(save);
}

/* The parts of 'xmin:xmax:xip,...'. */
static char *
oe_snapshot_xmax(const char *snapshot)
{
	const char *p = strchr(snapshot, ':') + 1;

	return pnstrdup(p, strchr(p, ':') - p);
}

static char *
oe_snapshot_xip(const char *snapshot)
{
	return psprintf("{%s}", strchr(strchr(snapshot, ':') + 1, ':') + 1);
}

/*
 * Is anybody but ourselves in progress in this snapshot?
 */
static bool
oe_snapshot_open(const char *snapshot)
{
	const char *xip = strchr(strchr(snapshot, ':') + 1, ':') + 1;
	char		mine[32];

	snprintf(mine, sizeof(mine), UINT64_FORMAT, U64FromFullTransactionId(GetTopFullTransactionIdIfAny()));
	return xip[0] != '\0' && strcmp(xip, mine) != 0;
}

/* the lengths stand beside what is in TOAST: nothing is read there */
#define OE_LISTED_COLUMNS "xid, id, COALESCE(pg_catalog.octet_length(old), 0)::int8 + COALESCE(pg_catalog.octet_length(new), 0) AS bytes"
#define OE_LISTED(i) \
	"SELECT " OE_LISTED_COLUMNS " FROM odoo_events.journal_" i " WHERE xid >= $1::text::xid8" \
	" UNION ALL SELECT " OE_LISTED_COLUMNS " FROM odoo_events.journal_" i " WHERE xid = ANY ($2::text::xid8[])"

/*
 * Lists transactions of a batch: of the one in progress (s2, after done_id),
 * or, if s2 is NULL, of a new one that ends with the statement's own snapshot.
 */
static char *
oe_list(const char *s1, const char *s2, int64 done_id)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {TEXTOID, TEXTOID, TEXTOID, INT8OID};
	Datum		values[4];
	char		nulls[5] = "    ";
	char	   *snapshot;
	MemoryContext save;

	values[0] = CStringGetTextDatum(oe_snapshot_xmax(s1));
	values[1] = CStringGetTextDatum(oe_snapshot_xip(s1));
	values[2] = s2 ? CStringGetTextDatum(s2) : (Datum) 0;
	nulls[2] = s2 ? ' ' : 'n';
	values[3] = Int64GetDatum(done_id);
	(void) oe_spi_keep_context(&plan,
							   "SELECT pg_catalog.pg_current_snapshot()::text, x.xid, x.first, x.rows, x.bytes FROM (SELECT 1) one LEFT JOIN"
							   " (SELECT j.xid, pg_catalog.min(j.id) AS first, pg_catalog.count(*) AS rows, pg_catalog.sum(j.bytes)::int8 AS bytes FROM ("
							   OE_LISTED("0") " UNION ALL " OE_LISTED("1") " UNION ALL " OE_LISTED("2") ") j"
							   " WHERE $3 IS NULL OR pg_catalog.pg_visible_in_snapshot(j.xid, $3::text::pg_snapshot)"
							   " GROUP BY j.xid HAVING pg_catalog.min(j.id) > $4 ORDER BY 2 LIMIT " CppAsString2(OE_LIST_ROOM) ") x ON true ORDER BY x.first",
							   4, types, values, nulls, false, 0);
	snapshot = oe_spi_text(0, 1);
	save = MemoryContextSwitchTo(oe_listed.cxt);
	if (oe_listed.list)
		pfree(oe_listed.list);
	if (oe_listed.by_xid)
		pfree(oe_listed.by_xid);
	oe_listed.by_xid = NULL;
	oe_listed.list = palloc(sizeof(OeListed) * SPI_processed);
	oe_listed.n = oe_listed.next = 0;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		xid = oe_cell(SPI_tuptable, i, 2, &isnull);

		if (isnull)
			continue;
		oe_listed.list[oe_listed.n].xid = U64FromFullTransactionId(DatumGetFullTransactionId(xid));
		oe_listed.list[oe_listed.n].first = oe_spi_int8(i, 3);
		oe_listed.list[oe_listed.n].rows = oe_spi_int8(i, 4);
		oe_listed.list[oe_listed.n++].bytes = oe_spi_int8(i, 5);
	}
	oe_listed.complete = oe_listed.n < OE_LIST_ROOM;
	oe_listed.gone_at = 0;
	MemoryContextSwitchTo(save);
	return snapshot;
}

/* ---- rows ---- */

/* Columns in the order of oe_change_read(). */
#define OE_COLUMNS "xid, id, at, rule, relid, op, record_id, old, new, traceparent, source_xid"
#define OE_SOURCE_XID 11
#define OE_ROWS(i, where) "SELECT " OE_COLUMNS " FROM odoo_events.journal_" i " WHERE " where

static int
oe_listed_cmp(const void *a, const void *b)
{
	uint64		x = ((const OeListed *) a)->xid;
	uint64		y = ((const OeListed *) b)->xid;

	return x < y ? -1 : x > y ? 1 : 0;
}

/*
 * The first id of a transaction; of one that is not listed: behind all others.
 */
static int64
oe_journal_batch_first_id(uint64 xid)
{
	OeListed	key = {.xid = xid};
	OeListed   *found;

	if (oe_listed.by_xid == NULL)
	{
		oe_listed.by_xid = MemoryContextAlloc(oe_listed.cxt, sizeof(OeListed) * (oe_listed.n + 1));
		memcpy(oe_listed.by_xid, oe_listed.list, sizeof(OeListed) * oe_listed.n);
		qsort(oe_listed.by_xid, oe_listed.n, sizeof(OeListed), oe_listed_cmp);
	}
	found = bsearch(&key, oe_listed.by_xid, oe_listed.n, sizeof(OeListed), oe_listed_cmp);
	return found ? found->first : PG_INT64_MAX;
}

static OeTx *
oe_add_tx(OeCycle *cy, uint64 xid, int64 slice, int room)
{
	OeTx	   *tx = &cy->tx[cy->ntx];

	memset(tx, 0, sizeof(*tx));
	tx->index = cy->ntx++;
	tx->xid = xid;
	tx->chunk = slice;
	tx->changes = palloc0(sizeof(OeChange) * Max(room, 1));
	return tx;
}

/*
 * Adds a row to its transaction, which is Odoo's, whoever wrote the row.
 */
static OeChange *
oe_journal_change_add(OeCycle *cy, OeTx *tx, uint64 row)
{
	OeChange   *c = &tx->changes[tx->n++];
	bool		isnull;
	Datum		source;

	oe_change_read(cy, c, row);
	source = oe_cell(SPI_tuptable, row, OE_SOURCE_XID, &isnull);
	if (!isnull)
		c->xid = tx->xid = U64FromFullTransactionId(DatumGetFullTransactionId(source));
	return c;
}

static void
oe_row_whole(OeCycle *cy, uint64 row, const OeListed *listed, const OeListed *sorted, int n, int base)
{
	OeListed	key;
	const OeListed *found;
	OeTx	   *tx;
	bool		isnull;

	key.xid = U64FromFullTransactionId(DatumGetFullTransactionId(oe_cell(SPI_tuptable, row, 1, &isnull)));
	found = bsearch(&key, sorted, n, sizeof(OeListed), oe_listed_cmp);
	if (found == NULL)
		elog(ERROR, "a transaction of the journal is not in the list");
	tx = &cy->tx[found->first];
	if (tx->n >= listed[found->first - base].rows)
		elog(ERROR, "a transaction of the journal has grown");
	(void) oe_journal_change_add(cy, tx, row);
}

/*
 * The next rows of a portal, as many as are fetched at a time; false at its end.
 * Each call of SPI leaves the memory context at its own.
 */
static bool
oe_fetch(OeCycle *cy, Portal portal, int64 most)
{
	(void) oe_publish_yield();
	SPI_cursor_fetch(portal, true, Min(OE_FETCH_ROWS, most));
	MemoryContextSwitchTo(cy->cxt);
	return SPI_processed > 0;
}

/*
 * Reads whole transactions: the first "n" of the list that are not done.
 */
static void
oe_rows_whole(OeCycle *cy, int n)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[] = {TEXTOID};
	OeListed   *listed = &oe_listed.list[oe_listed.next];
	OeListed   *sorted = palloc(sizeof(OeListed) * n);
	int			base = cy->ntx;
	StringInfoData xids;
	Datum		values[1];
	Portal		portal;

	initStringInfo(&xids);
	for (int i = 0; i < n; i++)
	{
		appendStringInfo(&xids, "%c" UINT64_FORMAT, i ? ',' : '{', listed[i].xid);
		(void) oe_add_tx(cy, listed[i].xid, 0, listed[i].rows);
		sorted[i].xid = listed[i].xid;
		sorted[i].first = base + i;
	}
	appendStringInfoChar(&xids, '}');
	qsort(sorted, n, sizeof(OeListed), oe_listed_cmp);
	values[0] = CStringGetTextDatum(xids.data);
	portal = SPI_cursor_open(NULL, oe_plan(&plan,
										   OE_ROWS("0", "xid = ANY ($1::xid8[])") " UNION ALL " OE_ROWS("1", "xid = ANY ($1::xid8[])")
										   " UNION ALL " OE_ROWS("2", "xid = ANY ($1::xid8[])") " ORDER BY id",
										   1, types), values, NULL, false);
	while (oe_fetch(cy, portal, OE_FETCH_ROWS))
	{
		for (uint64 i = 0; i < SPI_processed; i++)
			oe_row_whole(cy, i, listed, sorted, n, base);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextSwitchTo(cy->cxt);
}

/*
 * Reads the next chunk of a very large transaction; returns its last id, or 0
 * for the last chunk.
 */
static int64
oe_rows_chunk(OeCycle *cy, OeListed *listed, int64 after)
{
	static const Oid types[] = {TEXTOID, INT8OID};
	int64		max_rows = OE_CHUNK_ROWS;
	int64		max_bytes = OE_CHUNK_BYTES;
	int64		bytes = 0;
	Datum		values[2];
	Portal		portal;
	OeTx	   *tx;
	bool		more = true;

	values[0] = CStringGetTextDatum(psprintf(UINT64_FORMAT, listed->xid));
	values[1] = Int64GetDatum(after);
	portal = SPI_cursor_open_with_args(NULL,
									   "SELECT * FROM (" OE_ROWS("0", "xid = $1::xid8 AND id > $2") " UNION ALL " OE_ROWS("1", "xid = $1::xid8 AND id > $2")
									   " UNION ALL " OE_ROWS("2", "xid = $1::xid8 AND id > $2") ") j ORDER BY id",
									   2, (Oid *) types, values, NULL, false, 0);
	MemoryContextSwitchTo(cy->cxt);
	tx = oe_add_tx(cy, listed->xid, after ? after : listed->first, Min(listed->rows, max_rows));
	while (more && tx->n < max_rows && bytes < max_bytes)
	{
		more = oe_fetch(cy, portal, max_rows - tx->n);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			OeChange   *c = oe_journal_change_add(cy, tx, i);

			bytes += (c->old_text ? strlen(c->old_text) : 0) + (c->new_text ? strlen(c->new_text) : 0);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	if (more)
	{
		more = oe_fetch(cy, portal, 1);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextSwitchTo(cy->cxt);
	return more ? tx->changes[tx->n - 1].id : 0;
}

static bool
oe_in_slices(const OeListed *l)
{
	return l->rows > OE_CHUNK_ROWS || l->bytes > OE_CHUNK_BYTES;
}

/*
 * Takes the next transactions of the batch into the cycle, and computes the
 * cursor as it will be when they are published.
 */
static void
oe_take(OeCycle *cy, int max_changes, OeJournalBatch *r)
{
	OeListed   *listed = &oe_listed.list[oe_listed.next];
	int			left = oe_listed.n - oe_listed.next;
	int64		bytes = 0;
	int			n = 0;

	cy->tx = cy->tx ? repalloc(cy->tx, sizeof(OeTx) * (cy->ntx + left + 1)) : palloc(sizeof(OeTx) * (left + 1));
	if (oe_in_slices(&listed[0]))
	{
		int64		last = oe_rows_chunk(cy, &listed[0], r->cursor.chunk_id);

		r->rows = cy->tx[cy->ntx - 1].n;
		r->cursor.chunk_id = last;
		n = last == 0 ? 1 : 0;
	}
	else
	{
		for (n = 0; n < left && !oe_in_slices(&listed[n]); n++)
		{
			bytes += listed[n].bytes;
			if (n > 0 && (r->rows + listed[n].rows > max_changes || bytes > OE_CYCLE_BYTES))
				break;
			r->rows += listed[n].rows;
		}
		oe_rows_whole(cy, n);
	}
	cy->upto = listed[Max(n - 1, 0)].first;
	if (n > 0)
		r->cursor.done_id = cy->upto;
	r->taken = n;
}

/*
 * Do triggers capture a table that was captured from the WAL, while older
 * changes are still to be read from the WAL? Asked after a list was made: if
 * the list has changes of the triggers, this sees the switch as well.
 */
static bool
oe_journal_batch_held(void)
{
	static SPIPlanPtr plan = NULL;

	(void) oe_spi_keep_context(&plan, "SELECT 1 FROM odoo_events.wal_drain WHERE hold", 0, NULL, NULL, NULL, false, 1);
	return SPI_processed == 1;
}

/*
 * Reads later changes, which show what rows were before; more of them are read
 * while a long list is worked off.
 */
static void
oe_look_ahead(OeCycle *cy, OeJournalBatch *r)
{
	if (oe_listed.gone_at != 0 && !TimestampDifferenceExceeds(oe_listed.gone_at, r->at, OE_LOOK_MS))
		return;
	oe_lookahead_load(cy, oe_snapshot_xmax(r->cursor.s1), oe_snapshot_xip(r->cursor.s1), r->cursor.done_id, oe_journal_batch_first_id);
	oe_listed.gone_at = r->at;
}

/*
 * Finds out what is new and reads as much of it as is published in this cycle.
 * r->rows is 0 if nothing is.
 */
void
oe_journal_batch_read(OeCycle *cy, int max_changes, OeJournalBatch *r)
{
	bool		resumed = true;

	if (oe_listed.cxt == NULL)
		oe_win_reset();

	/*
	 * the rings' statistics are always wrong; undone with the trusted
	 * transaction
	 */
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	oe_cursor_read(&r->cursor);
	r->read = r->cursor;
	if (!oe_listed.valid || !oe_cursor_equal(&oe_listed.cursor, &r->cursor))
	{
		oe_win_reset();
		oe_win_remember(&r->cursor);
	}
	if (r->cursor.s2 != NULL && oe_listed.next >= oe_listed.n)
		(void) oe_list(r->cursor.s1, r->cursor.s2, r->cursor.done_id);
	if (r->cursor.s2 == NULL || oe_listed.next >= oe_listed.n)
	{
		/* a new batch; that before it, if any, is done */
		char	   *s1 = r->cursor.s2 ? r->cursor.s2 : oe_listed.s1 ? oe_listed.s1 : r->cursor.s1;

		resumed = false;
		/* the list is good again once the cursor that it belongs to is stored */
		oe_listed.valid = false;
		r->cursor.s1 = pstrdup(s1);
		r->cursor.s2 = oe_list(s1, NULL, 0);
		r->cursor.done_id = r->cursor.chunk_id = 0;
		if (oe_listed.n > 0 && oe_journal_batch_held())
		{
			r->cursor = r->read;
			oe_win_reset();
			return;
		}
	}
	r->open_transactions = oe_snapshot_open(r->cursor.s2);
	if (oe_listed.n == 0)
	{
		/* no need to write that down: what was read is a later beginning */
		char	   *s1 = MemoryContextStrdup(oe_listed.cxt, r->cursor.s2);

		if (oe_listed.s1)
			pfree(oe_listed.s1);
		oe_listed.s1 = s1;
		oe_listed.valid = true;
		r->cursor.s1 = pstrdup(s1);
		r->cursor.s2 = NULL;
		return;
	}
	oe_take(cy, max_changes, r);
	if (oe_listed.next + r->taken >= oe_listed.n && oe_listed.complete)
	{
		r->cursor.s1 = r->cursor.s2;
		r->cursor.s2 = NULL;
		r->cursor.done_id = r->cursor.chunk_id = 0;
		r->more = resumed;		/* others may have committed meanwhile */
	}
	else
	{
		r->more = true;
		oe_look_ahead(cy, r);
	}
}

/*
 * Is the cursor still what it was when "r" was read?
 */
bool
oe_journal_batch_unmoved(const OeJournalBatch *r)
{
	OeCursor	now;

	oe_cursor_read(&now);
	return oe_cursor_equal(&now, &r->read);
}

/*
 * The cursor of "r" is committed: the list remains valid.
 */
void
oe_journal_batch_stored(const OeJournalBatch *r)
{
	if (r->cursor.s2 == NULL)
		oe_win_reset();
	else
	{
		oe_listed.next += r->taken;
		pfree(oe_listed.cursor.s1);
		if (oe_listed.cursor.s2)
			pfree(oe_listed.cursor.s2);
		oe_listed.s1 = NULL;
	}
	oe_win_remember(&r->cursor);
}
