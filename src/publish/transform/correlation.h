/*
 * correlation.h
 *	  To which process an event belongs, and which event of its transaction
 *	  caused it.
 */
#ifndef OE_PUBLISH_TRANSFORM_CORRELATION_H
#define OE_PUBLISH_TRANSFORM_CORRELATION_H

#include "postgres.h"

typedef struct OeCycle OeCycle;
typedef struct OeDraftEvent OeDraftEvent;
typedef struct OeTx OeTx;

extern char *oe_correlation(OeCycle *cy, OeDraftEvent *ev);
extern void oe_causes(OeTx *tx);

#endif							/* OE_PUBLISH_TRANSFORM_CORRELATION_H */
