/*
 * replay.h
 *	  Sends again what was delivered before.
 */
#ifndef OE_DELIVER_QUEUE_REPLAY_H
#define OE_DELIVER_QUEUE_REPLAY_H

#include "postgres.h"

typedef struct OeItem OeItem;
typedef struct OeReplay OeReplay;
typedef struct OeSub OeSub;

#define OE_REPLAY_PREFETCH 128

extern void oe_replay_load(void);
extern bool oe_replay_wanted(OeSub *sub);
extern void oe_replay_read(OeSub *sub);
extern void oe_replay_settle(OeReplay *replay, OeItem *item, bool sent);
extern void oe_replay_free(OeReplay *replay);

#endif							/* OE_DELIVER_QUEUE_REPLAY_H */
