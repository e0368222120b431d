/*
 * durations.c
 *	  Durations counted by size (durations.h).
 *
 * Any process; plain arithmetic.
 */
#include "postgres.h"

#include <math.h>

#include "base/durations.h"

#define OE_BINS_PER_DOUBLING 3

void
oe_durations_add(OeDurations *d, double seconds)
{
	int			bin = 0;

	if (seconds > 0.001)
		bin = Min((int) ceil(log2(seconds * 1000) * OE_BINS_PER_DOUBLING), OE_DURATION_BINS - 1);
	d->bins[bin]++;
}

double
oe_durations_quantile(const OeDurations *d, double share)
{
	uint64		n = 0;
	uint64		seen = 0;

	for (int i = 0; i < OE_DURATION_BINS; i++)
		n += d->bins[i];
	for (int i = 0; n > 0 && i < OE_DURATION_BINS; i++)
	{
		seen += d->bins[i];
		/* the middle of the bin, on the scale that the bins are even on */
		if (seen >= share * n)
			return exp2((i - 0.5) / OE_BINS_PER_DOUBLING) / 1000;
	}
	return 0;
}
