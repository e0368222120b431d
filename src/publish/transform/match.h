/*
 * match.h
 *	  Which events the net change of one row is.
 */
#ifndef OE_PUBLISH_TRANSFORM_MATCH_H
#define OE_PUBLISH_TRANSFORM_MATCH_H

#include "postgres.h"

typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;
typedef struct OeEntity OeEntity;
typedef struct OeTx OeTx;

extern void oe_match_prepare(OeCycle *cy, OeTx *tx, OeChange *c);
extern char *oe_change_key(OeCycle *cy, OeTx *tx, OeChange *c, bool refs);
extern void oe_match_change(OeCycle *cy, OeTx *tx, OeEntity *e, OeChange *c);

#endif							/* OE_PUBLISH_TRANSFORM_MATCH_H */
