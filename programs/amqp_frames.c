/*
 * amqp_frames.c
 *	  What odoo_events_amqp publishes and what the broker answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "amqp_program.h"
#include "deliver/transport/program/frame.h"

static amqp_bytes_t
oe_amqp_bytes(OeString s)
{
	amqp_bytes_t bytes = {s.len, s.data};

	return bytes;
}

/* A short string of the protocol has 255 bytes at most. */
static bool
oe_amqp_short(OeString s)
{
	return s.len <= 255;
}

/*
 * The headers but for content-type, which is a property.
 */
static int
oe_amqp_headers(const OeMessage *m, amqp_table_entry_t * entries)
{
	int			n = 0;

	for (uint32_t i = 0; i < m->n_headers; i++)
	{
		if (strcasecmp(m->headers[i].name.data, "content-type") == 0)
			continue;
		entries[n].key = oe_amqp_bytes(m->headers[i].name);
		entries[n].value.kind = AMQP_FIELD_KIND_UTF8;
		entries[n].value.value.bytes = oe_amqp_bytes(m->headers[i].value);
		n++;
	}
	return n;
}

/*
 * Sets a property of a message, if there is a value and it fits into the short
 * string that the protocol has for it.
 */
static void
oe_amqp_property(amqp_basic_properties_t * p, amqp_flags_t flag, amqp_bytes_t * field, OeString value)
{
	if (value.data == NULL || !oe_amqp_short(value))
		return;
	p->_flags |= flag;
	*field = oe_amqp_bytes(value);
}

/*
 * Gives a message to the library.  It is under way from then on, and is
 * answered by its confirm, by its return, or when the connection is lost.
 */
void
oe_amqp_publish(OeRabbit *r, OeMessage *m)
{
	amqp_basic_properties_t p = {0};
	amqp_table_entry_t *entries = calloc(m->n_headers + 1, sizeof(amqp_table_entry_t));
	OeString	id = oe_message_event_header(m, "id");
	bool		empty = m->body.data == NULL || (m->flags & OE_MESSAGE_TOMBSTONE);
	char		number[32];
	char		expiration[32];
	int			rc;

	if (entries == NULL || !oe_amqp_short(m->topic))
	{
		free(entries);
		oe_refuse(m, "the routing key is longer than 255 bytes");
		return;
	}
	/* a returned message is found again by its id */
	if (id.data == NULL || !oe_amqp_short(id))
	{
		snprintf(number, sizeof(number), "%llu", (unsigned long long) m->item);
		id = (OeString)
		{
			number, strlen(number)
		};
	}
	oe_amqp_property(&p, AMQP_BASIC_MESSAGE_ID_FLAG, &p.message_id, id);
	oe_amqp_property(&p, AMQP_BASIC_CONTENT_TYPE_FLAG, &p.content_type, oe_message_header(m, "content-type"));
	oe_amqp_property(&p, AMQP_BASIC_TYPE_FLAG, &p.type, oe_message_event_header(m, "type"));
	p._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG;
	p.delivery_mode = AMQP_DELIVERY_PERSISTENT;
	p.headers.entries = entries;
	p.headers.num_entries = oe_amqp_headers(m, entries);
	if (m->timestamp > 0)
	{
		p._flags |= AMQP_BASIC_TIMESTAMP_FLAG;
		p.timestamp = (uint64_t) (m->timestamp / 1000);
	}
	if (m->expiry > 0)
	{
		snprintf(expiration, sizeof(expiration), "%u000", m->expiry);
		p._flags |= AMQP_BASIC_EXPIRATION_FLAG;
		p.expiration = amqp_cstring_bytes(expiration);
	}
	m->sent = true;
	m->number = ++r->tag;
	rc = amqp_basic_publish(r->amqp, OE_CHANNEL, amqp_cstring_bytes(r->exchange), oe_amqp_bytes(m->topic), 1, 0, &p,
							empty ? amqp_empty_bytes : oe_amqp_bytes(m->body));
	free(entries);
	r->under_way++;
	if (rc == AMQP_STATUS_OK)
		return;
	r->lost = true;
	if (r->error[0] == '\0')
		snprintf(r->error, sizeof(r->error), "%s", amqp_error_string2(rc));
}

/*
 * Keeps the code and the words with which the broker closed the channel or the
 * connection.
 */
void
oe_amqp_closed(OeRabbit *r, const amqp_method_t * method)
{
	int			code = 0;
	amqp_bytes_t text = amqp_empty_bytes;

	if (method->id == AMQP_CHANNEL_CLOSE_METHOD)
	{
		amqp_channel_close_t *close = method->decoded;

		r->code = code = close->reply_code;
		text = close->reply_text;
	}
	else if (method->id == AMQP_CONNECTION_CLOSE_METHOD)
	{
		amqp_connection_close_t *close = method->decoded;

		code = close->reply_code;
		text = close->reply_text;
	}
	r->lost = true;
	snprintf(r->error, sizeof(r->error), "%d %.*s", code, (int) text.len, (const char *) text.bytes);
}

static bool
oe_amqp_numbered(const OeMessage *m, const void *tag)
{
	return m->number <= *(const uint64_t *) tag;
}

/* The broker confirms one message, or all up to it; nack: it could not keep them. */
static void
oe_amqp_confirmed(OeRabbit *r, uint64_t tag, bool multiple, bool nack)
{
	OeMessage  *m;

	do
	{
		m = multiple ? oe_connection_claim_first(r->connection, oe_amqp_numbered, &tag) : oe_connection_claim(r->connection, tag);
		if (m == NULL)
			break;
		if (nack)
			oe_retry(m, false, "the broker could not keep the message (nack)");
		else
			oe_acknowledge(m);
	} while (multiple);
	r->under_way = oe_connection_count(r->connection);
}

/* What identifies a returned message. */
typedef struct OeReturned
{
	amqp_bytes_t id;
	amqp_bytes_t routing_key;
} OeReturned;

static bool
oe_amqp_same(OeString s, amqp_bytes_t bytes)
{
	return s.len == bytes.len && memcmp(s.data, bytes.bytes, s.len) == 0;
}

/*
 * Is this the message that came back?  By its routing key and the id that
 * oe_amqp_publish() gave it.
 */
static bool
oe_amqp_is_returned(const OeMessage *m, const void *argument)
{
	const OeReturned *returned = argument;
	OeString	id = oe_message_event_header(m, "id");
	char		number[32];

	if (id.data == NULL || !oe_amqp_short(id))
	{
		snprintf(number, sizeof(number), "%llu", (unsigned long long) m->item);
		id = (OeString)
		{
			number, strlen(number)
		};
	}
	return oe_amqp_same(m->topic, returned->routing_key) && oe_amqp_same(id, returned->id);
}

/*
 * The broker returns a message that no queue takes.  It is confirmed afterwards
 * all the same.
 */
static void
oe_amqp_returned(OeRabbit *r, const amqp_basic_return_t * method)
{
	amqp_message_t message;
	amqp_bytes_t key = amqp_bytes_malloc_dup(method->routing_key);
	amqp_bytes_t text = amqp_bytes_malloc_dup(method->reply_text);
	int			code = method->reply_code;
	amqp_rpc_reply_t reply = amqp_read_message(r->amqp, OE_CHANNEL, &message, 0);
	OeMessage  *m = NULL;

	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
	{
		OeReturned	returned = {message.properties.message_id, key};

		m = oe_connection_claim_first(r->connection, oe_amqp_is_returned, &returned);
		amqp_destroy_message(&message);
	}
	else
	{
		r->lost = true;
		snprintf(r->error, sizeof(r->error), "a returned message could not be read");
	}
	if (m != NULL)
		oe_refuse(m, "no queue of exchange \"%s\" takes routing key %s: %d %.*s", r->exchange, m->topic.data, code,
				  (int) text.len, (const char *) text.bytes);
	amqp_bytes_free(key);
	amqp_bytes_free(text);
}

/*
 * Handles one frame of the broker; those that carry contents are read where
 * they are expected.
 */
void
oe_amqp_frame(OeRabbit *r, const amqp_frame_t * frame)
{
	const void *decoded = frame->payload.method.decoded;

	if (frame->frame_type != AMQP_FRAME_METHOD)
		return;
	switch (frame->payload.method.id)
	{
		case AMQP_BASIC_ACK_METHOD:
			oe_amqp_confirmed(r, ((const amqp_basic_ack_t *) decoded)->delivery_tag, ((const amqp_basic_ack_t *) decoded)->multiple, false);
			break;
		case AMQP_BASIC_NACK_METHOD:
			oe_amqp_confirmed(r, ((const amqp_basic_nack_t *) decoded)->delivery_tag, ((const amqp_basic_nack_t *) decoded)->multiple, true);
			break;
		case AMQP_BASIC_RETURN_METHOD:
			oe_amqp_returned(r, decoded);
			break;
		case AMQP_CONNECTION_BLOCKED_METHOD:
			r->blocked = true;
			snprintf(r->shortage, sizeof(r->shortage), "%.*s", (int) ((const amqp_connection_blocked_t *) decoded)->reason.len,
					 (const char *) ((const amqp_connection_blocked_t *) decoded)->reason.bytes);
			oe_connection_state(r->connection, true, "connected, but the broker takes no messages at present: %s", r->shortage);
			break;
		case AMQP_CONNECTION_UNBLOCKED_METHOD:
			r->blocked = false;
			oe_connection_state(r->connection, true, "connected");
			break;
		case AMQP_CHANNEL_CLOSE_METHOD:
		case AMQP_CONNECTION_CLOSE_METHOD:
			oe_amqp_closed(r, &frame->payload.method);
			break;
		default:
			break;
	}
}
