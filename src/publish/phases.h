/*
 * phases.h
 *	  Makes events of transactions, phase by phase, quantum by quantum.
 */
#ifndef OE_PUBLISH_PHASES_H
#define OE_PUBLISH_PHASES_H

#include "postgres.h"

typedef struct OeCycle OeCycle;
typedef struct OeTx OeTx;

extern void oe_transform_begin(OeCycle *cy);
extern bool oe_transform(OeCycle *cy);
extern void oe_order_events(OeTx *tx);

#endif							/* OE_PUBLISH_PHASES_H */
