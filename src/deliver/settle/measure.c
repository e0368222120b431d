/*
 * measure.c
 *	  Counters and histograms of requests, for metrics().
 *
 * Worker only, outside any transaction.  Outcomes are counted per subscription,
 * in its progress.  Histograms are kept per database, in shared memory: a
 * thousand subscriptions times fourteen buckets would be too many series.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/metrics.h"
#include "base/shmem.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/settle/measure.h"
#include "deliver/settle/request_stats.h"
#include "deliver/transport/request.h"

static OeRequestOutcome
oe_outcome_of(const OeRequest *req)
{
	if (req->acknowledged)
		return OE_REQUEST_DELIVERED;
	if (req->status == 429)
		return OE_REQUEST_THROTTLED;
	/* of a broker: it will never take the message */
	if ((req->status >= 400 && req->status <= 499 && req->status != 408) || (req->status == 0 && req->abort_message))
		return OE_REQUEST_REJECTED;
	return req->status > 0 ? OE_REQUEST_FAILED : OE_REQUEST_NO_ANSWER;
}

static void
oe_measure_item(OeSlot *slot, OeItem *item)
{
	if (item->replay == NULL)
		oe_histogram_add(&slot->metrics.commit_to_ack, oe_delivery.now - oe_event_time(item->event));
}

/*
 * Counts a finished request.  Dry runs are not counted.
 */
void
oe_measure(OeRequest *req, double took)
{
	OeSlot	   *slot = oe_slot_mine(false);
	OeRequestOutcome outcome = oe_outcome_of(req);

	if (req->dry)
		return;
	req->sub->outcomes[outcome]++;
	req->sub->outcomes[OE_REQUEST_NO_ANSWER] += Max(req->sends - 1, 0);
	req->sub->outcomes[OE_REQUEST_RETRIES] += Max(req->sends - 1, 0);
	if (req->attempt > 1)
		req->sub->outcomes[OE_REQUEST_RETRIES]++;
	oe_request_stats_add(req->sub->id, oe_delivery.now, req->batch ? req->batch->n : 1, Max(req->sends, 1), outcome == OE_REQUEST_DELIVERED, took);
	if (slot == NULL)
		return;
	oe_histogram_add(&slot->metrics.delivery_duration, (int64) (took * 1000000));
	if (outcome != OE_REQUEST_DELIVERED)
		return;
	if (req->batch == NULL)
		oe_measure_item(slot, req->item);
	for (int i = 0; req->batch != NULL && i < req->batch->n; i++)
		oe_measure_item(slot, req->batch->items[i]);
}

/*
 * For monitoring, which looks at it whenever it wants.
 */
void
oe_measure_in_flight(void)
{
	OeSlot	   *slot = oe_slot_mine(false);

	if (slot != NULL)
		pg_atomic_write_u32(&slot->metrics.in_flight, oe_delivery.requests);
}
