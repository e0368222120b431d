/*
 * span.c
 *	  The span in which an event is made, for traces.
 *
 * Worker, after the commit that wrote the event.  The span begins with the
 * commit in Odoo and ends when the event is in the outbox.  Attributes follow
 * OpenTelemetry's conventions for messaging and for CloudEvents.
 */
#include "postgres.h"

#include "base/json_row.h"
#include "base/span.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/render/envelope.h"
#include "publish/render/span.h"

void
oe_published_span(OeCycle *cy, OeDraftEvent *ev)
{
	const char *trace = ev->change->traceparent + 3;
	const char *event_id = oe_uuid_text(ev->id);
	char		name[160];
	char		id[16];
	OeSpan	   *span;

	oe_span_of_event(event_id, id);
	snprintf(name, sizeof(name), "create %s", ev->type);
	span = oe_span_begin(OE_SPAN_PRODUCER, name, trace, id, trace + 33);
	oe_span_times(span, ev->change->at, cy->now);
	oe_span_text(span, "messaging.system", "odoo_events");
	oe_span_text(span, "messaging.operation.name", "create");
	oe_span_text(span, "messaging.operation.type", "create");
	oe_span_text(span, "messaging.destination.name", ev->type);
	oe_span_text(span, "messaging.message.id", event_id);
	oe_span_text(span, "cloudevents.event_spec_version", "1.0");
	oe_span_text(span, "cloudevents.event_id", event_id);
	oe_span_text(span, "cloudevents.event_source", cy->source);
	oe_span_text(span, "cloudevents.event_type", ev->type);
	oe_span_text(span, "cloudevents.event_subject", ev->subject);
	oe_span_end(span);
}
