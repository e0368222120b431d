/*
 * freeze.h
 *	  Has two subscriptions stand still while a backend changes their place.
 */
#ifndef OE_DELIVER_FREEZE_H
#define OE_DELIVER_FREEZE_H

#include "postgres.h"

/* Worker, outside a transaction: true if the configuration must be loaded,
 * since a backend is done. */
extern bool oe_freeze_over(void);

/* Worker, outside a transaction, when the configuration is loaded. */
extern void oe_freeze_step(void);

#endif							/* OE_DELIVER_FREEZE_H */
