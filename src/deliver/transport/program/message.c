/*
 * message.c
 *	  The frames that carry a subscription's configuration and its events to a
 *	  helper program.
 *
 * Worker only.  Bytes depend on the stored event and the configuration only, as
 * with HTTP (message/body.c).  subscribe() has checked what a template may
 * yield, so nothing is judged here.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "utils/timestamp.h"

#include "base/scan.h"
#include "deliver/message/body.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/transport/program/frame.h"
#include "deliver/transport/program/message.h"

#define OE_PINGED "odoo.platform.subscription.pinged.v1"
#define OE_UNIX_EPOCH_US ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* What templates are made of. */
typedef struct OeMessage
{
	OePiece		source;
	OePiece		type;
	OePiece		company;
} OeMessage;

/* ---- writing ---- */

static void
oe_put_uint32(StringInfo out, uint32 n)
{
	n = pg_hton32(n);
	appendBinaryStringInfo(out, (char *) &n, sizeof(n));
}

static void
oe_put_uint64(StringInfo out, uint64 n)
{
	n = pg_hton64(n);
	appendBinaryStringInfo(out, (char *) &n, sizeof(n));
}

static void
oe_put_string(StringInfo out, const char *s, int len)
{
	oe_put_uint32(out, (uint32) len);
	appendBinaryStringInfo(out, s, len);
}

/*
 * Begins a frame; oe_frame_end() fills in its length.
 */
static int
oe_frame_begin(StringInfo out, char kind)
{
	int			at = out->len;

	oe_put_uint32(out, 0);
	appendStringInfoChar(out, kind);
	return at;
}

static void
oe_frame_end(StringInfo out, int at)
{
	uint32		len = pg_hton32((uint32) (out->len - at - sizeof(uint32)));

	memcpy(out->data + at, &len, sizeof(len));
}

void
oe_frame_configure(StringInfo out, uint32 connection, const OeConfiguration *conf)
{
	int			at = oe_frame_begin(out, OE_FRAME_CONFIGURE);

	oe_put_uint32(out, connection);
	oe_put_string(out, conf->broker->connection, strlen(conf->broker->connection));
	oe_frame_end(out, at);
}

void
oe_frame_close(StringInfo out, uint32 connection)
{
	int			at = oe_frame_begin(out, OE_FRAME_CLOSE);

	oe_put_uint32(out, connection);
	oe_frame_end(out, at);
}

void
oe_frame_abandon(StringInfo out, uint64 item)
{
	int			at = oe_frame_begin(out, OE_FRAME_ABANDON);

	oe_put_uint64(out, item);
	oe_frame_end(out, at);
}

/* ---- what is in an event ---- */

/*
 * The attributes that templates name.  A value without its quotes: none of them
 * has a character that JSON escapes.
 */
static void
oe_message_read(OeMessage *m, const OeOutboxEvent *event)
{
	const char *p = oe_scan_open(event->body, '{');
	OePiece		key;
	OePiece		value;

	memset(m, 0, sizeof(*m));
	while (oe_scan_member(&p, &key, &value) && !oe_piece_is(&key, "data"))
	{
		if (value.len >= 2 && value.s[0] == '"')
		{
			value.s++;
			value.len -= 2;
		}
		if (oe_piece_is(&key, "source"))
			m->source = value;
		else if (oe_piece_is(&key, "type"))
			m->type = value;
		else if (oe_piece_is(&key, "odoocompany"))
			m->company = value;
	}
}

/*
 * The n-th part of a type between dots, from 0; the last one is what is left
 * before the version.
 */
static OePiece
oe_type_part(const OePiece *type, int n)
{
	OePiece		part = {type->s, type->len};

	for (;; n--)
	{
		const char *dot = memchr(part.s, '.', part.len);

		if (dot == NULL || n == 0)
		{
			part.len = n > 0 ? 0 : dot != NULL ? dot - part.s : part.len;
			return part;
		}
		part.len -= dot + 1 - part.s;
		part.s = dot + 1;
	}
}

/*
 * odoo.<domain>.<entity>.<verb>.v<major>: of "odoo.x.y.deleted.v1" that the
 * record is gone.
 */
bool
oe_message_deletes(const OeOutboxEvent *event)
{
	OeMessage	m;
	OePiece		verb;

	oe_message_read(&m, event);
	verb = oe_type_part(&m.type, 3);
	return oe_piece_is(&verb, "deleted");
}

/*
 * What a topic of this kind of broker cannot hold.  subscribe() has tried the
 * template with all types that there are; keys of an application's own events
 * may be anything.
 */
static bool
oe_topic_takes(const char *kind, unsigned char c)
{
	if (strcmp(kind, "kafka") == 0)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
	if (strcmp(kind, "nats") == 0)
		return c > ' ' && c != '*' && c != '>' && c != 0x7f;
	if (strcmp(kind, "mqtt") == 0)
		return c >= ' ' && c != '+' && c != '#' && c != 0x7f;
	return true;
}

/*
 * What a name in a template stands for; "none" where the event has no such
 * thing.
 */
static void
oe_expand_one(StringInfo out, const char *name, int len, const OeMessage *m, const OeOutboxEvent *event)
{
	OePiece		placeholder = {name, len};
	OePiece		value = {NULL, 0};

	if (oe_piece_is(&placeholder, "key"))
	{
		value.s = event->key;
		value.len = event->key_len;
	}
	else if (oe_piece_is(&placeholder, "source"))
	{
		value = m->source;
		/* a path; as a word of a topic it has no slash in front */
		if (value.len > 0 && value.s[0] == '/')
		{
			value.s++;
			value.len--;
		}
	}
	else if (oe_piece_is(&placeholder, "type"))
		value = m->type;
	else if (oe_piece_is(&placeholder, "domain"))
		value = oe_type_part(&m->type, 1);
	else if (oe_piece_is(&placeholder, "entity"))
		value = oe_type_part(&m->type, 2);
	else if (oe_piece_is(&placeholder, "verb"))
		value = oe_type_part(&m->type, 3);
	else if (oe_piece_is(&placeholder, "company"))
		value = m->company;
	else if (oe_piece_is(&placeholder, "warehouse") && event->has_warehouse)
	{
		appendStringInfo(out, "%d", event->warehouse);
		return;
	}
	if (value.len > 0)
		appendBinaryStringInfo(out, value.s, value.len);
	else
		appendStringInfoString(out, "none");
}

/*
 * A template with the values of an event in place of its names.
 */
static void
oe_message_expand(StringInfo out, const char *template, const OeMessage *m, const OeOutboxEvent *event)
{
	const char *p = template;
	const char *open;

	while ((open = strchr(p, '{')) != NULL)
	{
		const char *close = strchr(open, '}');

		if (close == NULL)
			break;
		appendBinaryStringInfo(out, p, open - p);
		oe_expand_one(out, open + 1, close - open - 1, m, event);
		p = close + 1;
	}
	appendStringInfoString(out, p);
}

/* ---- a message ---- */

/*
 * The body: the stored text itself, or one that is made from it.  "headers"
 * gets the attributes of binary format, as "name: value", each ended by a NUL.
 */
const char *
oe_message_body(const OeConfiguration *conf, const OeOutboxEvent *event, StringInfo scratch, StringInfo headers, Size *len)
{
	if (oe_body_as_is(conf, event))
	{
		*len = event->body_len;
		return event->body;
	}
	(void) oe_body_write(conf, event, conf->format, scratch, conf->format == 'b' ? headers : NULL);
	*len = scratch->len;
	return scratch->data;
}

/*
 * One header, at the end of the list; "n" counts them.
 */
static void
oe_put_header(StringInfo out, const char *name, int name_len, const char *value, uint32 *n)
{
	oe_put_string(out, name, name_len);
	oe_put_string(out, value, strlen(value));
	(*n)++;
}

/*
 * The headers: what says how to read the body, the id by which a broker or a
 * consumer recognizes a message that came twice, and those of the subscription.
 */
static void
oe_put_headers(StringInfo out, const OeConfiguration *conf, const OeOutboxEvent *event, const StringInfoData *attributes)
{
	int			at = out->len;
	uint32		n = 0;
	const char *id = psprintf("%sid", conf->broker->prefix);

	oe_put_uint32(out, 0);
	oe_put_header(out, "content-type", strlen("content-type"),
				  conf->format == 's' ? "application/cloudevents+json; charset=UTF-8" : "application/json", &n);
	if (attributes->len == 0)
		oe_put_header(out, id, strlen(id), event->id, &n);
	for (const char *h = attributes->data; h < attributes->data + attributes->len; h += strlen(h) + 1)
	{
		const char *colon = strchr(h, ':');

		oe_put_header(out, h, colon - h, colon + 2, &n);
	}
	for (int i = 0; i < conf->nheaders; i++)
	{
		const char *colon = strchr(conf->headers[i], ':');

		oe_put_header(out, conf->headers[i], colon - conf->headers[i], colon + 2, &n);
	}
	n = pg_hton32(n);
	memcpy(out->data + at, &n, sizeof(n));
}

/*
 * Seconds until the event is too old for the subscription; 0: never.
 */
static uint32
oe_message_expiry(const OeConfiguration *conf, const OeOutboxEvent *event)
{
	int64		left;

	if (conf->expire_after == 0)
		return 0;
	left = (oe_event_time(event) + conf->expire_after - oe_delivery.now) / USECS_PER_SEC;
	return (uint32) Min(Max(left, 1), PG_INT32_MAX);
}

/*
 * An event, or the tombstone that follows it.
 */
void
oe_frame_message(StringInfo out, uint32 connection, uint64 item, const OeConfiguration *conf, const OeOutboxEvent *event, bool tombstone)
{
	StringInfoData scratch;
	StringInfoData attributes;
	StringInfoData text;
	const OeBroker *broker = conf->broker;
	uint32		flags = (tombstone ? OE_MESSAGE_TOMBSTONE : 0) | (broker->retain ? OE_MESSAGE_RETAIN : 0);
	const char *body;
	Size		len;
	OeMessage	m;
	int			at = oe_frame_begin(out, OE_FRAME_MESSAGE);

	initStringInfo(&scratch);
	initStringInfo(&attributes);
	initStringInfo(&text);
	body = oe_message_body(conf, event, &scratch, &attributes, &len);
	oe_message_read(&m, event);
	if (broker->probed && m.type.len == strlen(OE_PINGED) && memcmp(m.type.s, OE_PINGED, m.type.len) == 0)
	{
		flags = OE_MESSAGE_PING;
		if (broker->ping_type != NULL)
		{
			m.type.s = broker->ping_type;
			m.type.len = strlen(broker->ping_type);
		}
	}
	oe_put_uint32(out, connection);
	oe_put_uint64(out, item);
	oe_put_uint64(out, (uint64) ((event->time + OE_UNIX_EPOCH_US) / 1000));
	oe_put_uint32(out, flags);
	oe_message_expand(&text, broker->topic, &m, event);
	for (int i = 0; i < text.len; i++)
		if (!oe_topic_takes(broker->kind, (unsigned char) text.data[i]))
			text.data[i] = '_';
	oe_put_string(out, text.data, text.len);
	resetStringInfo(&text);
	oe_message_expand(&text, broker->key, &m, event);
	oe_put_string(out, text.data, text.len);
	if (tombstone || flags == OE_MESSAGE_PING)
		oe_put_uint32(out, OE_FRAME_NULL);
	else
		oe_put_string(out, body, len);
	oe_put_headers(out, conf, event, &attributes);
	oe_put_uint32(out, oe_message_expiry(conf, event));
	oe_frame_end(out, at);
	pfree(scratch.data);
	pfree(attributes.data);
	pfree(text.data);
}
