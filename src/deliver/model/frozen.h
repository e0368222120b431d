/*
 * frozen.h
 *	  Subscriptions that stand still while a backend changes their place.
 */
#ifndef OE_DELIVER_MODEL_FROZEN_H
#define OE_DELIVER_MODEL_FROZEN_H

#include "postgres.h"

#define OE_FROZEN 2

/* Ids of the subscriptions, set by deliver/freeze.c; 0: none. */
extern int	oe_frozen[OE_FROZEN];
extern bool oe_is_frozen(int sub);

#endif							/* OE_DELIVER_MODEL_FROZEN_H */
