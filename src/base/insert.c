/*
 * insert.c
 *	  Inserts rows into our own tables below SQL (insert.h).
 *
 * Any process, as any user: no privilege is checked.  The caller sets every
 * column, since defaults are not computed.  Index entries are made from the tuple
 * identifier that the heap leaves in the slot, which is right for toasted rows
 * too.  Holds RowExclusiveLock on the table and its indexes until the transaction
 * ends.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "nodes/makefuncs.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/insert.h"

#define OE_INSERT_BYTES (1024 * 1024)

void
oe_insert_begin(OeInserter *ins, Relation rel, bool decoded)
{
	List	   *oids = RelationGetIndexList(rel);
	ListCell   *lc;

	memset(ins, 0, sizeof(*ins));
	ins->rel = rel;
	ins->decoded = decoded;
	ins->cxt = CurrentMemoryContext;
	ins->chunk_cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events chunk",
										   ALLOCSET_DEFAULT_SIZES);
	ins->indexes = palloc(list_length(oids) * sizeof(Relation));
	ins->infos = palloc(list_length(oids) * sizeof(IndexInfo *));
	foreach(lc, oids)
	{
		Relation	index = index_open(lfirst_oid(lc), RowExclusiveLock);

		ins->indexes[ins->nindexes] = index;
		ins->infos[ins->nindexes++] = BuildIndexInfo(index);
	}
	list_free(oids);
}

TupleTableSlot *
oe_insert_slot(OeInserter *ins)
{
	if (ins->n == ins->nslots)
	{
		MemoryContext old = MemoryContextSwitchTo(ins->cxt);

		ins->slots[ins->nslots++] = MakeSingleTupleTableSlot(RelationGetDescr(ins->rel),
															 &TTSOpsHeapTuple);
		MemoryContextSwitchTo(old);
	}
	return ExecClearTuple(ins->slots[ins->n]);
}

static void
oe_insert_index_entries(OeInserter *ins, TupleTableSlot *slot)
{
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	for (int i = 0; i < ins->nindexes; i++)
	{
		Relation	index = ins->indexes[i];

		if (!ins->infos[i]->ii_ReadyForInserts)
			continue;
		FormIndexDatum(ins->infos[i], slot, NULL, values, nulls);
		index_insert(index, values, nulls, &slot->tts_tid, ins->rel,
					 index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
					 false, ins->infos[i]);
	}
}

/*
 * Stores the rows of a chunk.  With wal_level = logical a publication FOR ALL
 * TABLES would replicate the journal.  The option that hides rows from logical
 * decoding exists for single inserts only, so such rows go one by one.
 */
static void
oe_insert_heap(OeInserter *ins)
{
	CommandId	cid = GetCurrentCommandId(true);

	if (ins->decoded || !RelationIsLogicallyLogged(ins->rel))
	{
		heap_multi_insert(ins->rel, ins->slots, ins->n, cid, 0, NULL);
		return;
	}
	for (int i = 0; i < ins->n; i++)
	{
		HeapTuple	tup = ExecFetchSlotHeapTuple(ins->slots[i], true, NULL);

		heap_insert(ins->rel, tup, cid, HEAP_INSERT_NO_LOGICAL, NULL);
		ins->slots[i]->tts_tid = tup->t_self;
	}
}

static void
oe_insert_chunk(OeInserter *ins)
{
	MemoryContext old;

	if (ins->n == 0)
		return;
	old = MemoryContextSwitchTo(ins->chunk_cxt);
	oe_insert_heap(ins);
	for (int i = 0; i < ins->n; i++)
		oe_insert_index_entries(ins, ins->slots[i]);
	for (int i = 0; i < ins->n; i++)
		ExecClearTuple(ins->slots[i]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(ins->chunk_cxt);
	ins->n = 0;
	ins->bytes = 0;
}

bool
oe_insert_row(OeInserter *ins, TupleTableSlot *slot)
{
	ExecStoreVirtualTuple(slot);
	ins->bytes += ExecFetchSlotHeapTuple(slot, true, NULL)->t_len;
	ins->n++;
	if (ins->n == OE_INSERT_CHUNK || ins->bytes > OE_INSERT_BYTES)
		oe_insert_chunk(ins);
	return ins->n == 0;
}

void
oe_insert_end(OeInserter *ins)
{
	oe_insert_chunk(ins);
	for (int i = 0; i < ins->nslots; i++)
		ExecDropSingleTupleTableSlot(ins->slots[i]);
	for (int i = 0; i < ins->nindexes; i++)
	{
		oe_index_insert_cleanup(ins->indexes[i], ins->infos[i]);
		index_close(ins->indexes[i], NoLock);
	}
	table_close(ins->rel, NoLock);
	MemoryContextDelete(ins->chunk_cxt);
}
