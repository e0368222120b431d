/*
 * acknowledged.h
 *	  Events that somebody has brought to a partner by other means.
 */
#ifndef OE_DELIVER_QUEUE_ACKNOWLEDGED_H
#define OE_DELIVER_QUEUE_ACKNOWLEDGED_H

#include "postgres.h"

typedef struct OeSub OeSub;

/* Worker, within the transaction that loads the configuration. */
extern void oe_acknowledged_load(void);

extern bool oe_is_acknowledged(const OeSub *sub, int64 position);

#endif							/* OE_DELIVER_QUEUE_ACKNOWLEDGED_H */
