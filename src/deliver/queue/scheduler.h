/*
 * scheduler.h
 *	  Which subscription starts the next request.
 *
 * Worker only, outside any transaction.  Stride scheduling by priority; a
 * quarter of the requests is kept for subscriptions that have less than their
 * share.
 */
#ifndef OE_DELIVER_QUEUE_SCHEDULER_H
#define OE_DELIVER_QUEUE_SCHEDULER_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct OeSub OeSub;

extern double oe_weight(const OeSub *sub);
extern TimestampTz oe_token_at(OeSub *sub);
extern bool oe_sub_has_room(OeSub *sub);
extern bool oe_has_slot(const OeSub *sub);
extern bool oe_sub_may_start(OeSub *sub);
extern bool oe_scheduler_run(bool (*start) (OeSub *sub));
extern void oe_sub_fire(OeSub *sub, int64 last_position);
extern int64 oe_sub_tip(const OeSub *sub, int64 last_position);
extern void oe_expire(OeSub *sub);

#endif							/* OE_DELIVER_QUEUE_SCHEDULER_H */
