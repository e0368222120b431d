/*
 * merge.c
 *	  From the log of change records to the net change of each row (merge.h).
 *
 * Odoo's backend, just before commit, or a process that decodes.  Change records
 * are sorted by row and command id, the first and the last version of each row is
 * found, and the rows are sorted by their first record.  What is sorted are small
 * sort keys with the position of a record; the row versions stay in the log.  While
 * the log is in memory the keys are too.  Where it was spilled, PostgreSQL's
 * tuplesort sorts them within work_mem, so that a transaction of any size needs a
 * bounded amount of memory (the keys of one row alone must fit).  Reads
 * pg_class; takes no lock.
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplesort.h"

#include "base/compat.h"
#include "capture/merge.h"

/* The position of a change record, and the values that it is sorted by. */
typedef struct OeSortKey
{
	uint64		target;
	int64		id;
	CommandId	cid;
	uint32		op;				/* D < U < I: at one command id a row that
								 * goes makes room for the one that comes */
	bool		foreign;
	uint64		pos;
} OeSortKey;

enum
{
	OE_OP_DELETE, OE_OP_UPDATE, OE_OP_INSERT
};

struct OeMerge
{
	bool		external;
	/* in memory */
	OeNetChange *nets;
	Size		nnets;
	Size		maxnets;
	Size		next;
	/* external */
	Tuplesortstate *sort;
	TupleTableSlot *slot;
};

/* Counts the merges of this backend: void_before of a layout is of the current merge
 * where its void_merge equals this. */
static uint64 oe_merges = 0;

#define OE_RECORD_COLUMNS 6
#define OE_RECORD_KEYS 4
#define OE_NET_COLUMNS 3

static inline int
oe_record_cmp(const OeSortKey *a, const OeSortKey *b)
{
	if (a->target != b->target)
		return a->target < b->target ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->cid != b->cid)
		return a->cid < b->cid ? -1 : 1;
	return (int) a->op - (int) b->op;
}

#define ST_SORT oe_sort_records
#define ST_ELEMENT_TYPE OeSortKey
#define ST_COMPARE(a, b) oe_record_cmp(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT oe_sort_nets
#define ST_ELEMENT_TYPE OeNetChange
#define ST_COMPARE(a, b) ((a)->first < (b)->first ? -1 : (a)->first > (b)->first)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * The position before which change records of a relation are void, because it was
 * truncated or dropped later in the transaction.
 */
static uint64
oe_void_before(OeRowLayout *layout)
{
	if (layout->void_merge == oe_merges)
		return layout->void_before;
	layout->void_merge = oe_merges;
	layout->void_before = 0;
	for (int i = 0; i < oe_log->ntruncations; i++)
		if (oe_log->truncations[i].relid == layout->relid ||
			oe_log->truncations[i].relid == layout->root)
			layout->void_before = oe_log->truncations[i].pos;
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(layout->relid)))
		layout->void_before = OE_NOWHERE;
	return layout->void_before;
}

/*
 * The sort key of a change record; false if the record is void or only marks a
 * TRUNCATE.  A ready-made event (E) or a snapshot (S) counts as a row by itself.
 */
static bool
oe_record_of(const OeChangeRecord *record, uint64 pos, OeSortKey *rec)
{
	if (record->op == 'E' || record->op == 'S')
	{
		*rec = (OeSortKey)
		{
			.target = oe_log_layout_target(record->layout)->number,.id = (int64) pos,.op = OE_OP_INSERT,.pos = pos
		};
		return true;
	}
	if (record->op == 'T' || pos < oe_void_before(record->layout))
		return false;
	rec->target = oe_log_layout_target(record->layout)->number;
	rec->id = record->id;
	rec->cid = record->cid;
	rec->op = record->op == 'I' ? OE_OP_INSERT : record->op == 'U' ? OE_OP_UPDATE : OE_OP_DELETE;
	rec->foreign = record->foreign;
	rec->pos = pos;
	return true;
}

static bool
oe_record_fits(const OeSortKey *rec, bool exists)
{
	return (rec->op == OE_OP_INSERT) != exists;
}

/*
 * Is the order of a row's records possible?  A row cannot be inserted twice, nor
 * change before it was inserted.
 */
static bool
oe_row_is_consistent(const OeSortKey *recs, Size n, bool was_there)
{
	bool		exists = recs[0].op != OE_OP_INSERT;

	if (was_there && !exists)
		return false;
	for (Size i = 0; i < n; i++)
	{
		if (!oe_record_fits(&recs[i], exists))
			return false;
		exists = recs[i].op != OE_OP_DELETE;
	}
	return true;
}

/*
 * Puts the records of a row into a possible order.  Command ids mislead where a
 * BEFORE INSERT trigger deletes the row with the same id: the deletion has the later
 * command id.
 */
static void
oe_row_reorder(OeSortKey *recs, Size n, bool exists)
{
	for (Size i = 0; i < n; i++)
	{
		Size		pick = i;
		OeSortKey	rec;

		while (pick < n && !oe_record_fits(&recs[pick], exists))
			pick++;
		if (pick == n)
			pick = i;
		rec = recs[pick];
		memmove(&recs[i + 1], &recs[i], (pick - i) * sizeof(OeSortKey));
		recs[i] = rec;
		exists = rec.op != OE_OP_DELETE;
	}
}

/*
 * The net change of one row; false if there is none.
 */
static bool
oe_row_net(OeSortKey *recs, Size n, OeNetChange *net)
{
	net->first = recs[0].pos;
	if (n > 1)
	{
		bool		was_there = false;

		for (Size i = 0; i < n; i++)
		{
			net->first = Min(net->first, recs[i].pos);
			was_there |= recs[i].foreign;
		}
		if (!oe_row_is_consistent(recs, n, was_there))
			oe_row_reorder(recs, n, was_there);
	}
	net->before = recs[0].op != OE_OP_INSERT ? recs[0].pos : OE_NOWHERE;
	net->after = recs[n - 1].op != OE_OP_DELETE ? recs[n - 1].pos : OE_NOWHERE;
	return net->before != OE_NOWHERE || net->after != OE_NOWHERE;
}

static bool
oe_record_same_row(const OeSortKey *a, const OeSortKey *b)
{
	return a->target == b->target && a->id == b->id;
}

static Tuplesortstate *
oe_sort_new(int ncols, int nkeys, TupleTableSlot **slot)
{
	AttrNumber	keys[OE_RECORD_KEYS] = {1, 2, 3, 4};
	Oid			ops[OE_RECORD_KEYS];
	Oid			collations[OE_RECORD_KEYS] = {InvalidOid};
	bool		nulls_first[OE_RECORD_KEYS] = {false};
	TupleDesc	desc = CreateTemplateTupleDesc(ncols);

	for (int i = 0; i < nkeys; i++)
		ops[i] = Int8LessOperator;
	for (int i = 0; i < ncols; i++)
		TupleDescInitEntry(desc, i + 1, NULL, INT8OID, -1, 0);
	oe_tupdesc_finalize(desc);
	*slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	return tuplesort_begin_heap(desc, nkeys, keys, ops, collations, nulls_first,
								work_mem, NULL, TUPLESORT_NONE);
}

static void
oe_sort_put(Tuplesortstate *sort, TupleTableSlot *slot, int n, const int64 *values)
{
	ExecClearTuple(slot);
	for (int i = 0; i < n; i++)
	{
		slot->tts_values[i] = Int64GetDatum(values[i]);
		slot->tts_isnull[i] = false;
	}
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(sort, slot);
}

static bool
oe_sort_get(Tuplesortstate *sort, TupleTableSlot *slot, int n, int64 *values)
{
	if (!tuplesort_gettupleslot(sort, true, false, slot, NULL))
		return false;
	slot_getsomeattrs(slot, n);
	for (int i = 0; i < n; i++)
		values[i] = DatumGetInt64(slot->tts_values[i]);
	return true;
}

/*
 * Adds the net change of a row to the result.
 */
static void
oe_merge_add(OeMerge *m, const OeNetChange *net)
{
	if (m->external)
	{
		/*
		 * OE_NOWHERE becomes -1; the sort looks at "first" only, which is a
		 * position
		 */
		int64		values[OE_NET_COLUMNS] = {(int64) net->first, (int64) net->before,
		(int64) net->after};

		oe_sort_put(m->sort, m->slot, OE_NET_COLUMNS, values);
		return;
	}
	if (m->nnets == m->maxnets)
	{
		m->maxnets *= 2;
		m->nets = repalloc_huge(m->nets, m->maxnets * sizeof(OeNetChange));
	}
	m->nets[m->nnets++] = *net;
}

/*
 * One net change for each truncated table, at the position of its last TRUNCATE.
 */
static void
oe_merge_truncations(OeMerge *m)
{
	for (int i = 0; i < oe_log->ntruncations; i++)
	{
		OeTruncation *t = &oe_log->truncations[i];
		OeNetChange net = {t->pos, OE_NOWHERE, OE_NOWHERE};
		bool		last = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(t->relid));

		for (int j = i + 1; j < oe_log->ntruncations && last; j++)
			last = oe_log->truncations[j].target != t->target;
		if (last)
			oe_merge_add(m, &net);
	}
}

static void
oe_merge_memory(OeMerge *m)
{
	Size		n = 0,
				max = 64;
	OeSortKey  *recs = palloc(max * sizeof(OeSortKey));
	uint64		pos = 0;

	while (pos < oe_log_end())
	{
		const OeChangeRecord *record = oe_log_read(pos, NULL);

		if (n == max)
		{
			max *= 2;
			recs = repalloc_huge(recs, max * sizeof(OeSortKey));
		}
		if (oe_record_of(record, pos, &recs[n]))
			n++;
		pos += record->size;
	}
	oe_sort_records(recs, n);
	for (Size i = 0, end; i < n; i = end)
	{
		OeNetChange net;

		for (end = i + 1; end < n && oe_record_same_row(&recs[i], &recs[end]);)
			end++;
		if (oe_row_net(&recs[i], end - i, &net))
			oe_merge_add(m, &net);
	}
	pfree(recs);
	oe_merge_truncations(m);
	oe_sort_nets(m->nets, m->nnets);
}

/*
 * Called for each record of a log that was spilled, of which there may be millions.
 * A process that decodes tells the receiver meanwhile that it is alive.
 */
static inline void
oe_merge_alive(void)
{
	CHECK_FOR_INTERRUPTS();
	if (oe_log->alive)
		oe_log->alive(oe_log->alive_arg);
}

/*
 * Sorts the records of the whole log by row and command.
 */
static Tuplesortstate *
oe_merge_sort_log(TupleTableSlot **slot)
{
	Tuplesortstate *sort = oe_sort_new(OE_RECORD_COLUMNS, OE_RECORD_KEYS, slot);
	StringInfoData buf;
	uint64		pos = 0;

	initStringInfo(&buf);
	while (pos < oe_log_end())
	{
		const OeChangeRecord *record = oe_log_read(pos, &buf);
		OeSortKey	rec;

		oe_merge_alive();
		if (oe_record_of(record, pos, &rec))
		{
			int64		values[OE_RECORD_COLUMNS] = {(int64) rec.target, rec.id, rec.cid,
			rec.op, rec.foreign, (int64) rec.pos};

			oe_sort_put(sort, *slot, OE_RECORD_COLUMNS, values);
		}
		pos += record->size;
	}
	pfree(buf.data);
	tuplesort_performsort(sort);
	return sort;
}

static void
oe_record_unpack(OeSortKey *rec, const int64 *v)
{
	rec->target = (uint64) v[0];
	rec->id = v[1];
	rec->cid = (CommandId) v[2];
	rec->op = (uint32) v[3];
	rec->foreign = v[4] != 0;
	rec->pos = (uint64) v[5];
}

static void
oe_merge_external(OeMerge *m)
{
	TupleTableSlot *slot;
	Tuplesortstate *sort = oe_merge_sort_log(&slot);
	Size		n = 0,
				max = 64;
	OeSortKey  *row = palloc(max * sizeof(OeSortKey));
	int64		v[OE_RECORD_COLUMNS];
	bool		more;
	OeNetChange net;

	m->sort = oe_sort_new(OE_NET_COLUMNS, 1, &m->slot);
	do
	{
		OeSortKey	rec = {0};

		oe_merge_alive();
		more = oe_sort_get(sort, slot, OE_RECORD_COLUMNS, v);
		if (more)
			oe_record_unpack(&rec, v);
		if (n > 0 && (!more || !oe_record_same_row(&row[0], &rec)))
		{
			if (oe_row_net(row, n, &net))
				oe_merge_add(m, &net);
			n = 0;
		}
		if (n == max)
		{
			max *= 2;
			row = repalloc_huge(row, max * sizeof(OeSortKey));
		}
		row[n++] = rec;
	} while (more);
	pfree(row);
	tuplesort_end(sort);
	ExecDropSingleTupleTableSlot(slot);
	oe_merge_truncations(m);
	tuplesort_performsort(m->sort);
}

OeMerge *
oe_merge_begin(void)
{
	OeMerge    *m = palloc0(sizeof(OeMerge));

	oe_merges++;
	m->external = oe_log->spilled > 0;
	if (m->external)
		oe_merge_external(m);
	else
	{
		m->maxnets = 64;
		m->nets = palloc(m->maxnets * sizeof(OeNetChange));
		oe_merge_memory(m);
	}
	return m;
}

bool
oe_merge_next(OeMerge *m, OeNetChange *net)
{
	int64		v[OE_NET_COLUMNS];

	if (!m->external)
	{
		if (m->next == m->nnets)
			return false;
		*net = m->nets[m->next++];
		return true;
	}
	if (!oe_sort_get(m->sort, m->slot, OE_NET_COLUMNS, v))
		return false;
	net->first = (uint64) v[0];
	net->before = (uint64) v[1];
	net->after = (uint64) v[2];
	return true;
}

void
oe_merge_end(OeMerge *m)
{
	if (m->external)
	{
		tuplesort_end(m->sort);
		ExecDropSingleTupleTableSlot(m->slot);
	}
	else
		pfree(m->nets);
	pfree(m);
}
