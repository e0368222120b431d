/*
 * promise.h
 *	  Promises (the instances of SLAs): a consumer of the reader behind the
 *	  publisher.
 */
#ifndef OE_PROCESS_PROMISE_H
#define OE_PROCESS_PROMISE_H

#include "process/consumer.h"

extern const OeConsumer oe_promise_consumer;

#endif							/* OE_PROCESS_PROMISE_H */
