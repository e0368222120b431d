/*
 * outbox_reader.h
 *	  Takes events from the outbox into memory, as far as bounds allow.
 */
#ifndef OE_DELIVER_QUEUE_OUTBOX_READER_H
#define OE_DELIVER_QUEUE_OUTBOX_READER_H

#include "postgres.h"

#define OE_PREFETCH_MIN 256		/* items taken in per subscription ... */
#define OE_PREFETCH_MAX 8192

extern bool oe_outbox_read(int64 last_position);
extern bool oe_outbox_read_wanted(int64 last_position);

#endif							/* OE_DELIVER_QUEUE_OUTBOX_READER_H */
