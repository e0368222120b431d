/*
 * batch.h
 *	  Batches: frozen before their first attempt, settled as a whole.
 */
#ifndef OE_DELIVER_QUEUE_BATCH_H
#define OE_DELIVER_QUEUE_BATCH_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

typedef struct OeBatch OeBatch;
typedef struct OeItem OeItem;
typedef struct OeSub OeSub;

extern bool oe_batch_form(OeSub *sub);
extern OeBatch *oe_batch_make(OeSub *sub, OeItem **items, int n, const char *id);
extern void oe_batch_free(OeBatch *batch);
extern void oe_batches_committed(OeSub *sub);
extern void oe_item_delivered(OeItem *item, bool dry);
extern void oe_batch_delivered(OeBatch *batch, bool dry);
extern bool oe_batch_drop(OeBatch *batch, bool (*unwanted) (const OeItem *item), const char *reason, int attempts, int status);
extern bool oe_batch_partly(OeBatch *batch, const bool *rejected);
extern void oe_batch_take_apart(OeBatch *batch, bool single);
extern OeBatch *oe_batch_due(OeSub *sub);
extern TimestampTz oe_batch_next(OeSub *sub);
extern void oe_batch_json(OeSub *sub, StringInfo buf);

#endif							/* OE_DELIVER_QUEUE_BATCH_H */
