/*
 * span.h
 *	  Spans of traces (OpenTelemetry) that wait to be exported.
 *
 * Worker only.  Elsewhere, and while odoo_events.otlp_endpoint is empty,
 * oe_spans_on() is false and no span may be made.  A span is a JSON object of
 * OTLP, built with jansson outside of PostgreSQL's memory, so that the error of a
 * transaction does not free it.  At most OE_SPANS wait.  Further ones are dropped
 * and counted, so that a collector that does not answer costs nothing.
 *
 * Spans are made only in traces whose parent was sampled.
 */
#ifndef OE_SPAN_H
#define OE_SPAN_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* How many spans may wait. */
#define OE_SPANS 4096

/* Length of a traceparent: 00-<32 hex>-<16 hex>-<2 hex> */
#define OE_TRACEPARENT_LEN 55

/*
 * jansson and PostgreSQL both have a function json_object(): no file may include
 * both headers, and a call from here would be one of PostgreSQL's.
 */
typedef struct json_t OeSpan;

/* SpanKind of OTLP */
typedef enum OeSpanKind
{
	OE_SPAN_CLIENT = 3,
	OE_SPAN_PRODUCER = 4
} OeSpanKind;

extern bool oe_spans_on(void);

/* Does this traceparent (not terminated, OE_TRACEPARENT_LEN bytes; or NULL) say
 * that its trace is sampled? */
extern bool oe_traceparent_sampled(const char *traceparent);

/* Id of the span in which an event was made: 16 hex digits of the event's id,
 * so that whoever sends the event knows it without having seen the span. */
extern void oe_span_of_event(const char *event_id, char *out);

/*
 * A span of a trace.  "trace" has 32 hex digits, "id" and "parent" 16, none of
 * them terminated; parent may be NULL.  Returns NULL when memory is exhausted,
 * which all functions below accept.
 */
extern OeSpan *oe_span_begin(OeSpanKind kind, const char *name, const char *trace, const char *id, const char *parent);
extern void oe_span_times(OeSpan *span, TimestampTz start, TimestampTz end);
extern void oe_span_text(OeSpan *span, const char *key, const char *value);
extern void oe_span_number(OeSpan *span, const char *key, int64 value);
extern void oe_span_link(OeSpan *span, const char *trace, const char *id);
extern void oe_span_failed(OeSpan *span, const char *message);

/* Hands the span over to the export. */
extern void oe_span_end(OeSpan *span);

/* For the export: how many wait, and at most "most" of them as an array. */
extern int	oe_spans_waiting(void);
extern OeSpan *oe_spans_take(int most);

/* Counts spans that did not arrive. */
extern void oe_spans_lost(int64 n);

#endif							/* OE_SPAN_H */
