/*
 * decision_log.h
 *	  Notes for explain(): why a definition made no event of a change.
 */
#ifndef OE_PUBLISH_TRANSFORM_DECISION_LOG_H
#define OE_PUBLISH_TRANSFORM_DECISION_LOG_H

#include "postgres.h"

typedef struct OeCycle OeCycle;
typedef struct OeDefinition OeDefinition;
typedef struct OeEntity OeEntity;
typedef struct OePredicateInput OePredicateInput;

extern void oe_decision_note(OeCycle *cy, OeEntity *e, int64 id, OeDefinition *d, const char *verdict, const char *detail);
extern void oe_decision_note_condition(OeCycle *cy, OeEntity *e, int64 id, OeDefinition *d, OePredicateInput *s);

#endif							/* OE_PUBLISH_TRANSFORM_DECISION_LOG_H */
