/*
 * message.c
 *	  Takes the frame of a message apart.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/message.h"
#include "deliver/transport/program/frame.h"

/* What is left to be parsed. */
typedef struct OeCursor
{
	char	   *at;
	char	   *end;
	bool		broken;
} OeCursor;

static uint64_t
oe_take_integer(OeCursor *c, int bytes)
{
	uint64_t	value = 0;

	if (c->end - c->at < bytes)
	{
		c->broken = true;
		return 0;
	}
	for (int i = 0; i < bytes; i++)
		value = value << 8 | (unsigned char) *c->at++;
	return value;
}

static OeString
oe_take_string(OeCursor *c)
{
	OeString	s = {NULL, 0};
	uint32_t	len = (uint32_t) oe_take_integer(c, 4);

	if (c->broken || len == OE_FRAME_NULL)
		return s;
	if ((size_t) (c->end - c->at) < len)
	{
		c->broken = true;
		return s;
	}
	s.data = c->at;
	s.len = len;
	c->at += len;
	return s;
}

/* Overwrites the byte behind a string, which belongs to an integer that has
 * been read, or is the one added at the end. */
static void
oe_terminate(OeString *s)
{
	if (s->data != NULL)
		s->data[s->len] = '\0';
}

/*
 * The strings of the message point into a copy of the payload, which is
 * allocated with it.
 */
OeMessage *
oe_message_parse(const char *payload, size_t len, uint32_t *connection)
{
	OeMessage  *m = calloc(1, sizeof(OeMessage) + len + 1);
	OeCursor	c;

	if (m == NULL)
		return NULL;
	memcpy(m->bytes, payload, len);
	c = (OeCursor)
	{
		m->bytes, m->bytes + len, false
	};
	*connection = (uint32_t) oe_take_integer(&c, 4);
	m->item = oe_take_integer(&c, 8);
	m->timestamp = (int64_t) oe_take_integer(&c, 8);
	m->flags = (uint32_t) oe_take_integer(&c, 4);
	m->topic = oe_take_string(&c);
	m->key = oe_take_string(&c);
	m->body = oe_take_string(&c);
	m->n_headers = (uint32_t) oe_take_integer(&c, 4);
	/* a header has eight bytes of lengths at least */
	if (!c.broken && m->n_headers <= len / 8)
		m->headers = calloc(m->n_headers + 1, sizeof(OeHeader));
	for (uint32_t i = 0; m->headers != NULL && i < m->n_headers; i++)
	{
		m->headers[i].name = oe_take_string(&c);
		m->headers[i].value = oe_take_string(&c);
		c.broken |= m->headers[i].name.data == NULL;
	}
	m->expiry = (uint32_t) oe_take_integer(&c, 4);
	if (c.broken || c.at != c.end || m->headers == NULL || m->topic.data == NULL)
	{
		free(m->headers);
		free(m);
		return NULL;
	}
	m->size = len;
	oe_terminate(&m->topic);
	oe_terminate(&m->key);
	oe_terminate(&m->body);
	for (uint32_t i = 0; i < m->n_headers; i++)
	{
		oe_terminate(&m->headers[i].name);
		oe_terminate(&m->headers[i].value);
	}
	return m;
}

OeString
oe_message_header(const OeMessage *m, const char *name)
{
	OeString	none = {NULL, 0};

	for (uint32_t i = 0; i < m->n_headers; i++)
		if (strcasecmp(m->headers[i].name.data, name) == 0)
			return m->headers[i].value;
	return none;
}

/*
 * An attribute of the event, by whichever of the names the CloudEvents
 * bindings give it.
 */
OeString
oe_message_event_header(const OeMessage *m, const char *attribute)
{
	static const char *const prefixes[] = {"ce_", "ce-", "cloudEvents_", "cloudEvents:", ""};
	OeString	none = {NULL, 0};

	for (size_t p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++)
	{
		size_t		len = strlen(prefixes[p]);

		for (uint32_t i = 0; i < m->n_headers; i++)
			if (strncasecmp(m->headers[i].name.data, prefixes[p], len) == 0 &&
				strcasecmp(m->headers[i].name.data + len, attribute) == 0)
				return m->headers[i].value;
	}
	return none;
}
