/*
 * clock_shift.h
 *	  Moves the times of a subscription when the wall clock was set.
 */
#ifndef OE_DELIVER_QUEUE_CLOCK_SHIFT_H
#define OE_DELIVER_QUEUE_CLOCK_SHIFT_H

#include "postgres.h"

typedef struct OeSub OeSub;

extern void oe_clock_shift(OeSub *sub, int64 by);

#endif							/* OE_DELIVER_QUEUE_CLOCK_SHIFT_H */
