/*
 * cycle.h
 *	  One cycle of publishing: what was read, what is made of it, and how
 *	  far it is.
 *
 * Owned by cycle.c, which makes it and deletes it with its memory context;
 * tools (explain, compare) make cycles that store nothing.  A cycle outlives the
 * transactions in which it is worked on.
 */
#ifndef OE_PUBLISH_MODEL_CYCLE_H
#define OE_PUBLISH_MODEL_CYCLE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

typedef struct OeCatalog OeCatalog;
typedef struct OeEntity OeEntity;
typedef struct OeTx OeTx;

/*
 * What is made together and fails together: whole transactions, or some
 * ordering keys of one.
 */
typedef struct OeRetryUnit
{
	int			first;			/* indexes of the first and the last
								 * transaction */
	int			last;
	int			low;			/* numbers of the first ordering key, */
	int			high;			/* and of the one after the last; 0: all keys */
	int			phase;			/* how far it is (phases.c) */
	int			tx;
	int			item;
	int			restarts;		/* because tables changed meanwhile */
	List	   *sums;			/* OeAggregate *, still to be read */
	bool		summed;			/* they are listed */
} OeRetryUnit;

/* How far the journal is read; a row of publish_cursor. */
typedef struct OeCursor
{
	int64		n;				/* number of the row */
	char	   *s1;				/* snapshot, as text: what it sees is
								 * published */
	char	   *s2;				/* snapshot that is being read up to; NULL:
								 * none */
	int64		done_id;		/* journal id up to which that is done */
	int64		chunk_id;		/* 0: none */
	int64		last_position;	/* of the outbox */
} OeCursor;

/* What one cycle reads of the journal. */
typedef struct OeJournalBatch
{
	OeCursor	read;			/* cursor when it was read */
	OeCursor	cursor;			/* cursor as it will be written */
	TimestampTz at;				/* when */
	bool		more;			/* there is more */
	bool		open_transactions;
	int			taken;			/* transactions of the list that are complete
								 * in this batch */
	int64		rows;			/* read */
} OeJournalBatch;

/* How far a cycle is; cycle.c. */
typedef enum OeStage
{
	OE_TO_READ, OE_TO_MAKE, OE_TO_ORDER, OE_TO_FREEZE, OE_TO_WRITE, OE_FINISHED
} OeStage;

/* explain.c: the record asked about, and what was said (OeDecision *) of its
 * change. */
typedef struct OeDecision
{
	const char *step;
	const char *verdict;
	char	   *detail;
} OeDecision;

typedef struct OeExplain
{
	OeEntity   *e;
	int64		id;
	List	   *said;
} OeExplain;

typedef struct OeCycle
{
	MemoryContext cxt;			/* everything that lives as long as the cycle */
	MemoryContext quantum_cxt;	/* what rendering a quantum leaves behind */
	MemoryContext holds_cxt;	/* what evaluating a predicate leaves behind;
								 * reset after each */
	OeStage		stage;			/* what comes next */
	OeJournalBatch reading;
	List	   *attempts;		/* to be made, the next one last */
	OeRetryUnit *attempt;		/* being made */
	int			frozen_tx;		/* events before this one have their text */
	int			frozen;
	int64		nfrozen;
	OeCatalog  *cat;
	TimestampTz now;			/* recordedtime of its events */
	char	   *source;
	uint32		epoch;			/* of the tables that were read (tables.c) */
	HTAB	   *read;			/* rows that were read of Odoo's tables
								 * (rows.c) */
	List	  **wanted;			/* per statement: ids still to be read */
	int			nwanted;		/* length of wanted */
	bool		missing;		/* something that was not read yet was asked
								 * for */
	HTAB	   *gone;			/* later changes by row (lookahead.c) */
	int64		upto;			/* first journal id of its last transaction;
								 * 0: not from the journal */
	HTAB	   *blocked;		/* ordering keys in quarantine -> first change
								 * id */
	bool		more_requeued;	/* there are more than this cycle took */
	int			ntx;
	OeTx	   *tx;
	TimestampTz lines_read_at;
	OeExplain  *explain;		/* NULL: nobody asked */
} OeCycle;

#endif							/* OE_PUBLISH_MODEL_CYCLE_H */
