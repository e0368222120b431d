/*
 * dead_letter.h
 *	  Gives an event up.
 */
#ifndef OE_DELIVER_QUEUE_DEAD_LETTER_H
#define OE_DELIVER_QUEUE_DEAD_LETTER_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct OeItem OeItem;

extern void oe_item_dead_letter(OeItem *item, int attempts, TimestampTz first_at, int status, const char *error);

#endif							/* OE_DELIVER_QUEUE_DEAD_LETTER_H */
