/*
 * merge.h
 *	  From the log of change records to the net change of each row.
 */
#ifndef OE_MERGE_H
#define OE_MERGE_H

#include "postgres.h"
#include "capture/log.h"

/*
 * What the transaction did to one row, as positions in the log.  "before" is
 * the change record that has the row as it was before the transaction; OE_NOWHERE
 * if the row did not exist.  "after" is the one that has the row as it is now;
 * OE_NOWHERE if it is deleted.  They may be the same.  A truncated table has "first"
 * only.
 */
typedef struct OeNetChange
{
	uint64		first;			/* first record of this row; net changes come
								 * in this order */
	uint64		before;
	uint64		after;
} OeNetChange;

typedef struct OeMerge OeMerge;

/* Merges the whole log; oe_merge_next() gives net changes in the order in which
 * their rows were first changed, and is false at the end.  Allocates in the caller's
 * context. */
extern OeMerge *oe_merge_begin(void);
extern bool oe_merge_next(OeMerge *m, OeNetChange *net);
extern void oe_merge_end(OeMerge *m);

#endif							/* OE_MERGE_H */
