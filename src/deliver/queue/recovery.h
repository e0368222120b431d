/*
 * recovery.h
 *	  Builds a subscription's memory from progress and held.
 */
#ifndef OE_DELIVER_QUEUE_RECOVERY_H
#define OE_DELIVER_QUEUE_RECOVERY_H

#include "postgres.h"

typedef struct OeSub OeSub;

extern void oe_recovery_read(OeSub **subs, int n, int64 last_position);

#endif							/* OE_DELIVER_QUEUE_RECOVERY_H */
