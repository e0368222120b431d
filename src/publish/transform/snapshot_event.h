/*
 * snapshot_event.h
 *	  Snapshot events: the state of one row, whatever happened to it.
 */
#ifndef OE_PUBLISH_TRANSFORM_SNAPSHOT_EVENT_H
#define OE_PUBLISH_TRANSFORM_SNAPSHOT_EVENT_H

#include "postgres.h"

typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;
typedef struct OeTx OeTx;

extern void oe_snapshot_prepare(OeCycle *cy, OeChange *c);
extern char *oe_snapshot_key(OeCycle *cy, OeChange *c, bool refs);
extern void oe_snapshot_event(OeCycle *cy, OeTx *tx, OeChange *c);

#endif							/* OE_PUBLISH_TRANSFORM_SNAPSHOT_EVENT_H */
