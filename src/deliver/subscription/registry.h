/*
 * registry.h
 *	  Makes and frees subscriptions in memory.
 */
#ifndef OE_DELIVER_SUBSCRIPTION_REGISTRY_H
#define OE_DELIVER_SUBSCRIPTION_REGISTRY_H

#include "postgres.h"

typedef struct OeSub OeSub;

extern OeSub *oe_sub_make(int id);
extern void oe_sub_free(OeSub *sub);

#endif							/* OE_DELIVER_SUBSCRIPTION_REGISTRY_H */
