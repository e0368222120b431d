/*
 * ordering_key.h
 *	  Keys: what is ordered by what, and which of it is next.
 */
#ifndef OE_DELIVER_QUEUE_ORDERING_KEY_H
#define OE_DELIVER_QUEUE_ORDERING_KEY_H

#include "postgres.h"

typedef struct OeItem OeItem;
typedef struct OeKey OeKey;
typedef struct OeOutboxRow OeOutboxRow;
typedef struct OeSub OeSub;

extern void oe_item_settle(OeItem *item);
extern void oe_keys_init(OeSub *sub);
extern void oe_keys_free(OeSub *sub);
extern void oe_sub_forget_keys(OeSub *sub);
extern OeKey *oe_key_find(OeSub *sub, char mode, const char *name, int len);
extern OeKey *oe_key_get(OeSub *sub, char mode, const char *name, int len);
extern OeKey *oe_key_of(OeSub *sub, OeOutboxRow *row);
extern void oe_key_dirty(OeKey *key);
extern void oe_key_dead_letter(OeKey *key);
extern void oe_key_schedule(OeKey *key);
extern void oe_key_block(OeKey *key, int64 from);
extern void oe_key_hold(OeKey *key, int64 position);
extern void oe_key_hurry(OeKey *key);
extern void oe_key_passed(OeKey *key, int64 position);
extern void oe_key_each(OeSub *sub, void (*fn) (OeKey *key, void *arg), void *arg);
extern int	oe_key_count(OeSub *sub);

#endif							/* OE_DELIVER_QUEUE_ORDERING_KEY_H */
