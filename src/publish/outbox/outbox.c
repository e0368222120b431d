/*
 * outbox.c
 *	  Writes the outbox, the cursor and the quarantine in one transaction.
 *
 * Trusted transaction, under the publisher's lock.  Positions continue from the
 * cursor's last one without a gap; the texts of the events contain them
 * already.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/xid8.h"

#include "base/classification.h"
#include "base/fault.h"
#include "base/insert.h"
#include "base/oe.h"
#include "base/ring.h"
#include "base/spi_row.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/model/yield.h"
#include "publish/outbox/outbox.h"
#include "publish/render/envelope.h"
#include "publish/source/cursor.h"
#include "publish/source/quarantine.h"

/* WAL that may be left for the commit to flush, in bytes. */
#define OE_FLUSH_BYTES (256 * 1024)

int			oe_outbox_member = -1;

/* Columns of the outbox, in their order. */
enum
{
	OE_O_POSITION, OE_O_ID, OE_O_TYPE, OE_O_SUBJECT, OE_O_KEY, OE_O_TIME, OE_O_RECORDEDTIME, OE_O_ENTITY,
	OE_O_RECORD, OE_O_COMPANY, OE_O_WAREHOUSE, OE_O_CORRELATION, OE_O_CAUSATION, OE_O_ODOOTX, OE_O_EVENT,
	OE_O_CLASSES, OE_O_COLUMNS
};

static void
oe_slot_text(TupleTableSlot *slot, int column, const char *s)
{
	slot->tts_isnull[column] = s == NULL;
	if (s)
		slot->tts_values[column] = CStringGetTextDatum(s);
}

static void
oe_slot_int4(TupleTableSlot *slot, int column, int64 value)
{
	slot->tts_isnull[column] = value <= 0;
	slot->tts_values[column] = Int32GetDatum((int32) value);
}

/*
 * Which subscriptions an event is for, the classes of its members, and which of
 * them hold a value per company; NULL where it is for all, all are internal and
 * none does.
 */
static const char *
oe_event_classes(const OeDraftEvent *ev)
{
	const char *const texts[] = {
		ev->addressed,			/* first: filter.c looks at the first byte */
		ev->def && ev->def->class != OE_CLASS_INTERNAL ? psprintf("%d:*", ev->def->class) : NULL,
		ev->e ? ev->e->member_classes : NULL,
		ev->per_company
	};
	const char *all = NULL;

	for (int i = 0; i < lengthof(texts); i++)
		if (texts[i])
			all = all ? psprintf("%s %s", all, texts[i]) : texts[i];
	return all;
}

static void
oe_outbox_row(OeCycle *cy, TupleTableSlot *slot, OeDraftEvent *ev, int64 position)
{
	Datum	   *v = slot->tts_values;

	memset(slot->tts_isnull, false, OE_O_COLUMNS * sizeof(bool));
	v[OE_O_POSITION] = Int64GetDatum(position);
	v[OE_O_ID] = UUIDPGetDatum((pg_uuid_t *) ev->id);
	v[OE_O_TIME] = TimestampTzGetDatum(ev->change->at);
	v[OE_O_RECORDEDTIME] = TimestampTzGetDatum(cy->now);
	v[OE_O_RECORD] = Int64GetDatum(ev->record_id);
	slot->tts_isnull[OE_O_RECORD] = ev->e == NULL;
	v[OE_O_ODOOTX] = FullTransactionIdGetDatum(FullTransactionIdFromU64(ev->tx->xid));
	v[OE_O_EVENT] = PointerGetDatum(ev->text);
	oe_slot_int4(slot, OE_O_COMPANY, ev->company);
	oe_slot_int4(slot, OE_O_WAREHOUSE, ev->warehouse);
	oe_slot_text(slot, OE_O_TYPE, ev->type);
	oe_slot_text(slot, OE_O_SUBJECT, ev->subject);
	oe_slot_text(slot, OE_O_KEY, ev->key);
	oe_slot_text(slot, OE_O_ENTITY, ev->entity);
	oe_slot_text(slot, OE_O_CORRELATION, ev->correlation);
	oe_slot_text(slot, OE_O_CAUSATION, ev->cause ? oe_uuid_text(ev->cause->id) : NULL);
	oe_slot_text(slot, OE_O_CLASSES, oe_event_classes(ev));
}

/*
 * The member with the greatest position: the one that is being filled.
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
	(void) oe_spi_keep_context(NULL, psprintf("SELECT m FROM (%s) x ORDER BY p DESC NULLS LAST, m LIMIT 1", sql.data), 0, NULL, NULL, NULL, false, 1);
	oe_outbox_member = atoi(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	return oe_outbox_member;
}

/*
 * Flushes WAL early, so that the commit has less to wait for.
 */
static void
oe_flush_ahead(void)
{
	static XLogRecPtr flushed = InvalidXLogRecPtr;

	if (XactLastRecEnd < flushed + OE_FLUSH_BYTES)
		return;
	flushed = XactLastRecEnd;
	XLogFlush(flushed);
}

/*
 * Inserts below SQL, since a statement would copy the texts as parameters.
 * Logical decoding sees the rows (src/stream).
 */
static int64
oe_outbox_append(OeCycle *cy, OeJournalBatch *r)
{
	Oid			members[OE_OUTBOX_MEMBERS];
	int			hint = oe_outbox_current();
	OeInserter	ins;
	int64		n = 0;
	ListCell   *lc;
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "odoo_events outbox", ALLOCSET_DEFAULT_SIZES);
	MemoryContext save = CurrentMemoryContext;

	oe_ring_members("outbox", OE_OUTBOX_MEMBERS, members);
	oe_insert_begin(&ins, oe_ring_open(members, OE_OUTBOX_MEMBERS, &hint), true);
	oe_outbox_member = hint;
	MemoryContextSwitchTo(work);
	for (int i = 0; i < cy->ntx; i++)
		foreach(lc, cy->tx[i].events)
	{
		TupleTableSlot *slot = oe_insert_slot(&ins);

		oe_outbox_row(cy, slot, lfirst(lc), ++r->cursor.last_position);
		n++;
		if (!oe_insert_row(&ins, slot))
			continue;
		MemoryContextReset(work);
		if (oe_publish_yield())
			oe_flush_ahead();
		/* where a test wants it to stand while delivery goes on */
		while (OE_TUNED("write-stands", 0) > 0)
			(void) oe_publish_yield();
	}
	MemoryContextSwitchTo(save);
	oe_insert_end(&ins);
	MemoryContextDelete(work);
	return n;
}

/*
 * Writes everything of this cycle; answers the number of events.
 */
int64
oe_outbox_write(OeCycle *cy, OeJournalBatch *r)
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
