/*
 * rules.h
 *	  Which columns of a captured table are noted: rules as this backend has
 *	  resolved them.
 *
 * A shape is what a rule means for a table at one moment: its columns by name,
 * attribute number and type.  It never changes; when the table or the rule
 * does, a new shape is made, and the old one lives until the transaction ends,
 * because notes refer to it.
 */
#ifndef OE_RULES_H
#define OE_RULES_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/relcache.h"

struct OeTarget;

typedef struct OeColumn
{
	char	   *key;			/* ,"name":null */
	int			keylen;			/* without null */
	AttrNumber	attnum;
	int16		len;
	bool		byval;
	bool		significant;
	Oid			type;			/* base type of a domain */
	FmgrInfo	out;
} OeColumn;

/* Rows count that have this value, or another one's. */
typedef struct OeOnly
{
	AttrNumber	attnum;
	Oid			type;
	char	   *value;
} OeOnly;

/* How to walk over one attribute of a stored row. */
typedef struct OeStep
{
	int16		len;
	int16		col;			/* of the shape; -1: not noted */
	Size		align_mask;
} OeStep;

typedef struct OeShape
{
	MemoryContext cxt;
	Oid			relid;
	Oid			root;			/* topmost partitioned table, or relid */
	char		rule[NAMEDATALEN];
	int			ncols;			/* column 0 is "id" */
	AttrNumber	maxatt;
	TupleDesc	desc;			/* of the table, as it was */
	OeColumn   *cols;
	int			nonly;			/* 0: every row counts */
	OeOnly	   *only;
	uint64	   *significant;	/* bit per column, as in notes of updates */
	OeStep	   *steps;			/* maxatt of them; NULL: walk the general way */
	struct OeTarget *target;	/* in transaction number target_tx */
	uint64		target_tx;
	uint64		void_before;	/* notes before it are void, in merge number */
	uint64		void_merge;		/* void_merge */
	struct OeShape *next;		/* retired shapes */
} OeShape;

typedef enum OeRuleState
{
	OE_RULE_INVALID = 0,
	OE_RULE_FILLING,			/* set back to invalid when something changes
								 * while the catalogs are being read */
	OE_RULE_VALID
} OeRuleState;

typedef struct OeRule
{
	Oid			tgoid;			/* trigger */
	Oid			relid;
	OeRuleState state;
	OeShape    *shape;			/* NULL: cannot be captured, see reason */
	char		rule[NAMEDATALEN];
	char		reason[256];
	struct OeRule *next;
} OeRule;

/* The rule of the trigger that is being called; never raises but in strict
 * mode, for a wrong trigger, or when the statement is cancelled. */
extern OeRule *oe_rule_of(const TriggerData *td);

extern Oid	oe_partition_root(Oid relid);

/* What a rule, given as the arrays of its row, means for a table.  Allocates
 * in the current context, which is the shape's own from then on; raises where
 * the table cannot be captured. */
extern OeShape *oe_shape_make(Relation rel, const char *rule, ArrayType *significant,
							  ArrayType *carried, ArrayType *only);

/* End of the transaction: frees what nothing refers to any more. */
extern void oe_rules_at_end(void);

#endif							/* OE_RULES_H */
