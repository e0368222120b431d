/*
 * journal.h
 *	  Writing the net changes of a transaction, just before it commits.
 */
#ifndef OE_JOURNAL_H
#define OE_JOURNAL_H

#include "postgres.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/relcache.h"

#define OE_INSERT_CHUNK 100

/*
 * A table that rows are inserted into below SQL: no defaults, no constraints
 * but unique indexes on plain columns, no triggers, no logical decoding.
 */
typedef struct OeInserter
{
	Relation	rel;
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
extern void oe_insert_begin(OeInserter *ins, Relation rel);

/* The caller fills values and nulls of the slot and calls oe_insert_row();
 * what they point to may then go. */
extern TupleTableSlot *oe_insert_slot(OeInserter *ins);
extern void oe_insert_row(OeInserter *ins, TupleTableSlot *slot);
extern void oe_insert_end(OeInserter *ins);

/* XACT_EVENT_PRE_COMMIT and XACT_EVENT_PRE_PREPARE. */
extern void oe_journal_flush(void);

/* Notes in the table of gaps what the targets of the log have lost (a step
 * of oe_try()). */
extern void oe_gaps_write(void *arg);

#endif							/* OE_JOURNAL_H */
