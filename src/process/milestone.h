/*
 * milestone.h
 *	  Milestones of orders: a consumer of the reader behind the publisher.
 */
#ifndef OE_PROCESS_MILESTONE_H
#define OE_PROCESS_MILESTONE_H

#include "process/consumer.h"

extern const OeConsumer oe_milestone_consumer;

#endif							/* OE_PROCESS_MILESTONE_H */
