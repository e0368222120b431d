/*
 * layout.h
 *	  What a capture rule means for a table at one moment: the layout of its
 *	  rows.
 *
 * A layout lists the columns that are captured, by name, attribute number and
 * type.  It never changes.  When the table or the rule changes, rules.c makes
 * a new one; the old one lives until the transaction ends, because change
 * records of the transaction point to it.
 */
#ifndef OE_LAYOUT_H
#define OE_LAYOUT_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "fmgr.h"

struct OeTarget;

typedef struct OeLayoutColumn
{
	char	   *key;			/* ,"name":null */
	int			keylen;			/* without null */
	AttrNumber	attnum;
	int16		len;
	bool		byval;
	bool		significant;
	Oid			type;			/* base type of a domain */
	FmgrInfo	out;
} OeLayoutColumn;

/* Rows count that have this value, or another one's. */
typedef struct OeOnly
{
	AttrNumber	attnum;
	Oid			type;
	char	   *value;
} OeOnly;

/* How to walk over one attribute of a stored row. */
typedef struct OeLayoutStep
{
	int16		len;
	int16		col;			/* of the layout; -1: not noted */
	Size		align_mask;
} OeLayoutStep;

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
	uint64	   *significant;	/* bit per column, as in notes of updates */
	OeLayoutStep *steps;		/* maxatt of them; NULL: walk the general way */
	struct OeTarget *target;	/* in transaction number target_tx */
	uint64		target_tx;
	uint64		void_before;	/* notes before it are void, in merge number */
	uint64		void_merge;		/* void_merge */
	struct OeRowLayout *next;	/* retired layouts */
} OeRowLayout;

#endif							/* OE_LAYOUT_H */
