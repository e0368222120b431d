/*
 * dead_letter.c
 *	  Gives an event up.
 *
 * Worker only, outside any transaction: memory is changed here, settle.c
 * writes the dead letter.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/dead_letter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/replay.h"

/*
 * Makes a dead letter of an item.  Its key goes on when that is committed.  What
 * was settled by hand is none.
 */
void
oe_item_dead_letter(OeItem *item, int attempts, TimestampTz first_at, int status, const char *error)
{
	OeDeadLetter *d;

	if (item->by_hand)
	{
		oe_item_settle(item);
		return;
	}
	d = oe_dead_letter_add();
	d->sub = item->sub->id;
	d->position = item->event->position;
	d->id = item->event->uuid;
	d->attempts = attempts;
	d->first_at = first_at != 0 ? first_at : oe_delivery.now;
	d->last_at = oe_delivery.now;
	d->status = status;
	d->error = MemoryContextStrdup(oe_delivery.cxt, error ? error : "");
	d->again = item->replay != NULL && item->replay->dead_letters;
	oe_key_dead_letter(item->key);
	if (item->replay != NULL)
		oe_replay_settle(item->replay, item, false);
	else
		oe_item_settle(item);
}
