/*
 * reader.c
 *	  Reads the outbox behind the publisher, and shows events to consumers
 *	  (reader.h).
 *
 * Worker, and backends in publish() and _read_behind().  Everything happens in
 * trusted transactions.  A lock keeps two processes from reading at a time; it
 * is taken conditionally and held until the transaction ends.  Insertions take
 * RowExclusiveLock on members of rings that only this reader empties, so
 * nothing ever waits for it.
 */
#include "postgres.h"

#include <limits.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/oe.h"
#include "base/plan.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "process/consumer.h"
#include "process/document_index.h"
#include "process/flow.h"
#include "process/milestone.h"
#include "process/promise.h"
#include "process/reader.h"

/* Events that are read by one statement, and the time after which a slice ends. */
#define OE_READER_ROWS OE_TUNED("reader-rows", 500)
#define OE_READER_SLICE_US 10000
/* Behind the publisher by more than this, it reads although there is more to
 * publish, a tenth of the time. */
#define OE_READER_MAX_LAG_MS 5000
#define OE_READER_REST 9
#define OE_READER_RETRY_MS 1000
#define OE_CURSOR_ROWS OE_TUNED("cursor-rows", 20000)

#define OE_CURSORS 2

PG_FUNCTION_INFO_V1(oe_sql_read_behind);

static const OeConsumer *const oe_consumers[] = {
	&oe_milestone_consumer,
	&oe_document_consumer,
	&oe_promise_consumer,
	&oe_flow_consumer
};

StaticAssertDecl(lengthof(oe_consumers) <= OE_CONSUMERS_MAX, "too many consumers");

typedef struct OeFollower
{
	MemoryContext cxt;			/* types; reset when everything is forgotten */
	MemoryContext slice;		/* reset after each slice */
	HTAB	   *types;			/* of OeTypeEntry */
	int16		last_code;
	bool		loaded;
	int64		n;				/* of the cursor's last row */
	int64		first_n;		/* of the first row in its member */
	int64		position;		/* of the last event that was read */
	int			cursor_member;
	TimestampTz caught_up;		/* when nothing was left to read */
	TimestampTz rest_until;		/* while there is more to publish */
	TimestampTz retry_at;		/* not before: another process reads, or there
								 * is nothing to read from */
} OeFollower;

typedef struct OeTypeEntry
{
	uint64		hash;			/* of type and entity */
	OeReadType	type;
} OeTypeEntry;

static OeFollower oe_reader;

void
oe_reader_reload(void)
{
	oe_reader.loaded = false;
}

static bool
oe_reader_lock(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, OE_LOCK_READER, OE_LOCK_CLASS);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* ---- what is in memory ---- */

static void
oe_reader_forget(void)
{
	HASHCTL		ctl = {.keysize = sizeof(uint64),.entrysize = sizeof(OeTypeEntry)};

	oe_reader.loaded = false;
	if (oe_reader.cxt == NULL)
	{
		oe_reader.cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events reader", ALLOCSET_DEFAULT_SIZES);
		oe_reader.slice = AllocSetContextCreate(TopMemoryContext, "odoo_events reader's slice", ALLOCSET_DEFAULT_SIZES);
	}
	MemoryContextReset(oe_reader.cxt);
	MemoryContextReset(oe_reader.slice);
	ctl.hcxt = oe_reader.cxt;
	oe_reader.types = hash_create("odoo_events types", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	oe_reader.last_code = 0;
}

static OeReadType *
oe_type_find(const char *type, int type_len, const char *entity, int entity_len, bool *found)
{
	uint64		hash = hash_combine64((uint64) oe_text_hash(type, type_len), (uint64) oe_text_hash(entity, entity_len));
	OeTypeEntry *entry = hash_search(oe_reader.types, &hash, HASH_ENTER, found);
	OeReadType *t = &entry->type;

	if (*found)
		return t;
	memset(t, 0, sizeof(*t));
	t->type = MemoryContextAllocZero(oe_reader.cxt, type_len + 1);
	memcpy(t->type, type, type_len);
	t->entity = MemoryContextAllocZero(oe_reader.cxt, entity_len + 1);
	memcpy(t->entity, entity, entity_len);
	for (int i = 0; i < lengthof(oe_consumers); i++)
		if (oe_consumers[i]->wants(t, i))
			t->wanted |= 1U << i;
	return t;
}

static void
oe_types_load(void)
{
	(void) oe_spi_keep_context(NULL, "SELECT t.code::int8, t.type, t.entity FROM odoo_events.process_type t", 0, NULL, NULL, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *type = oe_spi_text(i, 2);
		char	   *entity = oe_spi_text(i, 3);
		bool		found;
		OeReadType *t = oe_type_find(type, strlen(type), entity, strlen(entity), &found);

		t->code = (int16) oe_spi_int8(i, 1);
		oe_reader.last_code = Max(oe_reader.last_code, t->code);
	}
}

/*
 * A type that comes for the first time gets a number.
 */
static OeReadType *
oe_type_of(const char *type, int type_len, const char *entity, int entity_len)
{
	static const Oid types[3] = {INT2OID, TEXTOID, TEXTOID};
	bool		found;
	OeReadType *t = oe_type_find(type, type_len, entity, entity_len, &found);
	Datum		values[3];

	if (found)
		return t;
	t->code = ++oe_reader.last_code;
	values[0] = Int16GetDatum(t->code);
	values[1] = CStringGetTextDatum(t->type);
	values[2] = CStringGetTextDatum(t->entity);
	(void) oe_spi_keep_context(NULL, "INSERT INTO odoo_events.process_type VALUES ($1, $2, $3)", 3, types, values, NULL, false, 0);
	return t;
}

/*
 * Reads the cursor; another process may have moved it since.  An extension
 * that was just made or updated is read from the outbox's beginning.
 */
static void
oe_reader_load(void)
{
	static SPIPlanPtr plan = NULL;

	(void) oe_spi_keep_context(&plan, "SELECT c.n, c.position, c.m, c.first FROM (SELECT *, 0 AS m, (SELECT min(x.n) FROM odoo_events.process_cursor_0 x) AS first"
							   " FROM odoo_events.process_cursor_0 UNION ALL SELECT *, 1, (SELECT min(x.n) FROM odoo_events.process_cursor_1 x)"
							   " FROM odoo_events.process_cursor_1) c ORDER BY c.n DESC LIMIT 1", 0, NULL, NULL, NULL, false, 1);
	if (oe_reader.loaded && SPI_processed == 1 && oe_spi_int8(0, 1) == oe_reader.n)
		return;
	oe_reader.n = oe_reader.first_n = oe_reader.position = oe_reader.cursor_member = 0;
	if (SPI_processed == 1)
	{
		oe_reader.n = oe_spi_int8(0, 1);
		oe_reader.position = oe_spi_int8(0, 2);
		oe_reader.cursor_member = oe_cell_int4(SPI_tuptable, 0, 3);
		oe_reader.first_n = oe_spi_int8(0, 4);
	}
	oe_reader_forget();
	for (int i = 0; i < lengthof(oe_consumers); i++)
		oe_consumers[i]->load();
	oe_types_load();
}

static void
oe_cursor_write(TimestampTz now)
{
	static SPIPlanPtr plans[OE_CURSORS];
	static const char *const sql[OE_CURSORS] = {
		"INSERT INTO odoo_events.process_cursor_0 VALUES ($1, $2, $3)",
		"INSERT INTO odoo_events.process_cursor_1 VALUES ($1, $2, $3)"
	};
	static const Oid types[3] = {INT8OID, INT8OID, TIMESTAMPTZOID};
	Datum		values[3] = {Int64GetDatum(oe_reader.n + 1), Int64GetDatum(oe_reader.position), TimestampTzGetDatum(now)};

	(void) oe_spi_keep_context(&plans[oe_reader.cursor_member], sql[oe_reader.cursor_member], 3, types, values, NULL, false, 0);
	oe_reader.n++;
}

/* ---- reading ---- */

static char *
oe_column_text(Datum *values, bool *nulls, int column)
{
	return nulls[column] ? NULL : TextDatumGetCString(values[column]);
}

/*
 * Takes a row apart and shows it to those who want its type.
 */
static void
oe_reader_show(HeapTuple tup, TupleDesc desc)
{
	Datum		v[14];
	bool		null[14];
	OeReadEvent ev = {0};
	text	   *type;
	text	   *entity;

	if (desc->natts != lengthof(v))
		elog(ERROR, "an event was read with %d columns", desc->natts);
	heap_deform_tuple(tup, desc, v, null);
	ev.position = oe_reader.position = DatumGetInt64(v[0]);
	type = DatumGetTextPP(v[2]);
	entity = DatumGetTextPP(v[7]);
	ev.type = oe_type_of(VARDATA_ANY(type), VARSIZE_ANY_EXHDR(type), VARDATA_ANY(entity), VARSIZE_ANY_EXHDR(entity));
	if (ev.type->wanted == 0)
		return;
	ev.id = *DatumGetUUIDP(v[1]);
	ev.subject = oe_column_text(v, null, 3);
	ev.key = oe_column_text(v, null, 4);
	ev.time = DatumGetTimestampTz(v[5]);
	ev.recorded = DatumGetTimestampTz(v[6]);
	ev.has_record = !null[8];
	ev.record_id = ev.has_record ? DatumGetInt64(v[8]) : 0;
	ev.company = null[9] ? 0 : DatumGetInt32(v[9]);
	ev.warehouse = null[10] ? 0 : DatumGetInt32(v[10]);
	ev.correlation = oe_column_text(v, null, 11);
	ev.member = DatumGetInt32(v[12]);
	ev.text = v[13];
	for (int i = 0; i < lengthof(oe_consumers); i++)
		if (ev.type->wanted & (1U << i))
			oe_consumers[i]->event(&ev, i);
}

/*
 * All members of the outbox behind the cursor.  The members are merged by their
 * indexes only if they are a subquery: of a union at the top all that is behind
 * the cursor would be sorted, again for each statement.
 */
static const char *
oe_reader_sql(void)
{
	static char *sql = NULL;
	StringInfoData buf;

	if (sql != NULL)
		return sql;
	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT * FROM (");
	for (int i = 0; i < OE_OUTBOX_MEMBERS; i++)
		appendStringInfo(&buf, "%sSELECT o.position, o.id, o.type, o.subject, o.partitionkey, o.\"time\", o.recordedtime, o.entity, o.record_id,"
						 " o.company_id, o.warehouse_id, o.correlationid, %d AS member, o.event FROM odoo_events.outbox_%d o",
						 i ? " UNION ALL " : "", i, i);
	appendStringInfoString(&buf, ") o WHERE o.position > $1 ORDER BY o.position LIMIT $2");
	sql = MemoryContextStrdup(TopMemoryContext, buf.data);
	return sql;
}

/*
 * Reads events until the time is up; true if there are more.
 */
static bool
oe_reader_read(int64 *events)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[2] = {INT8OID, INT8OID};
	TimestampTz end = GetCurrentTimestamp() + OE_READER_SLICE_US;
	int64		rows = OE_READER_ROWS;
	uint64		n;

	do
	{
		Datum		values[2] = {Int64GetDatum(oe_reader.position), Int64GetDatum(rows)};
		SPITupleTable *table;

		(void) oe_spi_keep_context(&plan, oe_reader_sql(), 2, types, values, NULL, true, 0);
		table = SPI_tuptable;
		n = SPI_processed;
		for (uint64 i = 0; i < n; i++)
			oe_reader_show(table->vals[i], table->tupdesc);
		*events += n;
		SPI_freetuptable(table);
	} while (n == rows && GetCurrentTimestamp() < end);
	return n == rows;
}

/*
 * One slice, within a trusted transaction whose lock is held.
 */
static bool
oe_reader_work(int64 *events, bool busy)
{
	TimestampTz now = GetCurrentTimestamp();
	MemoryContext old;
	int64		from;
	int64		n = oe_reader.n;
	bool		more;

	/*
	 * a snapshot that was taken under the lock sees all that its last holder
	 * wrote
	 */
	PopActiveSnapshot();
	PushActiveSnapshot(GetLatestSnapshot());
	oe_plan_by_index();
	oe_reader_load();
	from = oe_reader.position;
	old = MemoryContextSwitchTo(oe_reader.slice);
	more = oe_reader_read(events);
	OE_FAULT("reader-read");
	for (int i = 0; i < lengthof(oe_consumers); i++)
		oe_consumers[i]->write(now, !more && !busy);
	OE_FAULT("reader-written");
	if (oe_reader.position > from || n == 0)
		oe_cursor_write(now);
	MemoryContextSwitchTo(old);
	MemoryContextReset(oe_reader.slice);
	return more;
}

static void
oe_reader_committed(bool more)
{
	oe_reader.loaded = true;
	if (!more)
		oe_reader.caught_up = GetCurrentTimestamp();
	for (int i = 0; i < lengthof(oe_consumers); i++)
		if (oe_consumers[i]->committed)
			oe_consumers[i]->committed();
}

/* ---- the worker ---- */

/*
 * What is written can be read again from the outbox, so that the commit need not
 * wait for the disk.
 */
static bool
oe_reader_transaction(int64 *events, bool *more, bool busy)
{
	OeSession	session;
	bool		ours;

	oe_own_begin(&session);
	/* an extension that was not updated has no tables for it */
	ours = oe_own_column("process_cursor_0", "n") && oe_reader_lock();
	if (ours)
		*more = oe_reader_work(events, busy);
	oe_own_end(&session);
	OE_FAULT("reader-committed");
	return ours;
}

bool
oe_reader_slice(bool busy)
{
	TimestampTz start = GetCurrentTimestamp();
	int			save = synchronous_commit;
	int64		events = 0;
	bool		more = false;
	bool		ours;

	synchronous_commit = SYNCHRONOUS_COMMIT_OFF;
	PG_TRY();
	{
		ours = oe_reader_transaction(&events, &more, busy);
	}
	PG_FINALLY();
	{
		synchronous_commit = save;
		/* after an error memory says more than the tables */
		oe_reader.loaded = false;
	}
	PG_END_TRY();
	if (ours)
		oe_reader_committed(more);
	oe_reader.retry_at = ours ? 0 : start + OE_READER_RETRY_MS * INT64CONST(1000);
	oe_reader.rest_until = GetCurrentTimestamp() + (GetCurrentTimestamp() - start) * OE_READER_REST;
	return more;
}

/*
 * When a consumer wants to be called next, though nothing happens.
 */
static TimestampTz
oe_reader_timer(void)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < lengthof(oe_consumers); i++)
		if (oe_consumers[i]->next)
			next = Min(next, oe_consumers[i]->next());
	return next;
}

long
oe_reader_due(int64 last_position, bool busy)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next;

	/* where the clock was set back, nothing waits longer for that */
	oe_reader.retry_at = Min(oe_reader.retry_at, now + OE_READER_RETRY_MS * INT64CONST(1000));
	oe_reader.rest_until = Min(oe_reader.rest_until, now + OE_READER_RETRY_MS * INT64CONST(1000));
	oe_reader.caught_up = Min(oe_reader.caught_up, now);
	if (oe_reader.retry_at > now)
		return Min(TimestampDifferenceMilliseconds(now, oe_reader.retry_at) + 1, OE_READER_RETRY_MS);
	if (!oe_reader.loaded)
		return 0;
	next = oe_reader_timer();
	/* a clock that is asked while there is more to publish has no answer */
	if (busy && next < oe_reader.rest_until)
		next = oe_reader.rest_until;
	if (next > now && oe_reader.position < last_position)
		next = !busy ? now : Max(oe_reader.caught_up + OE_READER_MAX_LAG_MS * INT64CONST(1000), oe_reader.rest_until);
	if (next <= now)
		return 0;
	return next == DT_NOEND ? LONG_MAX : TimestampDifferenceMilliseconds(now, next) + 1;
}

void
oe_reader_overrun(int64 upto)
{
	static const Oid types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(upto)};
	OeSession	session;

	oe_reader.loaded = false;
	oe_own_begin(&session);
	if (oe_own_column("process_cursor_0", "n") && oe_reader_lock())
		(void) oe_spi(NULL, "SELECT odoo_events._reader_overrun($1)", 1, types, values, NULL, false, 0);
	oe_own_end(&session);
}

/*
 * The cursor moves on to its other member when that is empty.
 */
static void
oe_cursor_rotate(void)
{
	int			other = 1 - oe_reader.cursor_member;

	if (!oe_reader.loaded || oe_reader.n - oe_reader.first_n < OE_CURSOR_ROWS)
		return;
	if (!oe_ring_empty("process_cursor", other,
					   psprintf("SELECT COALESCE((SELECT max(n) FROM odoo_events.process_cursor_%d) >"
								" (SELECT max(n) FROM odoo_events.process_cursor_%d), false)", other, 1 - other), 0, NULL, NULL, NULL))
		return;
	oe_reader.cursor_member = other;
	oe_reader.first_n = oe_reader.n + 1;
}

void
oe_reader_maintain(void)
{
	if (!oe_reader.loaded)
		return;
	oe_cursor_rotate();
	for (int i = 0; i < lengthof(oe_consumers); i++)
		if (oe_consumers[i]->maintain)
			oe_consumers[i]->maintain(oe_reader.position);
	if (oe_consumers_load_again)
		oe_reader.loaded = oe_consumers_load_again = false;
}

/* ---- backends ---- */

/*
 * Reads all there is in the caller's transaction.  What it has in memory says
 * nothing about the next time, since the transaction may be rolled back.
 */
static int64
oe_reader_here(void)
{
	OeSession	session;
	int64		events = 0;
	bool		more;

	do
	{
		CHECK_FOR_INTERRUPTS();
		/* for each slice, because its end frees what statements answered */
		oe_own_begin(&session);
		oe_reader.loaded = events > 0;
		more = oe_own_column("process_cursor_0", "n") && oe_reader_lock() && oe_reader_work(&events, false);
		oe_own_end(&session);
	} while (more);
	oe_reader.loaded = false;
	return events;
}

Datum
oe_sql_read_behind(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(oe_reader_here());
}

void
oe_reader_after_publish(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	PG_TRY();
	{
		(void) oe_reader_here();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *err;

		MemoryContextSwitchTo(cxt);
		err = CopyErrorData();
		FlushErrorState();
		oe_reader.loaded = false;
		RollbackAndReleaseCurrentSubTransaction();
		if (err->sqlerrcode == ERRCODE_QUERY_CANCELED || err->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(err);
		ereport(WARNING,
				(errcode(err->sqlerrcode),
				 errmsg("milestones and promises do not follow: %s", err->message)));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
}
