/*
 * blocked_loader.h
 *	  Loads the events of blocked keys that are due: the heads, and what
 *	  follows.
 */
#ifndef OE_DELIVER_QUEUE_BLOCKED_LOADER_H
#define OE_DELIVER_QUEUE_BLOCKED_LOADER_H

#include "postgres.h"

typedef struct OeSub OeSub;

extern bool oe_sub_loads(OeSub *sub);
extern void oe_load_due(OeSub *sub);

#endif							/* OE_DELIVER_QUEUE_BLOCKED_LOADER_H */
