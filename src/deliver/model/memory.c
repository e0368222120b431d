/*
 * memory.c
 *	  Owns what delivery knows: subscriptions, results that are not written,
 *	  memory.
 *
 * Worker only; no transaction, no look-ups.  Everything is in oe_delivery.cxt,
 * which lasts as long as the worker.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"

OeDelivery	oe_delivery = {
	.subs = DLIST_STATIC_INIT(oe_delivery.subs),
	.dirty_keys = DLIST_STATIC_INIT(oe_delivery.dirty_keys),
	.dead_letter_keys = DLIST_STATIC_INIT(oe_delivery.dead_letter_keys)
};
static int	oe_attempts_size = 0;
static int	oe_dead_letters_size = 0;

void
oe_state_init(void)
{
	oe_delivery.cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events delivery",
											ALLOCSET_DEFAULT_SIZES);
}

/*
 * Makes room for n more answers; the caller fills them in and counts them.
 */
OeAttempt *
oe_attempts_room(int n)
{
	if (oe_delivery.nattempts + n > oe_attempts_size)
	{
		int			size = Max(oe_attempts_size * 2, 512 + n);

		if (oe_delivery.attempts == NULL)
			oe_delivery.attempts = MemoryContextAlloc(oe_delivery.cxt, size * sizeof(OeAttempt));
		else
			oe_delivery.attempts = repalloc(oe_delivery.attempts, size * sizeof(OeAttempt));
		oe_attempts_size = size;
	}
	return &oe_delivery.attempts[oe_delivery.nattempts];
}

OeDeadLetter *
oe_dead_letter_add(void)
{
	if (oe_delivery.ndead_letters == oe_dead_letters_size)
	{
		int			size = oe_dead_letters_size == 0 ? 32 : oe_dead_letters_size * 2;

		if (oe_delivery.dead_letters == NULL)
			oe_delivery.dead_letters = MemoryContextAlloc(oe_delivery.cxt, size * sizeof(OeDeadLetter));
		else
			oe_delivery.dead_letters = repalloc(oe_delivery.dead_letters, size * sizeof(OeDeadLetter));
		oe_dead_letters_size = size;
	}
	memset(&oe_delivery.dead_letters[oe_delivery.ndead_letters], 0, sizeof(OeDeadLetter));
	return &oe_delivery.dead_letters[oe_delivery.ndead_letters++];
}

void
oe_received_add(int sub, int64 position)
{
	static int	size = 0;

	if (oe_delivery.nreceived == size)
	{
		size = Max(size * 2, 64);
		if (oe_delivery.received == NULL)
			oe_delivery.received = MemoryContextAlloc(oe_delivery.cxt, size * sizeof(OeReceived));
		else
			oe_delivery.received = repalloc(oe_delivery.received, size * sizeof(OeReceived));
	}
	oe_delivery.received[oe_delivery.nreceived++] = (OeReceived)
	{
		.sub = sub,.position = position,.wait = -1
	};
}

/*
 * Forgets attempts and dead letters after they were committed.
 */
void
oe_results_clear(void)
{
	for (int i = 0; i < oe_delivery.nattempts; i++)
	{
		if (oe_delivery.attempts[i].error)
			pfree(oe_delivery.attempts[i].error);
		if (oe_delivery.attempts[i].response)
			pfree(oe_delivery.attempts[i].response);
	}
	for (int i = 0; i < oe_delivery.ndead_letters; i++)
		if (oe_delivery.dead_letters[i].error)
			pfree(oe_delivery.dead_letters[i].error);
	for (int i = 0; i < oe_delivery.nreceived; i++)
		if (oe_delivery.received[i].location)
			pfree(oe_delivery.received[i].location);
	oe_delivery.nattempts = 0;
	oe_delivery.ndead_letters = 0;
	oe_delivery.nreceived = 0;
}

/*
 * May the subscription keep one more event in memory? Each may always have a
 * share; beyond that only while the total is below its limit.
 */
bool
oe_sub_has_memory(const OeSub *sub)
{
	return oe_delivery.event_bytes < OE_BYTES_MAX ||
		sub->bytes < Max(Min(OE_BYTES_MAX / Max(oe_delivery.nsubs, 1), OE_BYTES_SHARE), OE_BYTES_SHARE_MIN);
}

OeSub *
oe_sub_find(int id)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->id == id)
			return sub;
	}
	return NULL;
}
