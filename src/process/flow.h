/*
 * flow.h
 *	  Statistics of flows: how much comes, five minutes by five minutes.
 *
 * A flow is the events of one type in one warehouse, or the requests of one
 * subscription.  The consumer counts in memory and writes a row per flow when a
 * bucket of five minutes is over; flow_judge.c compares that with the weeks
 * before.
 */
#ifndef OE_PROCESS_FLOW_H
#define OE_PROCESS_FLOW_H

#include "process/consumer.h"

extern const OeConsumer oe_flow_consumer;

#endif							/* OE_PROCESS_FLOW_H */
