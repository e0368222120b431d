/*
 * aggregate.h
 *	  Entities that sum up rows of a table, once per cycle.
 */
#ifndef OE_PUBLISH_TRANSFORM_AGGREGATE_H
#define OE_PUBLISH_TRANSFORM_AGGREGATE_H

#include "postgres.h"

typedef struct OeCycle OeCycle;

extern void oe_aggregates_list(OeCycle *cy);
extern void oe_aggregates_read(OeCycle *cy, int n);

#endif							/* OE_PUBLISH_TRANSFORM_AGGREGATE_H */
