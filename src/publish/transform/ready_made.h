/*
 * ready_made.h
 *	  Events whose data their producer has made: emit() and platform events.
 */
#ifndef OE_PUBLISH_TRANSFORM_READY_MADE_H
#define OE_PUBLISH_TRANSFORM_READY_MADE_H

#include "postgres.h"

typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;
typedef struct OeTx OeTx;

extern void oe_event_ready_made(OeCycle *cy, OeTx *tx, OeChange *c);
extern char *oe_event_ready_made_key(OeChange *c);

#endif							/* OE_PUBLISH_TRANSFORM_READY_MADE_H */
