/*
 * span.c
 *	  Spans of traces that wait to be exported (span.h).
 *
 * Worker, in and outside of transactions; takes no lock and raises no error.
 */
#include "postgres.h"

#include <jansson.h>

#include "datatype/timestamp.h"

#include "base/guc.h"
#include "base/session.h"
#include "base/shmem.h"
#include "base/span.h"

static json_t * oe_spans[OE_SPANS]; /* a ring */
static int	oe_spans_first = 0;
static int	oe_spans_count = 0;

bool
oe_spans_on(void)
{
	return oe_session_is_worker && oe_guc_otlp_endpoint && oe_guc_otlp_endpoint[0] != '\0';
}

bool
oe_traceparent_sampled(const char *traceparent)
{
	const char *last;

	if (traceparent == NULL || strnlen(traceparent, OE_TRACEPARENT_LEN) < OE_TRACEPARENT_LEN)
		return false;
	last = traceparent + OE_TRACEPARENT_LEN - 1;
	/* the lowest bit of the flags says "sampled" */
	return strchr("13579bdf", *last) != NULL;
}

void
oe_span_of_event(const char *event_id, char *out)
{
	/* 8-4-4-4-12: the last two groups */
	memcpy(out, event_id + 19, 4);
	memcpy(out + 4, event_id + 24, 12);
}

OeSpan *
oe_span_begin(OeSpanKind kind, const char *name, const char *trace, const char *id, const char *parent)
{
	json_t	   *span = json_pack("{}");

	json_object_set_new(span, "traceId", json_stringn(trace, 32));
	json_object_set_new(span, "spanId", json_stringn(id, 16));
	if (parent != NULL)
		json_object_set_new(span, "parentSpanId", json_stringn(parent, 16));
	json_object_set_new(span, "name", json_string(name));
	json_object_set_new(span, "kind", json_integer(kind));
	json_object_set_new(span, "attributes", json_array());
	return span;
}

/*
 * 64-bit integers are strings in OTLP's JSON.
 */
static json_t *
oe_span_int64(int64 value)
{
	char		text[32];

	snprintf(text, sizeof(text), INT64_FORMAT, value);
	return json_string(text);
}

static json_t *
oe_span_nanoseconds(TimestampTz at)
{
	int64		since_1970 = at + ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * USECS_PER_DAY;

	return oe_span_int64(since_1970 * 1000);
}

void
oe_span_times(OeSpan *span, TimestampTz start, TimestampTz end)
{
	json_object_set_new(span, "startTimeUnixNano", oe_span_nanoseconds(start));
	json_object_set_new(span, "endTimeUnixNano", oe_span_nanoseconds(Max(start, end)));
}

static void
oe_span_attribute(OeSpan *span, const char *key, json_t * value)
{
	json_array_append_new(json_object_get(span, "attributes"), json_pack("{s:s, s:o}", "key", key, "value", value));
}

void
oe_span_text(OeSpan *span, const char *key, const char *value)
{
	if (value != NULL)
		oe_span_attribute(span, key, json_pack("{s:s}", "stringValue", value));
}

void
oe_span_number(OeSpan *span, const char *key, int64 value)
{
	oe_span_attribute(span, key, json_pack("{s:o}", "intValue", oe_span_int64(value)));
}

void
oe_span_link(OeSpan *span, const char *trace, const char *id)
{
	json_t	   *links = json_object_get(span, "links");
	json_t	   *link = json_pack("{}");

	if (links == NULL)
	{
		json_object_set_new(span, "links", json_array());
		links = json_object_get(span, "links");
	}
	json_object_set_new(link, "traceId", json_stringn(trace, 32));
	json_object_set_new(link, "spanId", json_stringn(id, 16));
	json_array_append_new(links, link);
}

void
oe_span_failed(OeSpan *span, const char *message)
{
	/* STATUS_CODE_ERROR */
	json_object_set_new(span, "status", json_pack("{s:i, s:s}", "code", 2, "message", message));
}

void
oe_span_end(OeSpan *span)
{
	if (span == NULL || oe_spans_count == OE_SPANS)
	{
		json_decref(span);
		oe_spans_lost(1);
		return;
	}
	oe_spans[(oe_spans_first + oe_spans_count) % OE_SPANS] = span;
	oe_spans_count++;
}

int
oe_spans_waiting(void)
{
	return oe_spans_count;
}

OeSpan *
oe_spans_take(int most)
{
	json_t	   *taken = json_array();

	for (; most > 0 && oe_spans_count > 0; most--)
	{
		json_array_append_new(taken, oe_spans[oe_spans_first]);
		oe_spans_first = (oe_spans_first + 1) % OE_SPANS;
		oe_spans_count--;
	}
	return taken;
}

void
oe_spans_lost(int64 n)
{
	OeSlot	   *slot = oe_slot_mine(false);

	if (slot != NULL)
		pg_atomic_fetch_add_u64(&slot->metrics.spans_lost, n);
}
