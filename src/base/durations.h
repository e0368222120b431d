/*
 * durations.h
 *	  Durations counted by size, so that quantiles can be told without keeping
 *	  them.
 *
 * Each bin is a third of a doubling wide, from a millisecond to half an hour:
 * a quantile is wrong by an eighth at most.
 */
#ifndef OE_BASE_DURATIONS_H
#define OE_BASE_DURATIONS_H

#include "postgres.h"

#define OE_DURATION_BINS 64

typedef struct OeDurations
{
	uint32		bins[OE_DURATION_BINS];
} OeDurations;

extern void oe_durations_add(OeDurations *d, double seconds);

/* The duration that this share (0.5, 0.95) does not exceed, in seconds; 0 where
 * nothing was added. */
extern double oe_durations_quantile(const OeDurations *d, double share);

#endif							/* OE_BASE_DURATIONS_H */
