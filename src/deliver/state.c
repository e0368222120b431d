/*
 * state.c
 *	  The dispatcher's memory: events, items, keys, subscriptions.
 *
 * Worker only; no transaction, no look-ups.  Everything lives in
 * oe_deliver_cxt, which lasts as long as the worker.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "deliver/internal.h"

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

MemoryContext oe_deliver_cxt = NULL;
dlist_head	oe_subs = DLIST_STATIC_INIT(oe_subs);
dlist_head	oe_dirty_keys = DLIST_STATIC_INIT(oe_dirty_keys);
Size		oe_event_bytes = 0;
int			oe_requests = 0;
TimestampTz oe_now = 0;
OeAnswer   *oe_answers = NULL;
int			oe_nanswers = 0;
OeDeath    *oe_deaths = NULL;
int			oe_ndeaths = 0;

static int	oe_answers_size = 0;
static int	oe_deaths_size = 0;

void
oe_state_init(void)
{
	oe_deliver_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events delivery",
										   ALLOCSET_DEFAULT_SIZES);
	oe_now = GetCurrentTimestamp();
}

/*
 * Makes room for one more answer; the caller fills it in.
 */
OeAnswer *
oe_answer_add(void)
{
	if (oe_nanswers == oe_answers_size)
	{
		int			size = oe_answers_size == 0 ? 512 : oe_answers_size * 2;

		if (oe_answers == NULL)
			oe_answers = MemoryContextAlloc(oe_deliver_cxt, size * sizeof(OeAnswer));
		else
			oe_answers = repalloc(oe_answers, size * sizeof(OeAnswer));
		oe_answers_size = size;
	}
	memset(&oe_answers[oe_nanswers], 0, sizeof(OeAnswer));
	return &oe_answers[oe_nanswers++];
}

OeDeath *
oe_death_add(void)
{
	if (oe_ndeaths == oe_deaths_size)
	{
		int			size = oe_deaths_size == 0 ? 32 : oe_deaths_size * 2;

		if (oe_deaths == NULL)
			oe_deaths = MemoryContextAlloc(oe_deliver_cxt, size * sizeof(OeDeath));
		else
			oe_deaths = repalloc(oe_deaths, size * sizeof(OeDeath));
		oe_deaths_size = size;
	}
	memset(&oe_deaths[oe_ndeaths], 0, sizeof(OeDeath));
	return &oe_deaths[oe_ndeaths++];
}

/*
 * Forgets answers and deaths once they are committed.
 */
void
oe_answers_clear(void)
{
	for (int i = 0; i < oe_nanswers; i++)
	{
		if (oe_answers[i].error)
			pfree(oe_answers[i].error);
		if (oe_answers[i].response)
			pfree(oe_answers[i].response);
	}
	for (int i = 0; i < oe_ndeaths; i++)
		if (oe_deaths[i].error)
			pfree(oe_deaths[i].error);
	oe_nanswers = 0;
	oe_ndeaths = 0;
}

/*
 * Copies what is needed of a row; without a reference yet.
 */
OeEvent *
oe_event_make(OeRow *row)
{
	Size		size = sizeof(OeEvent) + row->key_len + 1 + row->body_len + 1;
	OeEvent    *event;
	const unsigned char *u = row->id->data;

	if (row->event != NULL)
		return row->event;
	event = MemoryContextAlloc(oe_deliver_cxt, size);
	event->position = row->position;
	event->refs = 0;
	event->size = size;
	event->key = (char *) event + sizeof(OeEvent);
	event->key_len = row->key_len;
	memcpy(event->key, row->key, row->key_len);
	event->key[row->key_len] = '\0';
	event->body = event->key + row->key_len + 1;
	event->body_len = row->body_len;
	memcpy(event->body, row->body, row->body_len);
	event->body[row->body_len] = '\0';
	snprintf(event->id, OE_ID_LEN,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7],
			 u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	oe_event_bytes += size;
	row->event = event;
	return event;
}

/*
 * Gives one reference back; the last one frees it.
 */
void
oe_event_release(OeEvent *event)
{
	if (--event->refs > 0)
		return;
	oe_event_bytes -= event->size;
	pfree(event);
}

static int
oe_key_compare(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const OeKey *x = pairingheap_const_container(OeKey, heap, a);
	const OeKey *y = pairingheap_const_container(OeKey, heap, b);

	/* the heap's first is the greatest */
	return x->due < y->due ? 1 : x->due > y->due ? -1 : 0;
}

OeSub *
oe_sub_make(int id)
{
	OeSub	   *sub = MemoryContextAllocZero(oe_deliver_cxt, sizeof(OeSub));

	sub->id = id;
	sub->keys = oe_keytab_create(oe_deliver_cxt, 64, NULL);
	dlist_init(&sub->live);
	dlist_init(&sub->ready);
	dlist_init(&sub->loading);
	dlist_init(&sub->batches);
	dlist_init(&sub->replays);
	dlist_init(&sub->in_flight);
	sub->waiting.ph_compare = oe_key_compare;
	dlist_push_tail(&oe_subs, &sub->node);
	return sub;
}

OeSub *
oe_sub_find(int id)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->id == id)
			return sub;
	}
	return NULL;
}

/*
 * Forgets a subscription that is gone, with all its work; what is on its way
 * is abandoned.
 */
void
oe_sub_free(OeSub *sub)
{
	dlist_mutable_iter it;

	oe_http_abandon(sub);
	dlist_foreach_modify(it, &sub->batches)
		oe_batch_free(dlist_container(OeBatch, node, it.cur));
	dlist_foreach_modify(it, &sub->replays)
		oe_replay_free(dlist_container(OeReplay, node, it.cur));
	oe_sub_forget_keys(sub);
	oe_keytab_destroy(sub->keys);
	dlist_delete(&sub->node);
	oe_conf_release(sub->conf);
	if (sub->disable)
		pfree(sub->disable);
	pfree(sub);
}

/*
 * Frees all keys and what is queued in them.
 */
void
oe_sub_forget_keys(OeSub *sub)
{
	oe_keytab_iterator it;
	OeKeyEntry *entry;
	int			n = 0;
	OeKey	  **all = MemoryContextAlloc(oe_deliver_cxt, sizeof(OeKey *) * (sub->keys->members + 1));

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
	key = MemoryContextAllocZero(oe_deliver_cxt, sizeof(OeKey) + len + 1);
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

void
oe_key_free(OeKey *key)
{
	OeKeyName	name = {key->name, key->name_len, key->mode};

	oe_key_unlink(key);
	oe_keytab_delete(key->sub->keys, name);
	if (key->last_error)
		pfree(key->last_error);
	if (key->skip_reason)
		pfree(key->skip_reason);
	pfree(key);
}

/*
 * Marks the key's row in "held" as to be written or deleted.
 */
void
oe_key_dirty(OeKey *key)
{
	key->sub->dirty = true;
	if (key->dirty)
		return;
	key->dirty = true;
	dlist_push_tail(&oe_dirty_keys, &key->in_dirty);
}

static void
oe_key_wait(OeKey *key, TimestampTz due)
{
	key->due = due;
	key->state = OE_KEY_WAITING;
	pairingheap_add(&key->sub->waiting, &key->heap);
}

/*
 * Puts the key where its first item belongs; frees it if there is nothing
 * left of it.  To be called after any change; "key" may be gone afterwards.
 */
void
oe_key_schedule(OeKey *key)
{
	OeSub	   *sub = key->sub;

	/* keeps its turn */
	if (key->state == OE_KEY_READY && key->busy == 0 && !dlist_is_empty(&key->queue))
		return;
	oe_key_unlink(key);
	if (key->busy > 0)
		key->state = OE_KEY_BUSY;
	else if (!dlist_is_empty(&key->queue) ||
			 (key->implicit_from == 0 && !dlist_is_empty(&key->replays) && key->replay_at <= oe_now))
	{
		key->state = OE_KEY_READY;
		dlist_push_tail(&sub->ready, &key->link);
		sub->nready++;
	}
	else if (key->implicit_from != 0 && key->next_at > oe_now)
		oe_key_wait(key, key->next_at);
	else if (key->implicit_from != 0)
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
 * From "from" on, the key's events are not kept in memory.
 */
void
oe_key_imply(OeKey *key, int64 from)
{
	key->implicit_from = from;
	key->loaded_to = 0;
	oe_key_dirty(key);
}

/*
 * Holds the key at its failed head: nothing of it stays in memory, all of it
 * waits from "position" on.
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
	oe_key_imply(key, position);
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
	if (key->implicit_from == 0)
		return;
	if (!dlist_is_empty(&key->queue) &&
		dlist_head_element(OeItem, in_key, &key->queue)->kind == OE_CHAINED)
		key->implicit_from = dlist_head_element(OeItem, in_key, &key->queue)->event->position;
	else if (position >= key->implicit_from)
	{
		key->implicit_from = Max(position, key->loaded_to) + 1;
		if (key->implicit_from > end)
		{
			key->implicit_from = 0;
			key->upto = 0;
		}
	}
	else
		return;
	oe_key_dirty(key);
}

/*
 * Calls fn for each key of a subscription; fn may free or add none.
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
 * Makes an item of an event and queues it at the end of its key (replays in a
 * queue of their own, which gives way to all else).
 */
OeItem *
oe_item_make(OeSub *sub, OeKey *key, OeEvent *event, OeItemKind kind)
{
	OeItem	   *item = MemoryContextAllocZero(oe_deliver_cxt, sizeof(OeItem));

	item->kind = kind;
	item->sub = sub;
	item->key = key;
	item->event = event;
	item->since = oe_now;
	event->refs++;
	sub->bytes += event->size;
	if (kind == OE_REPLAY)
		dlist_push_tail(&key->replays, &item->in_key);
	else
	{
		dlist_push_tail(&key->queue, &item->in_key);
		key->nqueue++;
	}
	if (kind == OE_LIVE)
	{
		dlist_push_tail(&sub->live, &item->in_sub);
		sub->nlive++;
	}
	return item;
}

/*
 * Forgets an item, wherever it is.
 */
void
oe_item_free(OeItem *item)
{
	OeSub	   *sub = item->sub;

	dlist_delete(&item->in_key);
	if (item->kind != OE_REPLAY)
		item->key->nqueue--;
	if (item->kind == OE_LIVE)
	{
		dlist_delete(&item->in_sub);
		sub->nlive--;
	}
	else if (item->kind == OE_REPLAY)
	{
		dlist_delete(&item->in_sub);
		item->replay->nitems--;
	}
	sub->bytes -= item->event->size;
	oe_event_release(item->event);
	pfree(item);
}

/*
 * The item is settled, acknowledged or dead: its key goes on with the next.
 */
void
oe_item_settle(OeItem *item)
{
	OeKey	   *key = item->key;
	int64		position = item->event->position;
	bool		replay = item->kind == OE_REPLAY;

	item->sub->dirty = true;
	oe_item_free(item);
	if (replay)
		key->replay_at = 0;
	else
		oe_key_passed(key, position);
}
