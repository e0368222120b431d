/*
 * layout.h
 *	  What a capture rule means for a table at one moment: the layout of its
 *	  rows.
 *
 * A layout lists the columns that are captured, by name, attribute number and
 * type.  What it describes never changes.  When the table or the rule changes, rules.c makes
 * a new one; the old one lives until the transaction ends, because change
 * records of the transaction point to it.
 */
#ifndef OE_LAYOUT_H
#define OE_LAYOUT_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "fmgr.h"

struct OeTarget;

/* One captured column.  Memory of the layout, as all below. */
typedef struct OeLayoutColumn
{
	char	   *key;			/* ,"name":null */
	int			keylen;			/* bytes of it without "null" */
	AttrNumber	attnum;
	int16		len;
	bool		byval;
	bool		significant;
	Oid			type;			/* base type of a domain */
	FmgrInfo	out;
} OeLayoutColumn;

/* A condition on rows: they are captured where the column has this value.  Where a
 * layout has several of them, one must hold. */
typedef struct OeOnly
{
	AttrNumber	attnum;
	Oid			type;
	char	   *value;
} OeOnly;

/* How to step over one attribute of a stored row. */
typedef struct OeLayoutStep
{
	int16		len;
	int16		col;			/* index in OeRowLayout.cols; -1: not captured */
	Size		align_mask;
} OeLayoutStep;

/* Lives in "cxt", which rules.c or the output plugin deletes. */
typedef struct OeRowLayout
{
	MemoryContext cxt;
	Oid			relid;
	Oid			root;			/* topmost partitioned table, or relid */
	char		rule[NAMEDATALEN];
	int			ncols;			/* column 0 is "id" */
	AttrNumber	maxatt;
	TupleDesc	desc;			/* of the table, as it was */
	OeLayoutColumn *cols;
	int			nonly;			/* 0: every row counts */
	OeOnly	   *only;
	uint64	   *significant;	/* bit per column, as in change records of
								 * updates */
	OeLayoutStep *steps;		/* maxatt of them; NULL: walk the general way */
	uint64	   *fresh;			/* columns that transaction fresh_xid added,
								 * renamed or retyped; NULL: none */
	TransactionId fresh_xid;
	struct OeTarget *target;	/* valid in transaction number target_tx only */
	uint64		target_tx;
	uint64		void_before;	/* position: change records before it are
								 * void; valid in merge number void_merge only */
	uint64		void_merge;
	struct OeRowLayout *next;	/* in the list of retired layouts */
} OeRowLayout;

#endif							/* OE_LAYOUT_H */
