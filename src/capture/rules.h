/*
 * rules.h
 *	  Capture rules as this backend has resolved them: which columns of which table
 *	  are captured.
 */
#ifndef OE_RULES_H
#define OE_RULES_H

#include "postgres.h"
#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/relcache.h"

#include "capture/layout.h"

typedef enum OeCaptureRuleState
{
	OE_RULE_INVALID = 0,
	OE_RULE_FILLING,			/* set back to invalid when something changes
								 * while the catalogs are being read */
	OE_RULE_VALID
} OeCaptureRuleState;

typedef struct OeCaptureRule
{
	Oid			tgoid;			/* trigger */
	Oid			relid;
	OeCaptureRuleState state;
	OeRowLayout *layout;		/* NULL: cannot be captured, see reason */
	char		rule[NAMEDATALEN];
	char		reason[256];
	struct OeCaptureRule *next;
} OeCaptureRule;

/* The rule of the trigger that is being called; never raises but in strict
 * mode, for a wrong trigger, or when the statement is cancelled. */
extern OeCaptureRule *oe_rule_of(const TriggerData *td);

extern Oid	oe_partition_root(Oid relid);

/* What a rule, given as the arrays of its row, means for a table.  Allocates
 * in the current context, which is the layout's own from then on; raises where
 * the table cannot be captured. */
extern OeRowLayout *oe_row_layout_make(Relation rel, const char *rule, ArrayType *significant,
									   ArrayType *carried, ArrayType *only);

/* End of the transaction: frees what nothing refers to any more. */
extern void oe_rules_at_end(void);

#endif							/* OE_RULES_H */
