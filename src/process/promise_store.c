/*
 * promise_store.c
 *	  Open promises in memory, and their rows (promise_store.h).
 *
 * A part of the consumer that keeps promises: trusted transaction of the reader
 * behind the publisher.  A promise has a row for each change; the last one
 * holds.  Rows go into the member of the ring that milestones are written to.
 * All open promises have a row there or in the member before: those of the
 * member before are written again when they are read, so that a restart reads
 * two members and older ones can be emptied.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/insert.h"
#include "base/oe.h"
#include "base/spi_row.h"
#include "process/promise_store.h"

#define OE_PROMISE_COLUMNS 22

static const char *const oe_state_names[] = {"open", "paused", "at_risk", "breached", "met", "met_late", "cancelled"};

static MemoryContext oe_promise_cxt = NULL;
static HTAB *oe_promises = NULL;
static int64 oe_last_id;
static int	oe_promise_member;
static dlist_head oe_dirty = DLIST_STATIC_INIT(oe_dirty);

MemoryContext
oe_promises_memory(void)
{
	return oe_promise_cxt;
}

int64
oe_promise_hash(const OeSla *sla, const char *document)
{
	char	   *text = psprintf("%s %s", sla->name, document);

	return oe_text_hash(text, strlen(text));
}

OePromise *
oe_promise_find(int64 hash)
{
	return hash_search(oe_promises, &hash, HASH_FIND, NULL);
}

OePromise *
oe_promise_add(int64 hash, OeSla *sla)
{
	OePromise  *p = hash_search(oe_promises, &hash, HASH_ENTER, NULL);

	memset(p, 0, sizeof(*p));
	p->hash = hash;
	p->id = ++oe_last_id;
	p->sla = sla;
	p->first_due = p->due = p->warn = p->warned = p->paused = p->resume = p->ended = p->told = OE_NEVER;
	return p;
}

char *
oe_promise_string(const char *s)
{
	return s ? MemoryContextStrdup(oe_promise_cxt, s) : NULL;
}

void
oe_promise_changed(OePromise *p)
{
	if (p->dirty)
		return;
	p->dirty = true;
	dlist_push_tail(&oe_dirty, &p->node);
}

void
oe_promises_each(void (*what) (OePromise *p, TimestampTz now), TimestampTz now)
{
	HASH_SEQ_STATUS seq;
	OePromise  *p;

	hash_seq_init(&seq, oe_promises);
	while ((p = hash_seq_search(&seq)) != NULL)
		what(p, now);
}

/* ---- reading ---- */

static TimestampTz
oe_row_time(uint64 row, int col)
{
	bool		isnull;
	Datum		d = oe_cell(SPI_tuptable, row, col, &isnull);

	return isnull ? OE_NEVER : DatumGetTimestampTz(d);
}

static void
oe_promise_read(uint64 row)
{
	char	   *state = oe_spi_text(row, 13);
	OeSla	   *sla = oe_sla_find(oe_cell_int4(SPI_tuptable, row, 3));
	int64		last = oe_last_id;
	OePromise  *p;

	if (sla == NULL)
		return;
	p = oe_promise_add(oe_promise_hash(sla, oe_spi_text(row, 5)), sla);
	oe_last_id = last;
	p->id = oe_spi_int8(row, 1);
	p->n = oe_cell_int4(SPI_tuptable, row, 2);
	p->document = oe_promise_string(oe_spi_text(row, 5));
	p->key = oe_promise_string(oe_spi_text(row, 6));
	p->subject = oe_promise_string(oe_spi_text(row, 7));
	p->correlation = oe_promise_string(oe_spi_text(row, 8));
	p->company = oe_cell_int4(SPI_tuptable, row, 9);
	p->warehouse = oe_cell_int4(SPI_tuptable, row, 10);
	p->calendar = oe_promise_string(oe_spi_text(row, 11));
	p->position = oe_spi_int8(row, 12);
	for (int i = 0; i < lengthof(oe_state_names); i++)
		if (strcmp(state, oe_state_names[i]) == 0)
			p->state = i;
	p->started = oe_row_time(row, 14);
	p->first_due = oe_row_time(row, 15);
	p->due = oe_row_time(row, 16);
	p->warn = oe_row_time(row, 17);
	p->warned = oe_row_time(row, 18);
	p->paused = oe_row_time(row, 19);
	p->resume = oe_row_time(row, 20);
	p->ended = oe_row_time(row, 21);
	p->told = oe_row_time(row, 22);
	if (oe_cell_int4(SPI_tuptable, row, 23) != oe_promise_member)
		oe_promise_changed(p);
}

/*
 * Makes memory from the two members that can have rows of open promises.
 */
void
oe_promises_load(void)
{
	HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(OePromise)};
	int			before;

	if (oe_promise_cxt == NULL)
		oe_promise_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events promises", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_promise_cxt);
	dlist_init(&oe_dirty);
	ctl.hcxt = oe_promise_cxt;
	oe_promises = hash_create("odoo_events promises", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	oe_slas_load(oe_promise_cxt);
	(void) oe_spi_keep_context(NULL, "SELECT m.member::int4, (SELECT COALESCE(pg_catalog.max(p.id), 0) FROM odoo_events.promise_row p)"
							   " FROM odoo_events.process_member m WHERE m.until IS NULL", 0, NULL, NULL, NULL, false, 1);
	oe_promise_member = oe_cell_int4(SPI_tuptable, 0, 1);
	oe_last_id = oe_spi_int8(0, 2);
	before = (oe_promise_member + 15) % 16;
	(void) oe_spi_keep_context(NULL, psprintf("SELECT * FROM (SELECT DISTINCT ON (p.id) p.* FROM (SELECT *, %d AS member FROM odoo_events.promise_%d"
											  " UNION ALL SELECT *, %d FROM odoo_events.promise_%d) p ORDER BY p.id, p.n DESC) l"
											  " WHERE l.state IN ('open', 'paused', 'at_risk', 'breached')",
											  oe_promise_member, oe_promise_member, before, before), 0, NULL, NULL, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
		oe_promise_read(i);
}

/* ---- writing ---- */

static void
oe_put_time(Datum *values, bool *nulls, int column, TimestampTz time)
{
	nulls[column] = time == OE_NEVER;
	values[column] = TimestampTzGetDatum(time);
}

static void
oe_put_text(Datum *values, bool *nulls, int column, const char *s)
{
	nulls[column] = s == NULL;
	values[column] = s ? CStringGetTextDatum(s) : (Datum) 0;
}

static void
oe_promise_row(TupleTableSlot *slot, const OePromise *p)
{
	Datum	   *v = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;

	memset(nulls, false, OE_PROMISE_COLUMNS * sizeof(bool));
	v[0] = Int64GetDatum(p->id);
	v[1] = Int32GetDatum(p->n);
	v[2] = Int32GetDatum(p->sla->id);
	oe_put_text(v, nulls, 3, p->sla->name);
	oe_put_text(v, nulls, 4, p->document);
	oe_put_text(v, nulls, 5, p->key);
	oe_put_text(v, nulls, 6, p->subject);
	oe_put_text(v, nulls, 7, p->correlation);
	v[8] = Int32GetDatum(p->company);
	nulls[8] = p->company == 0;
	v[9] = Int32GetDatum(p->warehouse);
	nulls[9] = p->warehouse == 0;
	oe_put_text(v, nulls, 10, p->calendar);
	v[11] = Int64GetDatum(p->position);
	oe_put_text(v, nulls, 12, oe_state_names[p->state]);
	oe_put_time(v, nulls, 13, p->started);
	oe_put_time(v, nulls, 14, p->first_due);
	oe_put_time(v, nulls, 15, p->due);
	oe_put_time(v, nulls, 16, p->warn);
	oe_put_time(v, nulls, 17, p->warned);
	oe_put_time(v, nulls, 18, p->paused);
	oe_put_time(v, nulls, 19, p->resume);
	oe_put_time(v, nulls, 20, p->ended);
	oe_put_time(v, nulls, 21, p->told);
}

void
oe_promises_flush(void)
{
	OeInserter	ins;
	char		table[NAMEDATALEN];
	dlist_mutable_iter it;

	if (dlist_is_empty(&oe_dirty))
		return;
	snprintf(table, sizeof(table), "promise_%d", oe_promise_member);
	oe_insert_begin(&ins, table_open(get_relname_relid(table, get_namespace_oid(OE_SCHEMA, false)), RowExclusiveLock), false);
	dlist_foreach_modify(it, &oe_dirty)
	{
		OePromise  *p = dlist_container(OePromise, node, it.cur);
		TupleTableSlot *slot = oe_insert_slot(&ins);

		p->n++;
		p->dirty = false;
		dlist_delete(&p->node);
		oe_promise_row(slot, p);
		(void) oe_insert_row(&ins, slot);
		if (p->state < OE_PROMISE_MET)
			continue;
		pfree(p->document);
		pfree(p->key);
		pfree(p->subject);
		if (p->correlation)
			pfree(p->correlation);
		if (p->calendar)
			pfree(p->calendar);
		(void) hash_search(oe_promises, &p->hash, HASH_REMOVE, NULL);
	}
	oe_insert_end(&ins);
}
