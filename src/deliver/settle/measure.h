/*
 * measure.h
 *	  What metrics() tells of requests: outcomes, durations.
 */
#ifndef OE_DELIVER_SETTLE_MEASURE_H
#define OE_DELIVER_SETTLE_MEASURE_H

#include "postgres.h"

typedef struct OeRequest OeRequest;

extern void oe_measure(OeRequest *req, double took);
extern void oe_measure_in_flight(void);

#endif							/* OE_DELIVER_SETTLE_MEASURE_H */
