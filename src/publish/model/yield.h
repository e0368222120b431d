/*
 * yield.h
 *	  Lets the worker do other things while a long step of publishing runs.
 */
#ifndef OE_PUBLISH_MODEL_YIELD_H
#define OE_PUBLISH_MODEL_YIELD_H

#include "postgres.h"

extern void oe_publish_yielded(void);
extern bool oe_publish_yield(void);

/* Called while something takes long that cannot be cut into time slices, in a trusted transaction
 * or outside any transaction: the worker lets others go on there, without
 * waiting.  NULL: nobody wants to. */
extern void (*oe_publish_yield_hook) (void);

#endif							/* OE_PUBLISH_MODEL_YIELD_H */
