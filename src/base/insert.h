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
 * One series of insertions into one table.  It belongs to the caller and lives
 * from oe_insert_begin() to oe_insert_end().  Defaults and triggers are not
 * executed, and no constraint is checked but unique indexes on plain columns.
 */
typedef struct OeInserter
{
	Relation	rel;
	bool		decoded;		/* logical decoding may see the rows */
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

/* The caller fills values and nulls of the slot and calls oe_insert_row(), which
 * copies what they point to.  Rows are collected and written in chunks; true: a
 * chunk has just been written. */
extern TupleTableSlot *oe_insert_slot(OeInserter *ins);
extern bool oe_insert_row(OeInserter *ins, TupleTableSlot *slot);
extern void oe_insert_end(OeInserter *ins);

#endif							/* OE_INSERT_H */
