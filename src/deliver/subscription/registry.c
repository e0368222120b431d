/*
 * registry.c
 *	  Makes and frees subscriptions in memory.
 *
 * Worker only; no transaction.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/memutils.h"

#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/replay.h"
#include "deliver/subscription/registry.h"
#include "deliver/transport/transport.h"

OeSub *
oe_sub_make(int id)
{
	OeSub	   *sub = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeSub));

	sub->id = id;
	oe_keys_init(sub);
	dlist_init(&sub->live);
	dlist_init(&sub->ready);
	dlist_init(&sub->loading);
	dlist_init(&sub->batches);
	dlist_init(&sub->replays);
	dlist_init(&sub->in_flight);
	dlist_push_tail(&oe_delivery.subs, &sub->node);
	oe_delivery.nsubs++;
	return sub;
}

/*
 * Frees a subscription that was dropped, with all its items; breaks off its
 * requests.
 */
void
oe_sub_free(OeSub *sub)
{
	dlist_mutable_iter it;

	oe_transport_abandon(sub);
	dlist_foreach_modify(it, &sub->batches)
		oe_batch_free(dlist_container(OeBatch, node, it.cur));
	dlist_foreach_modify(it, &sub->replays)
		oe_replay_free(dlist_container(OeReplay, node, it.cur));
	oe_keys_free(sub);
	dlist_delete(&sub->node);
	oe_delivery.nsubs--;
	oe_conf_release(sub->conf);
	if (sub->disable)
		pfree(sub->disable);
	if (sub->acknowledged)
		pfree(sub->acknowledged);
	pfree(sub);
}
