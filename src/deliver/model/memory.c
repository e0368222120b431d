/*
 * state.c
 *	  The dispatcher's memory: events, items, keys, subscriptions.
 *
 * Worker only; no transaction, no look-ups.  Everything lives in
 * oe_deliver_cxt, which lasts as long as the worker.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/json.h"
#include "deliver/internal.h"

MemoryContext oe_deliver_cxt = NULL;
dlist_head	oe_subs = DLIST_STATIC_INIT(oe_subs);
int			oe_nsubs = 0;
dlist_head	oe_dirty_keys = DLIST_STATIC_INIT(oe_dirty_keys);
dlist_head	oe_dying_keys = DLIST_STATIC_INIT(oe_dying_keys);
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
	oe_now = oe_clock();
}

/*
 * Makes room for n more answers; the caller fills them in and counts them.
 */
OeAnswer *
oe_answers_room(int n)
{
	if (oe_nanswers + n > oe_answers_size)
	{
		int			size = Max(oe_answers_size * 2, 512 + n);

		if (oe_answers == NULL)
			oe_answers = MemoryContextAlloc(oe_deliver_cxt, size * sizeof(OeAnswer));
		else
			oe_answers = repalloc(oe_answers, size * sizeof(OeAnswer));
		oe_answers_size = size;
	}
	return &oe_answers[oe_nanswers];
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
	Size		size = sizeof(OeEvent) + row->key_len + 1 + row->body_len + 1 + row->classes_len + 1;
	OeEvent    *event;

	if (row->event != NULL)
		return row->event;
	event = MemoryContextAlloc(oe_deliver_cxt, size);
	event->position = row->position;
	event->time = row->time;
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
	event->classes = NULL;
	if (row->classes != NULL)
	{
		event->classes = event->body + row->body_len + 1;
		memcpy(event->classes, row->classes, row->classes_len);
		event->classes[row->classes_len] = '\0';
	}
	event->uuid = *row->id;
	oe_uuid_digits(row->id->data, event->id);
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

OeSub *
oe_sub_make(int id)
{
	OeSub	   *sub = MemoryContextAllocZero(oe_deliver_cxt, sizeof(OeSub));

	sub->id = id;
	oe_keys_init(sub);
	dlist_init(&sub->live);
	dlist_init(&sub->ready);
	dlist_init(&sub->loading);
	dlist_init(&sub->batches);
	dlist_init(&sub->replays);
	dlist_init(&sub->in_flight);
	dlist_push_tail(&oe_subs, &sub->node);
	oe_nsubs++;
	return sub;
}

/*
 * May it keep one more event in memory?  Beyond a share of its own only as
 * long as there is room over all.
 */
bool
oe_sub_has_memory(const OeSub *sub)
{
	return oe_event_bytes < OE_BYTES_MAX ||
		sub->bytes < Max(Min(OE_BYTES_MAX / Max(oe_nsubs, 1), OE_BYTES_SHARE), OE_BYTES_SHARE_MIN);
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
	oe_keys_free(sub);
	dlist_delete(&sub->node);
	oe_nsubs--;
	oe_conf_release(sub->conf);
	if (sub->disable)
		pfree(sub->disable);
	pfree(sub);
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
	if (item->skip_reason)
	{
		oe_command_settled(item->skip_order);
		pfree(item->skip_reason);
	}
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
	oe_previous_note(item);
	oe_item_free(item);
	if (replay)
		key->replay_at = 0;
	else
		oe_key_passed(key, position);
}
