/*
 * item.c
 *	  Events in memory, and the items by which subscriptions refer to them.
 *
 * Worker only; memory only.  An event is shared by all subscriptions that have
 * still to send it and freed with its last item.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/json.h"
#include "deliver/model/command_list.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"

/*
 * Makes an item and queues it at the end of its key.  Replayed items have a
 * queue of their own, which is served after the other one.
 */
OeItem *
oe_item_make(OeSub *sub, OeKey *key, OeOutboxEvent *event, OeItemKind kind)
{
	OeItem	   *item = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeItem));

	item->kind = kind;
	item->sub = sub;
	item->key = key;
	item->event = event;
	item->since = oe_delivery.now;
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
 * Gives one reference back; the last one frees the event.
 */
static void
oe_event_release(OeOutboxEvent *event)
{
	if (--event->refs > 0)
		return;
	oe_delivery.event_bytes -= event->size;
	pfree(event);
}

/*
 * Removes an item from its queues and frees it.
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
 * Copies a row of the outbox, once for all subscriptions.  The caller adds the
 * first reference.
 */
OeOutboxEvent *
oe_event_make(OeOutboxRow *row)
{
	Size		size = sizeof(OeOutboxEvent) + row->key_len + 1 + row->body_len + 1 + row->classes_len + 1;
	OeOutboxEvent *event;

	if (row->event != NULL)
		return row->event;
	event = MemoryContextAlloc(oe_delivery.cxt, size);
	event->position = row->position;
	event->time = row->time;
	event->refs = 0;
	event->warehouse = row->warehouse;
	event->has_warehouse = row->has_warehouse;
	event->size = size;
	event->key = (char *) event + sizeof(OeOutboxEvent);
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
	oe_delivery.event_bytes += size;
	row->event = event;
	return event;
}
