/*
 * selection.h
 *	  The changes that a retry unit is about.
 */
#ifndef OE_PUBLISH_TRANSFORM_SELECTION_H
#define OE_PUBLISH_TRANSFORM_SELECTION_H

#include "postgres.h"

typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;
typedef struct OeTx OeTx;

extern bool oe_selection_has(OeCycle *cy, OeChange *c);
extern int	oe_selection_size(OeCycle *cy, OeTx *tx);
extern OeChange *oe_selection_change(OeCycle *cy, OeTx *tx, int i);

#endif							/* OE_PUBLISH_TRANSFORM_SELECTION_H */
