/*
 * insert.h
 *	  Inserting rows into our own tables below SQL.
 */
#ifndef OE_INSERT_H
#define OE_INSERT_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

#define OE_INSERT_CHUNK 100

/*
 * A table that rows are inserted into below SQL: no defaults, no constraints
 * but unique indexes on plain columns, no triggers, and no logical decoding
 * unless that is wanted.
 */
typedef struct OeInserter
{
	Relation	rel;
	bool		decoded;		/* logical decoding sees the rows */
	int			nindexes;
	Relation   *indexes;
	IndexInfo **infos;
	MemoryContext cxt;
	MemoryContext chunk_cxt;	/* reset after each chunk */
	TupleTableSlot *slots[OE_INSERT_CHUNK];
	int			nslots;			/* slots made */
	int			n;				/* slots filled */
	Size		bytes;			/* in them */
} OeInserter;

/* "rel" is open and locked; it is closed by oe_insert_end(). */
extern void oe_insert_begin(OeInserter *ins, Relation rel, bool decoded);

/* The caller fills values and nulls of the slot and calls oe_insert_row();
 * what they point to may then go.  True: what was kept for a while has just
 * been written. */
extern TupleTableSlot *oe_insert_slot(OeInserter *ins);
extern bool oe_insert_row(OeInserter *ins, TupleTableSlot *slot);
extern void oe_insert_end(OeInserter *ins);

#endif							/* OE_INSERT_H */
