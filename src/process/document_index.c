/*
 * document_index.c
 *	  Keeps an index of where in the outbox the events of a document are.
 *
 * A consumer of the reader behind the publisher (consumer.h).  The outbox itself
 * has an index of partition keys only, since each further one would slow the
 * publisher.  So a row is written where the key does not lead to the event:
 * for each event of a record under another's key, for each subject of a record
 * that is new, and for the name in that subject.
 *
 * Member i of the ring has the positions of what member i of the outbox holds,
 * and is emptied when the outbox has nothing of it any more.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/insert.h"
#include "base/oe.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "process/document_index.h"

#define OE_KNOWN_SUBJECTS 50000 /* hashes that are kept in memory */

typedef struct OeIndexRow
{
	int64		hash;
	int64		position;
	int			member;
} OeIndexRow;

static OeIndexRow *oe_rows = NULL;	/* slice's memory */
static int	oe_nrows = 0;
static int	oe_rows_size = 0;
static MemoryContext oe_subjects_cxt = NULL;
static HTAB *oe_subjects = NULL;	/* hashes of (record, subject) that have
									 * rows in the member */
static int	oe_subjects_member = -1;

static void
oe_index_reset(void)
{
	oe_rows = NULL;
	oe_nrows = oe_rows_size = 0;
}

static void
oe_subjects_reset(void)
{
	HASHCTL		ctl = {.keysize = sizeof(uint64),.entrysize = sizeof(uint64)};

	if (oe_subjects_cxt == NULL)
		oe_subjects_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events known subjects", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_subjects_cxt);
	ctl.hcxt = oe_subjects_cxt;
	oe_subjects = hash_create("odoo_events known subjects", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
oe_index_load(void)
{
	oe_index_reset();
	oe_subjects_reset();
}

static bool
oe_index_wants(OeReadType *type, int index)
{
	return true;
}

static void
oe_index_add(const OeReadEvent *ev, const char *text)
{
	int64		hash = oe_text_hash(text, strlen(text));
	OeIndexRow *row;

	for (int i = oe_nrows - 1; i >= 0 && oe_rows[i].position == ev->position; i--)
		if (oe_rows[i].hash == hash)
			return;
	if (oe_nrows == oe_rows_size)
	{
		oe_rows_size = Max(oe_rows_size * 2, 512);
		oe_rows = oe_rows ? repalloc(oe_rows, oe_rows_size * sizeof(OeIndexRow)) : palloc(oe_rows_size * sizeof(OeIndexRow));
	}
	row = &oe_rows[oe_nrows++];
	row->hash = hash;
	row->position = ev->position;
	row->member = ev->member;
}

/*
 * Is the subject known of this record?  After a restart nothing is, and a few
 * rows are written twice, which does no harm.
 */
static bool
oe_subject_known(const OeReadEvent *ev, const char *record)
{
	uint64		hash = hash_combine64((uint64) oe_text_hash(record, strlen(record)), (uint64) oe_text_hash(ev->subject, strlen(ev->subject)));
	bool		found;

	if (ev->member != oe_subjects_member || hash_get_num_entries(oe_subjects) > OE_KNOWN_SUBJECTS)
		oe_subjects_reset();
	oe_subjects_member = ev->member;
	(void) hash_search(oe_subjects, &hash, HASH_ENTER, &found);
	return found;
}

static void
oe_index_event(OeReadEvent *ev, int index)
{
	const char *slash = strchr(ev->subject, '/');

	if (ev->has_record)
	{
		char	   *record = psprintf("%s:" INT64_FORMAT, ev->type->entity, ev->record_id);

		if (strcmp(record, ev->key) != 0)
			oe_index_add(ev, record);
		if (oe_subject_known(ev, record))
			return;
	}
	if (strcmp(ev->subject, ev->key) != 0)
		oe_index_add(ev, ev->subject);
	if (slash)
		oe_index_add(ev, slash + 1);
}

static void
oe_index_write(TimestampTz now, bool done)
{
	for (int i = 0; i < oe_nrows;)
	{
		char		table[NAMEDATALEN];
		int			member = oe_rows[i].member;
		OeInserter	ins;

		snprintf(table, sizeof(table), "document_index_%d", member);
		oe_insert_begin(&ins, table_open(get_relname_relid(table, get_namespace_oid(OE_SCHEMA, false)), RowExclusiveLock), false);
		for (; i < oe_nrows && oe_rows[i].member == member; i++)
		{
			TupleTableSlot *slot = oe_insert_slot(&ins);

			slot->tts_isnull[0] = slot->tts_isnull[1] = false;
			slot->tts_values[0] = Int64GetDatum(oe_rows[i].hash);
			slot->tts_values[1] = Int64GetDatum(oe_rows[i].position);
			(void) oe_insert_row(&ins, slot);
		}
		oe_insert_end(&ins);
	}
	oe_index_reset();
}

/*
 * A row that is newer than what the reader has read does not exist, so that a
 * member of the outbox that is empty needs no rows here.
 */
static void
oe_index_maintain(int64 position)
{
	uint32		gone = 0;
	OeSession	session;

	oe_own_begin(&session);
	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
	{
		(void) oe_spi(NULL, psprintf("SELECT 1 WHERE EXISTS (SELECT FROM odoo_events.document_index_%d) AND NOT EXISTS (SELECT FROM odoo_events.outbox_%d)", i, i),
					  0, NULL, NULL, NULL, true, 1);
		if (SPI_processed > 0)
			gone |= 1U << i;
	}
	oe_own_end(&session);
	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
		if (gone & (1U << i))
			(void) oe_ring_empty("document_index", i, psprintf("SELECT EXISTS (SELECT FROM odoo_events.outbox_%d)", i), 0, NULL, NULL, NULL);
}

const OeConsumer oe_document_consumer = {
	.name = "index of documents",
	.load = oe_index_load,
	.wants = oe_index_wants,
	.event = oe_index_event,
	.write = oe_index_write,
	.maintain = oe_index_maintain
};
