/*
 * span.c
 *	  The span of a request, for traces.
 *
 * Worker only.  Its id is what the receiver got in the header traceparent, so
 * that the receiver's own spans become its children; its parent is the span in
 * which the event was made.  A batch has many parents: its span begins a trace
 * of its own and links to theirs.  Attributes follow OpenTelemetry's
 * conventions for messaging and for HTTP clients.
 */
#include "postgres.h"

#include "base/span.h"
#include "deliver/message/signature.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/settle/span.h"
#include "deliver/transport/request.h"

/*
 * The event's trace context if its trace is sampled, else NULL.
 */
static const char *
oe_sampled_context(const OeOutboxEvent *event)
{
	const char *context = oe_event_traceparent(event->body, event->body_len);

	return oe_traceparent_sampled(context) ? context : NULL;
}

static bool
oe_request_sampled(const OeRequest *req)
{
	if (req->batch == NULL)
		return oe_sampled_context(req->item->event) != NULL;
	for (int i = 0; i < req->batch->n; i++)
		if (oe_sampled_context(req->batch->items[i]->event) != NULL)
			return true;
	return false;
}

static void
oe_span_links(OeSpan *span, const OeBatch *batch)
{
	for (int i = 0; i < batch->n; i++)
	{
		const OeOutboxEvent *event = batch->items[i]->event;
		const char *context = oe_sampled_context(event);
		char		id[16];

		if (context == NULL)
			continue;
		oe_span_of_event(event->id, id);
		oe_span_link(span, context + 3, id);
	}
	oe_span_number(span, "messaging.batch.message_count", batch->n);
}

/*
 * Where it went.  A query may hold secrets.
 */
static void
oe_span_endpoint(OeSpan *span, const OeRequest *req)
{
	const char *url = req->conf->url;
	const char *host = strstr(url, "://");
	char		text[1024];
	int			len;

	snprintf(text, sizeof(text), "%.*s", (int) strcspn(url, "?#"), url);
	oe_span_text(span, "url.full", text);
	if (host == NULL)
		return;
	host += 3;
	len = *host == '[' ? (int) strcspn(host, "]") + 1 : (int) strcspn(host, ":/?,");
	snprintf(text, sizeof(text), "%.*s", len, host);
	oe_span_text(span, "server.address", text);
	if (host[len] == ':')
		oe_span_number(span, "server.port", atoi(host + len + 1));
}

static void
oe_span_result(OeSpan *span, const OeRequest *req, const char *error)
{
	char		status[16];

	if (req->status > 0)
		oe_span_number(span, "http.response.status_code", req->status);
	if (req->attempt > 1)
		oe_span_number(span, "http.request.resend_count", req->attempt - 1);
	if (req->acknowledged)
		return;
	snprintf(status, sizeof(status), "%d", req->status);
	oe_span_text(span, "error.type", req->status > 0 ? status : "no_answer");
	oe_span_failed(span, error ? error : status);
}

void
oe_attempt_span(OeRequest *req, const char *error)
{
	const OeOutboxEvent *first = req->batch ? req->batch->items[0]->event : req->item->event;
	bool		alone = req->batch == NULL || req->batch->n == 1;
	char		context[OE_TRACEPARENT_LEN + 1];
	char		parent[16];
	char		name[160];
	OeSpan	   *span;

	if (!oe_request_sampled(req))
		return;
	/* a request without a context of its own: one like it */
	strlcpy(context, req->traceparent, sizeof(context));
	if (context[0] == '\0')
		oe_traceparent(alone ? first->body : NULL, first->body_len, context);
	oe_span_of_event(first->id, parent);
	snprintf(name, sizeof(name), "send %s", req->conf->name);
	span = oe_span_begin(OE_SPAN_CLIENT, name, context + 3, context + 36, alone ? parent : NULL);
	oe_span_times(span, req->started, oe_delivery.now);
	oe_span_text(span, "messaging.system", "odoo_events");
	oe_span_text(span, "messaging.operation.name", "send");
	oe_span_text(span, "messaging.operation.type", "send");
	oe_span_text(span, "messaging.destination.name", req->conf->name);
	oe_span_text(span, "messaging.message.id", req->batch ? req->batch->id : first->id);
	oe_span_endpoint(span, req);
	if (alone)
		oe_span_text(span, "cloudevents.event_id", first->id);
	else
		oe_span_links(span, req->batch);
	if (strncmp(req->conf->url, "http", 4) == 0)
		oe_span_text(span, "http.request.method", "POST");
	oe_span_result(span, req, error);
	oe_span_end(span);
}
