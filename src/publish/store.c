/*
 * store.c
 *	  Writing the outbox, the cursor and the quarantine in one transaction.
 *
 * Own work, under the publisher's lock.  Positions follow the last one of the
 * cursor without a gap, as the events' texts say already.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/xid8.h"

#include "base/fault.h"
#include "base/oe.h"
#include "base/ring.h"
#include "publish/internal.h"

/* Events per INSERT. */
#define OE_INSERT_ROWS 512

/* Cursor rows before the other member of its ring is used. */
#define OE_CURSOR_ROWS OE_TUNED("cursor-rows", 4096)

int			oe_outbox_member = -1;

#define OE_OUTBOX_COLUMNS 16

/* One INSERT's parameters: an array per column. */
typedef struct OeBulk
{
	int			n;
	Datum		values[OE_OUTBOX_COLUMNS][OE_INSERT_ROWS];
	bool		nulls[OE_OUTBOX_COLUMNS][OE_INSERT_ROWS];
} OeBulk;

static const struct
{
	Oid			type;
	Oid			array;
	int16		len;
	bool		byval;
	char		align;
}			oe_columns[OE_OUTBOX_COLUMNS] = {
	{INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},	/* position */
	{UUIDOID, UUIDARRAYOID, UUID_LEN, false, TYPALIGN_CHAR},	/* id */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},	/* type */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},	/* subject */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},	/* partitionkey */
	{TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE}, /* time */
	{TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE}, /* recordedtime */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},	/* entity */
	{INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},	/* record_id */
	{INT4OID, INT4ARRAYOID, 4, true, TYPALIGN_INT}, /* company_id */
	{INT4OID, INT4ARRAYOID, 4, true, TYPALIGN_INT}, /* warehouse_id */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},	/* correlationid */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},	/* causationid */
	{XID8OID, XID8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},	/* odootx */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},	/* event */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},	/* classes */
};

static void
oe_bulk_set(OeBulk *b, int col, Datum value, bool isnull)
{
	b->values[col][b->n] = value;
	b->nulls[col][b->n] = isnull;
}

static void
oe_bulk_text(OeBulk *b, int col, const char *s)
{
	oe_bulk_set(b, col, s ? CStringGetTextDatum(s) : (Datum) 0, s == NULL);
}

static void
oe_bulk_add(OeCycle *cy, OeBulk *b, OeEvent *ev, int64 position)
{
	oe_bulk_set(b, 0, Int64GetDatum(position), false);
	oe_bulk_set(b, 1, UUIDPGetDatum((pg_uuid_t *) ev->id), false);
	oe_bulk_text(b, 2, ev->type);
	oe_bulk_text(b, 3, ev->subject);
	oe_bulk_text(b, 4, ev->key);
	oe_bulk_set(b, 5, TimestampTzGetDatum(ev->change->at), false);
	oe_bulk_set(b, 6, TimestampTzGetDatum(cy->now), false);
	oe_bulk_text(b, 7, ev->entity);
	oe_bulk_set(b, 8, Int64GetDatum(ev->record_id), ev->e == NULL);
	oe_bulk_set(b, 9, Int32GetDatum((int32) ev->company), ev->company <= 0);
	oe_bulk_set(b, 10, Int32GetDatum((int32) ev->warehouse), ev->warehouse <= 0);
	oe_bulk_text(b, 11, ev->correlation);
	oe_bulk_text(b, 12, ev->cause ? oe_uuid_text(ev->cause->id) : NULL);
	oe_bulk_set(b, 13, FullTransactionIdGetDatum(FullTransactionIdFromU64(ev->tx->xid)), false);
	oe_bulk_text(b, 14, ev->text);
	oe_bulk_text(b, 15, oe_event_classes(ev));
	b->n++;
}

#define OE_UNNEST(n) "pg_catalog.unnest($" n ")"

static void
oe_bulk_insert(OeBulk *b, int member)
{
	static SPIPlanPtr plans[OE_OUTBOX_MEMBERS];
	Oid			types[OE_OUTBOX_COLUMNS];
	Datum		arrays[OE_OUTBOX_COLUMNS];
	int			dims[1] = {b->n};
	int			lbs[1] = {1};

	if (b->n == 0)
		return;
	for (int i = 0; i < OE_OUTBOX_COLUMNS; i++)
	{
		types[i] = oe_columns[i].array;
		arrays[i] = PointerGetDatum(construct_md_array(b->values[i], b->nulls[i], 1, dims, lbs, oe_columns[i].type,
													   oe_columns[i].len, oe_columns[i].byval, oe_columns[i].align));
	}
	(void) oe_run(&plans[member],
				  psprintf("INSERT INTO odoo_events.outbox_%d SELECT * FROM ROWS FROM ("
						   OE_UNNEST("1") ", " OE_UNNEST("2") ", " OE_UNNEST("3") ", " OE_UNNEST("4") ", " OE_UNNEST("5") ", "
						   OE_UNNEST("6") ", " OE_UNNEST("7") ", " OE_UNNEST("8") ", " OE_UNNEST("9") ", " OE_UNNEST("10") ", "
						   OE_UNNEST("11") ", " OE_UNNEST("12") ", " OE_UNNEST("13") ", " OE_UNNEST("14") ", " OE_UNNEST("15") ", "
						   OE_UNNEST("16") ")",
						   member),
				  OE_OUTBOX_COLUMNS, types, arrays, NULL, false, 0);
	b->n = 0;
}

/*
 * The member that holds the greatest position: the one being filled.
 */
static int
oe_outbox_current(void)
{
	StringInfoData sql;

	if (oe_outbox_member >= 0)
		return oe_outbox_member;
	initStringInfo(&sql);
	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
		appendStringInfo(&sql, "%sSELECT %d AS m, pg_catalog.max(position) AS p FROM odoo_events.outbox_%d", i ? " UNION ALL " : "", i, i);
	(void) oe_run(NULL, psprintf("SELECT m FROM (%s) x ORDER BY p DESC NULLS LAST, m LIMIT 1", sql.data), 0, NULL, NULL, NULL, false, 1);
	oe_outbox_member = atoi(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	return oe_outbox_member;
}

static int64
oe_outbox_append(OeCycle *cy, OeReading *r)
{
	Oid			members[OE_OUTBOX_MEMBERS];
	int			hint = oe_outbox_current();
	OeBulk	   *bulk = palloc(sizeof(OeBulk));
	Relation	rel;
	int64		n = 0;
	ListCell   *lc;
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "odoo_events outbox", ALLOCSET_DEFAULT_SIZES);
	MemoryContext save = MemoryContextSwitchTo(work);

	oe_ring_members("outbox", OE_OUTBOX_MEMBERS, members);
	rel = oe_ring_open(members, OE_OUTBOX_MEMBERS, &hint);
	table_close(rel, NoLock);
	oe_outbox_member = hint;
	bulk->n = 0;
	for (int i = 0; i < cy->ntx; i++)
		foreach(lc, cy->tx[i].events)
	{
		oe_bulk_add(cy, bulk, lfirst(lc), ++r->cursor.last_position);
		n++;
		if (bulk->n == OE_INSERT_ROWS)
		{
			oe_bulk_insert(bulk, hint);
			MemoryContextReset(work);
		}
	}
	oe_bulk_insert(bulk, hint);
	MemoryContextSwitchTo(save);
	MemoryContextDelete(work);
	return n;
}

static void
oe_cursor_append(OeCycle *cy, OeReading *r)
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
	values[5] = Int64GetDatum(r->cursor.slice_id);
	values[6] = Int64GetDatum(r->cursor.last_position);
	values[7] = TimestampTzGetDatum(cy->now);
	if (!open)
		nulls[3] = nulls[4] = nulls[5] = 'n';
	(void) oe_run(&plans[member],
				  psprintf("INSERT INTO odoo_events.publish_cursor_%d (n, system_identifier, s1, s2, done_id, slice_id, last_position, at)"
						   " VALUES ($1, $2, $3::pg_snapshot, $4::pg_snapshot, $5, $6, $7, $8)", member),
				  8, types, values, nulls, false, 0);
}

/*
 * Writes everything of this cycle; answers the number of events.
 */
int64
oe_store(OeCycle *cy, OeReading *r)
{
	int64		n = 0;

	for (int i = 0; i < cy->ntx && n == 0; i++)
		n = list_length(cy->tx[i].events);
	if (n > 0)
		n = oe_outbox_append(cy, r);
	OE_FAULT("publish-outbox");
	oe_quarantine_store(cy);
	oe_cursor_append(cy, r);
	OE_FAULT("publish-cursor");
	return n;
}
