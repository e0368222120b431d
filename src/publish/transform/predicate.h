/*
 * predicate.h
 *	  Evaluates the conditions of the catalog.
 *
 * As-owner transaction, though a condition is jsonpath and cannot call
 * functions of the database.  What a condition leaves behind in memory is freed
 * with the time slice.
 */
#ifndef OE_PUBLISH_TRANSFORM_PREDICATE_H
#define OE_PUBLISH_TRANSFORM_PREDICATE_H

#include "postgres.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OeCycle OeCycle;
typedef struct OeDoc OeDoc;
typedef struct OeJsonRow OeJsonRow;
typedef struct OePredicate OePredicate;
typedef struct OeTx OeTx;
typedef struct OeWords OeWords;

/* predicate.c */
typedef struct OePredicateInput
{
	OeTx	   *tx;
	OeCatalogRule *rule;
	const OeJsonRow *old;		/* either may be NULL */
	const OeJsonRow *new;
	OeDoc	   *doc;			/* whose parts; may be NULL */
	OeWords    *words;			/* NULL: those of the predicate */
	Datum		root;			/* made when needed, kept where words are
								 * given */
} OePredicateInput;

/* OePredicate.type of the latest judgement. */
extern const char *oe_predicate_type;

extern bool oe_predicate_holds(OeCycle *cy, OePredicate *p, OePredicateInput *s);
extern bool oe_predicate_holds_row(OeCycle *cy, OePredicate *p, OeTx *tx, OeCatalogRule *rule, const OeJsonRow *row);
extern void oe_refs_wanted(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *row);
extern void oe_were_wanted(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *old);
extern char *oe_predicate_seen(OeCycle *cy, OePredicate *p, OePredicateInput *s);

#endif							/* OE_PUBLISH_TRANSFORM_PREDICATE_H */
