/*
 * unrendered.h
 *	  Gives up events whose bytes cannot be made.
 */
#ifndef OE_DELIVER_QUEUE_UNRENDERED_H
#define OE_DELIVER_QUEUE_UNRENDERED_H

#include "postgres.h"

typedef struct OeBatch OeBatch;
typedef struct OeItem OeItem;

/* Is one of the events the reason why a request could not be started?  It is a
 * dead letter then, and its batch is dissolved. */
extern bool oe_drop_unrendered(OeItem *item, OeBatch *batch);

#endif							/* OE_DELIVER_QUEUE_UNRENDERED_H */
