/*
 * measure.c
 *	  What metrics() tells of requests: outcomes, durations.
 *
 * Worker only, outside any transaction.  Outcomes are the subscription's and
 * stand in its progress; histograms are the database's, in shared memory,
 * because a thousand subscriptions times fourteen buckets is more than a
 * monitoring system wants to keep.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/shmem.h"
#include "deliver/internal.h"

static OeRequestOutcome
oe_outcome_of(int status)
{
	if (status >= 200 && status <= 299)
		return OE_REQUEST_DELIVERED;
	if (status == 429)
		return OE_REQUEST_THROTTLED;
	if (status >= 400 && status <= 499 && status != 408)
		return OE_REQUEST_REJECTED;
	return status > 0 ? OE_REQUEST_FAILED : OE_REQUEST_NO_ANSWER;
}

/*
 * The commit time of an event, from its frozen text: attributes come in a
 * fixed order and only strings stand before this one, in which a quote is
 * escaped.  0 if it is not found.
 */
static TimestampTz
oe_event_time(const OeEvent *event)
{
	static const char name[] = "\"time\":\"";
	char		head[1024];
	char		text[40];
	const char *p;
	const char *end;

	strlcpy(head, event->body, Min(sizeof(head), (Size) event->body_len + 1));
	p = strstr(head, name);
	if (p == NULL)
		return 0;
	p += sizeof(name) - 1;
	end = strchr(p, '"');
	if (end == NULL || end - p >= sizeof(text))
		return 0;
	strlcpy(text, p, end - p + 1);
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
												   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static void
oe_measure_item(OeSlot *slot, OeItem *item)
{
	TimestampTz at = item->replay == NULL ? oe_event_time(item->event) : 0;

	if (at != 0)
		oe_histogram_add(&slot->metrics.commit_to_ack, oe_now - at);
}

/*
 * A request is over; its items are still there.
 */
void
oe_measure(OeRequest *req, double took)
{
	OeSlot	   *slot = oe_slot_mine();
	OeRequestOutcome outcome = oe_outcome_of(req->status);

	req->sub->outcomes[outcome]++;
	if (req->attempt > 1)
		req->sub->outcomes[OE_REQUEST_RETRIES]++;
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
	OeSlot	   *slot = oe_slot_mine();

	if (slot != NULL)
		pg_atomic_write_u32(&slot->metrics.in_flight, oe_requests);
}
