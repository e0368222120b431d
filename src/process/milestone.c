/*
 * milestone.c
 *	  Keeps a row for each event that belongs to an order's process, for
 *	  odoo_events.process_retention.
 *
 * A consumer of the reader behind the publisher (consumer.h): its trusted
 * transaction, and the worker's maintenance.
 *
 * The ring has sixteen members, each left after a fourteenth of the retention,
 * so that one is always empty.  A row knows its order by the hash of the
 * correlation id.  The order's id and name stand in process_root, in the same
 * member as the milestones, so that both are emptied together; the name may come
 * later than the first milestone, and change.  A row for each name is written,
 * and the last one holds.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/guc.h"
#include "base/insert.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "process/milestone.h"

#define OE_STEP_MEMBERS 16
#define OE_STEP_SHARES 14		/* of the retention, for one member */
#define OE_KNOWN_ROOTS 50000	/* names that are kept in memory */

/* A milestone of the current slice. */
typedef struct OeStep
{
	int64		root;
	int64		position;
	TimestampTz time;
	bool		has_record;
	int64		record_id;
	int			company;
	int			warehouse;
	int16		code;
} OeStep;

/* An order of the current slice. */
typedef struct OeRoot
{
	int64		root;			/* key */
	int64		position;		/* of the event that named it last, or of its
								 * first one */
	char	   *correlation;
	char	   *name;			/* NULL: none of these events is its own */
	bool		here;			/* it has a row in the current member */
} OeRoot;

/* An order whose row is known to be in the current member. */
typedef struct OeKnownRoot
{
	int64		root;			/* key */
	int64		name;			/* hash of its name */
} OeKnownRoot;

static MemoryContext oe_known_cxt = NULL;
static HTAB *oe_known = NULL;	/* of OeKnownRoot */
static int	oe_step_member;
static OeStep *oe_steps = NULL; /* slice's memory */
static int	oe_nsteps = 0;
static int	oe_steps_size = 0;
static HTAB *oe_roots = NULL;	/* of OeRoot; slice's memory */

static void
oe_milestones_reset(void)
{
	oe_steps = NULL;
	oe_roots = NULL;
	oe_nsteps = oe_steps_size = 0;
}

static void
oe_known_reset(void)
{
	HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(OeKnownRoot)};

	if (oe_known_cxt == NULL)
		oe_known_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events known roots", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(oe_known_cxt);
	ctl.hcxt = oe_known_cxt;
	oe_known = hash_create("odoo_events known roots", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Finds the member that is being filled; the first one, if there is none.
 */
static void
oe_milestones_load(void)
{
	oe_milestones_reset();
	oe_known_reset();
	(void) oe_spi_keep_context(NULL, "INSERT INTO odoo_events.process_member (member, since) SELECT 0, pg_catalog.now()"
							   " WHERE NOT EXISTS (SELECT FROM odoo_events.process_member WHERE until IS NULL)", 0, NULL, NULL, NULL, false, 0);
	(void) oe_spi_keep_context(NULL, "SELECT m.member::int4 FROM odoo_events.process_member m WHERE m.until IS NULL", 0, NULL, NULL, NULL, false, 1);
	oe_step_member = oe_cell_int4(SPI_tuptable, 0, 1);
}

static bool
oe_milestone_wanted(OeReadType *type, int index)
{
	return true;
}

/*
 * Is the event the order's own, so that its subject has the order's name?
 */
static const char *
oe_own_name(const OeReadEvent *ev)
{
	int			len = strlen(ev->type->entity);
	const char *slash = strchr(ev->subject, '/');

	if (!ev->has_record || strncmp(ev->correlation, ev->type->entity, len) != 0 || ev->correlation[len] != ':' ||
		strcmp(ev->correlation + len + 1, psprintf(INT64_FORMAT, ev->record_id)) != 0)
		return NULL;
	return slash ? slash + 1 : ev->subject;
}

static void
oe_milestone_event(OeReadEvent *ev, int index)
{
	HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(OeRoot),.hcxt = CurrentMemoryContext};
	const char *name;
	OeStep	   *step;
	OeRoot	   *root;
	bool		found;

	if (ev->correlation == NULL)
		return;
	if (oe_nsteps == oe_steps_size)
	{
		oe_steps_size = Max(oe_steps_size * 2, 512);
		oe_steps = oe_steps ? repalloc(oe_steps, oe_steps_size * sizeof(OeStep)) : palloc(oe_steps_size * sizeof(OeStep));
	}
	if (oe_roots == NULL)
		oe_roots = hash_create("odoo_events roots", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	step = &oe_steps[oe_nsteps++];
	step->root = oe_text_hash(ev->correlation, strlen(ev->correlation));
	step->position = ev->position;
	step->time = ev->time;
	step->has_record = ev->has_record;
	step->record_id = ev->record_id;
	step->company = ev->company;
	step->warehouse = ev->warehouse;
	step->code = ev->type->code;

	name = oe_own_name(ev);
	root = hash_search(oe_roots, &step->root, HASH_ENTER, &found);
	if (!found)
	{
		root->position = ev->position;
		root->correlation = ev->correlation;
		root->name = NULL;
		root->here = false;
	}
	if (name)
	{
		root->position = ev->position;
		root->name = pstrdup(name);
	}
}

static int64
oe_name_hash(const char *name)
{
	return oe_text_hash(name, strlen(name));
}

/*
 * Looks up the orders that are not known to be in the current member: where
 * there is a row of theirs, and by which name.
 */
static void
oe_roots_look_up(void)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[1] = {INT8ARRAYOID};
	Datum	   *hashes = palloc(sizeof(Datum) * hash_get_num_entries(oe_roots));
	Datum		value;
	HASH_SEQ_STATUS seq;
	OeRoot	   *root;
	int			n = 0;

	hash_seq_init(&seq, oe_roots);
	while ((root = hash_seq_search(&seq)) != NULL)
		if (hash_search(oe_known, &root->root, HASH_FIND, NULL) == NULL)
			hashes[n++] = Int64GetDatum(root->root);
	if (n == 0)
		return;
	value = PointerGetDatum(construct_array(hashes, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	(void) oe_spi_keep_context(&plan, "SELECT h.root, l.name, l.member FROM unnest($1) h (root) CROSS JOIN LATERAL (SELECT r.name, r.member FROM odoo_events.process_root r"
							   " WHERE r.root = h.root ORDER BY r.position DESC, r.member DESC LIMIT 1) l", 1, types, &value, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int64		hash = oe_spi_int8(i, 1);
		char	   *name = oe_spi_text(i, 2);
		OeKnownRoot *known;

		root = hash_search(oe_roots, &hash, HASH_FIND, NULL);
		if (oe_cell_int4(SPI_tuptable, i, 3) == oe_step_member)
		{
			known = hash_search(oe_known, &hash, HASH_ENTER, NULL);
			known->name = oe_name_hash(name);
		}
		else if (root->name == NULL)
			root->name = name;
	}
}

static Relation
oe_member_open(const char *ring)
{
	char		table[NAMEDATALEN];

	snprintf(table, sizeof(table), "%s_%d", ring, oe_step_member);
	return table_open(get_relname_relid(table, get_namespace_oid(OE_SCHEMA, false)), RowExclusiveLock);
}

/*
 * Writes a row for each order that has none in this member, or another name.
 */
static void
oe_roots_write(void)
{
	OeInserter	ins;
	HASH_SEQ_STATUS seq;
	OeRoot	   *root;

	oe_insert_begin(&ins, oe_member_open("process_root"), false);
	hash_seq_init(&seq, oe_roots);
	while ((root = hash_seq_search(&seq)) != NULL)
	{
		bool		found;
		OeKnownRoot *known = hash_search(oe_known, &root->root, HASH_ENTER, &found);
		const char *colon = strchr(root->correlation, ':');
		const char *name = root->name ? root->name : colon ? colon + 1 : "";
		TupleTableSlot *slot;

		if (found && (root->name == NULL || known->name == oe_name_hash(name)))
			continue;
		known->name = oe_name_hash(name);
		slot = oe_insert_slot(&ins);
		memset(slot->tts_isnull, false, 4 * sizeof(bool));
		slot->tts_values[0] = Int64GetDatum(root->root);
		slot->tts_values[1] = Int64GetDatum(root->position);
		slot->tts_values[2] = CStringGetTextDatum(root->correlation);
		slot->tts_values[3] = CStringGetTextDatum(name);
		(void) oe_insert_row(&ins, slot);
	}
	oe_insert_end(&ins);
}

static void
oe_steps_write(void)
{
	OeInserter	ins;

	oe_insert_begin(&ins, oe_member_open("process_step"), false);
	for (int i = 0; i < oe_nsteps; i++)
	{
		const OeStep *step = &oe_steps[i];
		TupleTableSlot *slot = oe_insert_slot(&ins);
		const bool	nulls[7] = {false, false, false, !step->has_record, step->company == 0, step->warehouse == 0, false};
		const Datum values[7] = {Int64GetDatum(step->root), Int64GetDatum(step->position), TimestampTzGetDatum(step->time),
		Int64GetDatum(step->record_id), Int32GetDatum(step->company), Int32GetDatum(step->warehouse), Int16GetDatum(step->code)};

		memcpy(slot->tts_isnull, nulls, sizeof(nulls));
		memcpy(slot->tts_values, values, sizeof(values));
		(void) oe_insert_row(&ins, slot);
	}
	oe_insert_end(&ins);
}

static void
oe_milestones_write(TimestampTz now, bool done)
{
	if (oe_nsteps > 0)
	{
		if (hash_get_num_entries(oe_known) > OE_KNOWN_ROOTS)
			oe_known_reset();
		oe_roots_look_up();
		oe_roots_write();
		oe_steps_write();
	}
	oe_milestones_reset();
}

/*
 * Moves on to the next member when this one has its share of the retention.
 */
static bool
oe_milestones_move(void)
{
	static const Oid types[1] = {FLOAT8OID};
	Datum		values[1] = {Float8GetDatum((double) oe_guc_process_retention / OE_STEP_SHARES)};
	OeSession	session;
	bool		moved;

	oe_own_begin(&session);
	(void) oe_spi(NULL, "WITH old AS (UPDATE odoo_events.process_member m SET until = pg_catalog.now()"
				  " WHERE m.until IS NULL AND m.since < pg_catalog.now() - pg_catalog.make_interval(secs => $1)"
				  " AND NOT EXISTS (SELECT FROM odoo_events.process_member x WHERE x.member = (m.member + 1) % 16) RETURNING m.member)"
				  " INSERT INTO odoo_events.process_member (member, since) SELECT (old.member + 1) % 16, pg_catalog.now() FROM old",
				  1, types, values, NULL, false, 0);
	moved = SPI_processed > 0;
	OE_FAULT("process-moved");
	oe_own_end(&session);
	return moved;
}

/*
 * The members whose last milestone is older than the retention: a bit each.
 */
static uint32
oe_milestones_old(void)
{
	static const Oid types[1] = {FLOAT8OID};
	Datum		values[1] = {Float8GetDatum((double) oe_guc_process_retention)};
	OeSession	session;
	uint32		old = 0;

	oe_own_begin(&session);
	(void) oe_spi(NULL, "SELECT m.member::int4 FROM odoo_events.process_member m WHERE m.until < pg_catalog.now() - pg_catalog.make_interval(secs => $1)",
				  1, types, values, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
		old |= 1U << oe_cell_int4(SPI_tuptable, i, 1);
	oe_own_end(&session);
	return old;
}

static void
oe_milestones_maintain(int64 position)
{
	static const Oid types[1] = {INT4OID};
	uint32		old;

	if (oe_milestones_move())
		oe_consumers_load_again = true;
	old = oe_milestones_old();
	for (int i = 0; i < OE_STEP_MEMBERS; i++)
	{
		static const char needed[] = "SELECT m.until IS NULL FROM odoo_events.process_member m WHERE m.member = $1";
		Datum		values[1] = {Int32GetDatum(i)};
		OeSession	session;

		if ((old & (1U << i)) == 0 || !oe_ring_empty("process_step", i, needed, 1, types, values, NULL) ||
			!oe_ring_empty("process_root", i, needed, 1, types, values, NULL) ||
			!oe_ring_empty("promise", i, needed, 1, types, values, NULL))
			continue;
		oe_own_begin(&session);
		(void) oe_spi(NULL, "DELETE FROM odoo_events.process_member m WHERE m.member = $1", 1, types, values, NULL, false, 0);
		oe_own_end(&session);
	}
}

const OeConsumer oe_milestone_consumer = {
	.name = "milestones",
	.load = oe_milestones_load,
	.wants = oe_milestone_wanted,
	.event = oe_milestone_event,
	.write = oe_milestones_write,
	.maintain = oe_milestones_maintain
};
