/*
 * ordering_key.c
 *	  Ordering keys: what is ordered by what, and which key is next.
 *
 * Worker only; no transaction, no look-ups.  item.h has the states of a key;
 * oe_key_schedule() chooses.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "deliver/message/previous_id.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/ordering_key.h"

typedef struct OeKeyName
{
	const char *name;
	int			len;
	char		mode;
} OeKeyName;

typedef struct OeKeyEntry
{
	OeKeyName	name;
	OeKey	   *key;
	uint32		hash;
	char		status;
} OeKeyEntry;

#define SH_PREFIX oe_keytab
#define SH_ELEMENT_TYPE OeKeyEntry
#define SH_KEY_TYPE OeKeyName
#define SH_KEY name
#define SH_HASH_KEY(tb, k) (hash_bytes((const unsigned char *) (k).name, (k).len) ^ (uint32) (k).mode)
#define SH_EQUAL(tb, a, b) ((a).mode == (b).mode && (a).len == (b).len && memcmp((a).name, (b).name, (a).len) == 0)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static int
oe_key_compare(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const OeKey *x = pairingheap_const_container(OeKey, heap, a);
	const OeKey *y = pairingheap_const_container(OeKey, heap, b);

	/* the heap's first is the greatest */
	return x->due < y->due ? 1 : x->due > y->due ? -1 : 0;
}

void
oe_keys_init(OeSub *sub)
{
	sub->keys = oe_keytab_create(oe_delivery.cxt, 64, NULL);
	sub->waiting.ph_compare = oe_key_compare;
}

void
oe_keys_free(OeSub *sub)
{
	oe_sub_forget_keys(sub);
	oe_keytab_destroy(sub->keys);
}

static void
oe_key_unlink(OeKey *key)
{
	switch (key->state)
	{
		case OE_KEY_READY:
			key->sub->nready--;
			dlist_delete(&key->link);
			break;
		case OE_KEY_LOADING:
			dlist_delete(&key->link);
			break;
		case OE_KEY_WAITING:
			pairingheap_remove(&key->sub->waiting, &key->heap);
			break;
		default:
			break;
	}
	key->state = OE_KEY_IDLE;
}

static void
oe_key_free(OeKey *key)
{
	OeKeyName	name = {key->name, key->name_len, key->mode};

	oe_key_unlink(key);
	if (key->dead_letter_pending)
		dlist_delete(&key->in_dead_letter_pending);
	oe_keytab_delete(key->sub->keys, name);
	if (key->last_error)
		pfree(key->last_error);
	pfree(key);
}

/*
 * Frees all keys of a subscription and the items in their queues.
 */
void
oe_sub_forget_keys(OeSub *sub)
{
	oe_keytab_iterator it;
	OeKeyEntry *entry;
	int			n = 0;
	OeKey	  **all = MemoryContextAlloc(oe_delivery.cxt, sizeof(OeKey *) * (sub->keys->members + 1));

	oe_keytab_start_iterate(sub->keys, &it);
	while ((entry = oe_keytab_iterate(sub->keys, &it)) != NULL)
		all[n++] = entry->key;
	for (int i = 0; i < n; i++)
	{
		while (!dlist_is_empty(&all[i]->queue))
			oe_item_free(dlist_head_element(OeItem, in_key, &all[i]->queue));
		while (!dlist_is_empty(&all[i]->replays))
			oe_item_free(dlist_head_element(OeItem, in_key, &all[i]->replays));
		if (all[i]->dirty)
			dlist_delete(&all[i]->in_dirty);
		all[i]->dirty = false;
		oe_key_free(all[i]);
	}
	pfree(all);
}

OeKey *
oe_key_find(OeSub *sub, char mode, const char *name, int len)
{
	OeKeyName	wanted = {name, len, mode};
	OeKeyEntry *entry = oe_keytab_lookup(sub->keys, wanted);

	return entry ? entry->key : NULL;
}

OeKey *
oe_key_get(OeSub *sub, char mode, const char *name, int len)
{
	OeKey	   *key = oe_key_find(sub, mode, name, len);
	OeKeyName	wanted;
	OeKeyEntry *entry;
	bool		found;

	if (key != NULL)
		return key;
	key = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeKey) + len + 1);
	key->sub = sub;
	key->mode = mode;
	key->name = (char *) key + sizeof(OeKey);
	key->name_len = len;
	memcpy(key->name, name, len);
	dlist_init(&key->queue);
	dlist_init(&key->replays);
	wanted.name = key->name;
	wanted.len = len;
	wanted.mode = mode;
	entry = oe_keytab_insert(sub->keys, wanted, &found);
	entry->key = key;
	return key;
}

/*
 * The ordering key of an event, for this subscription.
 */
OeKey *
oe_key_of(OeSub *sub, OeOutboxRow *row)
{
	char		number[24];

	switch (sub->conf->ordering)
	{
		case 'n':
			return oe_key_get(sub, 'n', number, snprintf(number, sizeof(number), INT64_FORMAT, row->position));
		case 's':
			return oe_key_get(sub, 's', "", 0);
		default:
			return oe_key_get(sub, 'k', row->key, row->key_len);
	}
}

/*
 * Marks the key's row in "held" to be written or deleted.
 */
void
oe_key_dirty(OeKey *key)
{
	key->sub->dirty = true;
	if (key->dirty)
		return;
	key->dirty = true;
	dlist_push_tail(&oe_delivery.dirty_keys, &key->in_dirty);
}

/*
 * An event of the key becomes a dead letter.  Nothing that follows is sent
 * before that is committed: after a crash the event would be sent again, after
 * its successors.  Keys without order do not wait.
 */
void
oe_key_dead_letter(OeKey *key)
{
	if (key->mode == 'n' || key->dead_letter_pending)
		return;
	key->dead_letter_pending = true;
	dlist_push_tail(&oe_delivery.dead_letter_keys, &key->in_dead_letter_pending);
}

static void
oe_key_wait(OeKey *key, TimestampTz due)
{
	key->due = due;
	key->state = OE_KEY_WAITING;
	pairingheap_add(&key->sub->waiting, &key->heap);
}

/*
 * Puts the key where its first item belongs; frees it if nothing is left of it.
 * Call it after any change; "key" may be gone afterwards.
 */
void
oe_key_schedule(OeKey *key)
{
	OeSub	   *sub = key->sub;

	/* keeps its turn */
	if (key->state == OE_KEY_READY && key->busy == 0 && !key->dead_letter_pending && !dlist_is_empty(&key->queue))
		return;
	oe_key_unlink(key);
	if (key->busy > 0 || key->dead_letter_pending)
		key->state = OE_KEY_BUSY;
	else if (!dlist_is_empty(&key->queue) ||
			 (key->blocked_from == 0 && !dlist_is_empty(&key->replays) && key->replay_at <= oe_delivery.now))
	{
		key->state = OE_KEY_READY;
		dlist_push_tail(&sub->ready, &key->link);
		sub->nready++;
	}
	else if (key->blocked_from != 0 && key->next_at > oe_delivery.now)
		oe_key_wait(key, key->next_at);
	else if (key->blocked_from != 0)
	{
		key->state = OE_KEY_LOADING;
		dlist_push_tail(&sub->loading, &key->link);
	}
	else if (!dlist_is_empty(&key->replays))
		oe_key_wait(key, key->replay_at);
	else if (!key->dirty && !key->stored)
		oe_key_free(key);
}

/*
 * Events of the key from "from" on wait in the outbox, not in memory.
 */
void
oe_key_block(OeKey *key, int64 from)
{
	key->blocked_from = from;
	key->loaded_to = 0;
	oe_key_dirty(key);
}

/*
 * Blocks the key at its failed first event: nothing of it stays in memory,
 * everything from "position" on waits in the outbox.
 */
void
oe_key_hold(OeKey *key, int64 position)
{
	if (key->mode == 's')
	{
		/* strict: the cursor does not pass the head */
		key->sub->cursor = Min(key->sub->cursor, position);
		key->sub->dirty = true;
	}
	while (!dlist_is_empty(&key->queue))
		oe_item_free(dlist_head_element(OeItem, in_key, &key->queue));
	oe_key_block(key, position);
}

/*
 * A key that waits for its retry is loaded now, ahead of its time: what then
 * fails is not counted among its attempts, and its retry stays where it was.
 */
void
oe_key_hurry(OeKey *key)
{
	pairingheap_remove(&key->sub->waiting, &key->heap);
	key->early = true;
	key->state = OE_KEY_LOADING;
	dlist_push_tail(&key->sub->loading, &key->link);
}

/*
 * The key's events up to "position" are settled: its next one moves up.
 */
void
oe_key_passed(OeKey *key, int64 position)
{
	int64		end = key->mode == 'k' ? (key->upto != 0 ? key->upto : key->sub->cursor) : 0;

	key->attempts = 0;
	key->first_at = 0;
	key->next_at = 0;
	key->last_status = 0;
	key->early = false;
	if (key->last_error)
		pfree(key->last_error);
	key->last_error = NULL;
	if (key->blocked_from == 0)
		return;
	if (!dlist_is_empty(&key->queue) &&
		dlist_head_element(OeItem, in_key, &key->queue)->kind == OE_BLOCKED)
		key->blocked_from = dlist_head_element(OeItem, in_key, &key->queue)->event->position;
	else if (position >= key->blocked_from)
	{
		key->blocked_from = Max(position, key->loaded_to) + 1;
		if (key->blocked_from > end)
		{
			key->blocked_from = 0;
			key->upto = 0;
		}
	}
	else
		return;
	oe_key_dirty(key);
}

/*
 * Calls fn for each key of a subscription; fn may not add or free keys.
 */
void
oe_key_each(OeSub *sub, void (*fn) (OeKey *key, void *arg), void *arg)
{
	oe_keytab_iterator it;
	OeKeyEntry *entry;

	oe_keytab_start_iterate(sub->keys, &it);
	while ((entry = oe_keytab_iterate(sub->keys, &it)) != NULL)
		fn(entry->key, arg);
}

int
oe_key_count(OeSub *sub)
{
	return sub->keys->members;
}

/*
 * The item was accepted or is a dead letter: its key goes on with the next one.
 */
void
oe_item_settle(OeItem *item)
{
	OeKey	   *key = item->key;
	int64		position = item->event->position;
	bool		replay = item->kind == OE_REPLAY;

	item->sub->dirty = true;
	oe_previous_id_note(item);
	oe_item_free(item);
	if (replay)
		key->replay_at = 0;
	else
		oe_key_passed(key, position);
}
