/*
 * retry_unit.h
 *	  Makes the events of a cycle in time slices; an error narrows down what
 *	  cannot be made.
 */
#ifndef OE_PUBLISH_RETRY_UNIT_H
#define OE_PUBLISH_RETRY_UNIT_H

#include "postgres.h"

typedef struct OeCycle OeCycle;

extern void oe_retry_unit_add(OeCycle *cy, int first, int last, int low, int high);
extern bool oe_retry_units_make(OeCycle *cy, char **failure);

/* Worker, outside a transaction, now and then. */
extern void oe_slow_conditions_disable(void);

#endif							/* OE_PUBLISH_RETRY_UNIT_H */
