/*
 * outbox_row.h
 *	  Takes a row of the outbox apart.
 */
#ifndef OE_DELIVER_QUEUE_OUTBOX_ROW_H
#define OE_DELIVER_QUEUE_OUTBOX_ROW_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"

typedef struct OeConfiguration OeConfiguration;
typedef struct OeOutboxRow OeOutboxRow;

#define OE_KEY_ITEMS_MAX 32		/* items of one key in memory, or two batches */

/* outbox_reader.c */
#define OE_ROW_SQL "o.position, o.id, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, o.event, o.classes, o.\"time\""

extern void oe_outbox_row_read(OeOutboxRow *row, HeapTuple tup, TupleDesc desc, int first);
extern int	oe_key_items_max(const OeConfiguration *conf);

#endif							/* OE_DELIVER_QUEUE_OUTBOX_ROW_H */
