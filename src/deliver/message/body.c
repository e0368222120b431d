/*
 * body.c
 *	  The bytes of an event as one subscription gets them.
 *
 * Worker, and rendered() in a backend; no transaction, no look-ups.  The bytes
 * depend only on the stored event (its text and the classes of its members) and
 * on the configuration, so every attempt and every replay sends the same ones.
 * The stored text is valid JSON, since the publisher wrote it or jsonb did;
 * members that cannot be parsed nevertheless are left out, never sent
 * unchecked.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "base/classification.h"
#include "base/scan.h"
#include "base/watch.h"
#include "deliver/message/body.h"
#include "deliver/message/company.h"
#include "deliver/message/visible_data.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"

/*
 * Is the stored text itself what is sent? It is for most subscriptions, and
 * then no copy is made.
 */
bool
oe_body_as_is(const OeConfiguration *conf, const OeOutboxEvent *event)
{
	return conf->format == 's' && oe_data_as_is(conf, event->classes) &&
		(conf->companies == NULL || !oe_is_company_event(event->classes));
}

/*
 * Takes the envelope apart: the data comes last.
 */
static bool
oe_envelope_read(const char *body, OeEnvelope *env)
{
	const char *p = oe_scan_open(body, '{');
	OePiece		key;
	OePiece		value;

	memset(env, 0, sizeof(*env));
	env->attributes = p;
	while (oe_scan_member(&p, &key, &value))
	{
		if (oe_piece_is(&key, "data"))
			env->data = value;
		else if (oe_piece_is(&key, "type"))
			env->type = value;
		else if (oe_piece_is(&key, "time"))
			env->time = value;
		else if (oe_piece_is(&key, "odoorecordid"))
			env->record = value;
	}
	return env->data.s != NULL && env->type.s != NULL;
}

/*
 * The subject without a name that the subscription may not see: entity and id.
 */
static void
oe_subject_hidden(StringInfo out, const OePiece *subject, const OeEnvelope *env)
{
	const char *slash = memchr(subject->s, '/', subject->len);

	if (slash != NULL)
		appendBinaryStringInfo(out, subject->s, slash + 1 - subject->s);
	else
		appendStringInfoChar(out, '"');
	if (env->record.s != NULL)
	{
		bool		quoted = env->record.s[0] == '"';

		appendBinaryStringInfo(out, env->record.s + quoted, env->record.len - 2 * quoted);
	}
	appendStringInfoChar(out, '"');
}

/*
 * The next attribute of the envelope with its value for this subscription.  A
 * value that had to be made is in "scratch".
 */
static bool
oe_attribute_next(OeMessageFormat *shape, const OeEnvelope *env, const char **p, StringInfo scratch, OePiece *key, OePiece *value)
{
	do
	{
		if (!oe_scan_member(p, key, value))
			return false;
	} while (oe_piece_is(key, "data"));
	if (shape->redacted == NULL)
		return true;
	resetStringInfo(scratch);
	if (oe_piece_is(key, "dataclassification"))
		appendStringInfo(scratch, "\"%s\"", oe_class_names[shape->highest]);
	else if (oe_piece_is(key, "subject"))
	{
		int			class = oe_class_named(shape->classes, NULL, 0, "subject", 7);

		if (class >= 0 && !oe_cleared(shape->conf, class))
			oe_subject_hidden(scratch, value, env);
	}
	if (scratch->len > 0)
	{
		value->s = scratch->data;
		value->len = scratch->len;
	}
	return true;
}

/*
 * Encodes a value for a header as the CloudEvents HTTP binding requires:
 * characters that are not visible ASCII are percent-encoded.  "plain": headers
 * take UTF-8, so that only control characters are encoded.
 */
static void
oe_header_encode(StringInfo out, const OePiece *value, bool plain)
{
	const char *p = value->s;
	const char *end = value->s + value->len;
	int			c;

	if (*p == '"')
	{
		p++;
		end--;
	}
	while ((c = oe_scan_char(&p, end)) >= 0)
	{
		unsigned char utf8[8] = {0};

		if (c > ' ' && c < 0x7f && (plain || (c != '"' && c != '%')))
		{
			appendStringInfoChar(out, (char) c);
			continue;
		}
		unicode_to_utf8((pg_wchar) c, utf8);
		if (plain && c >= ' ' && c != 0x7f)
		{
			appendBinaryStringInfo(out, (char *) utf8, pg_utf_mblen(utf8));
			continue;
		}
		for (int i = 0; i < pg_utf_mblen(utf8); i++)
			appendStringInfo(out, "%%%02X", utf8[i]);
	}
}

/*
 * The attributes as headers, each ended by a NUL, in "headers".
 */
static int
oe_attribute_headers(OeMessageFormat *shape, const OeEnvelope *env, StringInfo scratch, StringInfo headers)
{
	const char *p = env->attributes;
	OePiece		key;
	OePiece		value;
	const OeBroker *broker = shape->conf->broker;
	int			n = 0;

	while (n < OE_CE_HEADERS && oe_attribute_next(shape, env, &p, scratch, &key, &value))
	{
		if (oe_piece_is(&key, "datacontenttype"))
			continue;
		appendStringInfo(headers, "%s%.*s: ", broker != NULL ? broker->prefix : "ce-", key.len, key.s);
		oe_header_encode(headers, &value, broker != NULL && !broker->encoded);
		appendStringInfoChar(headers, '\0');
		n++;
	}
	return n;
}

/*
 * An element of a batch, or the body of a structured request.
 */
static void
oe_write_structured(OeMessageFormat *shape, const OeEnvelope *env, StringInfo scratch, const OePiece *data, StringInfo out)
{
	static const OePiece name = {"data", 4};
	const char *p = env->attributes;
	OePiece		key;
	OePiece		value;

	appendStringInfoChar(out, '{');
	while (oe_attribute_next(shape, env, &p, scratch, &key, &value))
		oe_copy_member(out, &key, &value);
	oe_copy_member(out, &name, data);
	appendStringInfoChar(out, '}');
}

static void
oe_write_standard(const OeEnvelope *env, const OePiece *data, StringInfo out)
{
	static const OePiece names[] = {{"type", 4}, {"timestamp", 9}, {"data", 4}};

	appendStringInfoChar(out, '{');
	oe_copy_member(out, &names[0], &env->type);
	oe_copy_member(out, &names[1], &env->time);
	oe_copy_member(out, &names[2], data);
	appendStringInfoChar(out, '}');
}

static StringInfo
oe_scratch(int i)
{
	static StringInfoData buffers[3];
	MemoryContext old;

	if (buffers[i].data != NULL && buffers[i].maxlen <= 1024 * 1024)
		resetStringInfo(&buffers[i]);
	else
	{
		/* a large event once is no reason to keep the room for ever */
		if (buffers[i].data != NULL)
			pfree(buffers[i].data);
		old = MemoryContextSwitchTo(oe_delivery.cxt);
		initStringInfo(&buffers[i]);
		MemoryContextSwitchTo(old);
	}
	return &buffers[i];
}

/*
 * Appends the event in the given format ('s'tructured, 'b'inary, 't': plain
 * Standard Webhooks); answers the number of ce-* headers put into "headers".
 */
int
oe_body_write(const OeConfiguration *conf, const OeOutboxEvent *event, char format, StringInfo out, StringInfo headers)
{
	OeMessageFormat shape = {conf, event->classes, OE_INTERNAL, 0, NULL, NULL};
	OeEnvelope	env;
	OePiece		data;
	const char *body = event->body;
	bool		tells;
	int			n = 0;

	if (conf->companies != NULL && oe_is_company_event(event->classes))
		body = oe_company_event(body, event->classes, conf->companies, conf->ncompanies, &tells);
	if (!oe_envelope_read(body, &env))
		elog(ERROR, "event %s cannot be read", event->id);
	data = env.data;
	if (!oe_data_as_is(conf, event->classes))
	{
		shape.out = oe_scratch(0);
		shape.redacted = oe_scratch(1);
		if ((shape.rest = oe_class_named(event->classes, NULL, 0, "*", 1)) < 0)
			shape.rest = OE_INTERNAL;
		shape.highest = oe_cleared(conf, shape.rest) ? shape.rest : 0;
		oe_shape_data(&shape, &env);
		data.s = shape.out->data;
		data.len = shape.out->len;
	}
	if (format == 's')
		oe_write_structured(&shape, &env, oe_scratch(2), &data, out);
	else if (format == 't')
		oe_write_standard(&env, &data, out);
	else
	{
		n = oe_attribute_headers(&shape, &env, oe_scratch(2), headers);
		appendBinaryStringInfo(out, data.s, data.len);
	}
	return n;
}

/*
 * The same, but an error that the event's own bytes raise is the answer: NULL,
 * or why the event cannot be rendered, allocated in the current context.  So it
 * is one event of one subscription that fails.  Rendering keeps nothing but
 * memory, so that no transaction is needed to catch the error.
 */
char *
oe_body_try(const OeConfiguration *conf, const OeOutboxEvent *event, char format, StringInfo out, StringInfo headers, int *nheaders)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *volatile why = NULL;

	PG_TRY();
	{
		*nheaders = oe_body_write(conf, event, format, out, headers);
	}
	PG_CATCH();
	{
		ErrorData  *err = oe_watch_caught(cxt, false);

		why = psprintf("the event could not be rendered: %s", err->message);
		FreeErrorData(err);
	}
	PG_END_TRY();
	return why;
}
