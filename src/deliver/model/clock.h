/*
 * clock.h
 *	  Delivery's times when somebody sets the clock.
 */
#ifndef OE_DELIVER_MODEL_CLOCK_H
#define OE_DELIVER_MODEL_CLOCK_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct OeOutboxEvent OeOutboxEvent;

extern void oe_clock_init(int64 (*moved) (int64 by));
extern TimestampTz oe_clock(void);
extern TimestampTz oe_event_time(const OeOutboxEvent *event);

#endif							/* OE_DELIVER_MODEL_CLOCK_H */
