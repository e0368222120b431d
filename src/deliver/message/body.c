/*
 * body.c
 *	  The bytes of an event as one subscription gets them: format, thinning,
 *	  redaction.
 *
 * Worker, and rendered() in a backend; no transaction, no look-ups.  The bytes
 * depend only on the stored event (its text and the classes of its members) and
 * on the configuration, so every attempt and every replay sends the same ones.
 * The stored text is valid JSON, since the publisher wrote it or jsonb did;
 * members that cannot be parsed nevertheless are left out, never sent
 * unchecked.
 *
 * A member's class is the one that "classes" gives for "<entity or
 * part>.<field>", else the event's own class ("*"), else internal.  Ids, the
 * kind of a line, the document of an event and its state transition are always
 * kept.
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
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"

#define OE_INTERNAL 1

/* One rendering. */
typedef struct OeMessageFormat
{
	const OeConfiguration *conf;
	const char *classes;		/* NULL: all internal */
	int			rest;			/* class of what is not named */
	int			highest;		/* class among what is kept */
	StringInfo	out;
	StringInfo	redacted;		/* names of what is left out, quoted */
} OeMessageFormat;

/* The envelope, and where the data is. */
typedef struct OeEnvelope
{
	const char *attributes;		/* first of them */
	OePiece		data;
	OePiece		type;
	OePiece		time;
	OePiece		record;			/* odoorecordid; s NULL: none */
} OeEnvelope;

/*
 * Copies an array of lines; false, and nothing written, if this is no such
 * array.
 */
static bool oe_shape_lines(OeMessageFormat *shape, const char *lines);

/*
 * The class that the event's classes give for this name; -1: none.
 */
static int
oe_class_named(const char *classes, const char *owner, int owner_len, const char *field, int field_len)
{
	const char *p = classes;

	while (p != NULL && *p != '\0')
	{
		const char *end = strchrnul(p, ' ');
		const char *name = p + 2;
		int			len = end - name;

		if (*p == '@')
			;					/* no class: company.c */
		else if (owner == NULL ? len == field_len && memcmp(name, field, len) == 0
				 : len == owner_len + 1 + field_len && memcmp(name, owner, owner_len) == 0 && name[owner_len] == '.' &&
				 memcmp(name + owner_len + 1, field, field_len) == 0)
			return *p - '0';
		p = *end ? end + 1 : end;
	}
	return -1;
}

static bool
oe_cleared(const OeConfiguration *conf, int class)
{
	return (conf->clearance & (1 << class)) != 0;
}

/*
 * Records, once, that a member of this name was left out.
 */
static void
oe_note_redacted(OeMessageFormat *shape, const OePiece *owner, const OePiece *field)
{
	char		quoted[160];

	/* a name that somebody else chose may be anything */
	if (field->len > 64 || memchr(field->s, '\\', field->len) != NULL || (owner != NULL && owner->len > 64))
		strlcpy(quoted, "\"*\"", sizeof(quoted));
	else if (owner != NULL)
		snprintf(quoted, sizeof(quoted), "\"%.*s.%.*s\"", owner->len, owner->s, field->len, field->s);
	else
		snprintf(quoted, sizeof(quoted), "\"%.*s\"", field->len, field->s);
	if (strstr(shape->redacted->data, quoted) == NULL)
		appendStringInfo(shape->redacted, "%s%s", shape->redacted->len > 0 ? "," : "", quoted);
}

/*
 * Has the subscription chosen this member? Without a choice it has all.
 */
static bool
oe_field_chosen(const OeConfiguration *conf, const OePiece *owner, const OePiece *field)
{
	for (int i = 0; i < conf->nfields; i++)
	{
		const char *name = conf->fields[i];
		const char *dot = strchr(name, '.');

		if (owner == NULL ? dot == NULL && oe_piece_is(field, name)
			: dot != NULL && dot - name == owner->len && memcmp(name, owner->s, owner->len) == 0 &&
			(strcmp(dot + 1, "*") == 0 || oe_piece_is(field, dot + 1)))
			return true;
	}
	return conf->nfields == 0;
}

/*
 * May the subscription see this member? Also records the highest class that it
 * sees, and what was left out.
 */
static bool
oe_member_seen(OeMessageFormat *shape, const OePiece *owner, const OePiece *field)
{
	int			class = oe_class_named(shape->classes, owner ? owner->s : NULL, owner ? owner->len : 0, field->s, field->len);

	if (!oe_field_chosen(shape->conf, owner, field))
		return false;
	if (class < 0)
		class = shape->rest;
	if (!oe_cleared(shape->conf, class))
	{
		oe_note_redacted(shape, owner, field);
		return false;
	}
	shape->highest = Max(shape->highest, class);
	return true;
}

static void
oe_copy_member(StringInfo out, const OePiece *key, const OePiece *value)
{
	char		last = out->data[out->len - 1];

	if (last != '{')
		appendStringInfoChar(out, ',');
	appendStringInfoChar(out, '"');
	appendBinaryStringInfo(out, key->s, key->len);
	appendStringInfoString(out, "\":");
	appendBinaryStringInfo(out, value->s, value->len);
}

/*
 * Opens an array or an object as a member; what is in it follows.
 */
static void
oe_open_member(StringInfo out, const char *key, char bracket)
{
	appendStringInfo(out, "%s\"%s\":%c", out->data[out->len - 1] == '{' ? "" : ",", key, bracket);
}

/*
 * Copies the members that the subscription may see; "always" names structural
 * members (ids, links) that are exempt from the class check.  Lines inside the
 * object are copied in the same way.
 */
static void
oe_shape_object(OeMessageFormat *shape, const char *object, const OePiece *owner, const char *const *always)
{
	const char *p = oe_scan_open(object, '{');
	OePiece		key;
	OePiece		value;

	while (oe_scan_member(&p, &key, &value))
	{
		bool		keep = false;

		for (int i = 0; always[i] != NULL && !keep; i++)
			keep = oe_piece_is(&key, always[i]);
		if (!keep && oe_piece_is(&key, "lines") && oe_shape_lines(shape, value.s))
			continue;
		if (keep || oe_member_seen(shape, owner, &key))
			oe_copy_member(shape->out, &key, &value);
	}
}

/*
 * The name of the part that a line or a change belongs to; false if it has
 * none.
 */
static bool
oe_part_of(const char *object, OePiece *part)
{
	const char *p = oe_scan_open(object, '{');
	OePiece		key;

	if (!oe_scan_member(&p, &key, part) || !oe_piece_is(&key, "part") || part->len < 2 || part->s[0] != '"')
		return false;
	part->s++;
	part->len -= 2;
	return true;
}

/*
 * Copies an array of lines; false, and nothing written, if this is no such
 * array.
 */
static bool
oe_shape_lines(OeMessageFormat *shape, const char *lines)
{
	static const char *const always[] = {"part", "id", NULL};
	const char *p = oe_scan_open(lines, '[');
	OePiece		line;
	bool		first = true;

	if (p == NULL)
		return false;
	oe_open_member(shape->out, "lines", '[');
	while (oe_scan_element(&p, &line))
	{
		OePiece		part;

		if (!oe_part_of(line.s, &part))
			continue;
		appendStringInfoString(shape->out, first ? "{" : ",{");
		first = false;
		oe_shape_object(shape, line.s, &part, always);
		appendStringInfoChar(shape->out, '}');
	}
	appendStringInfoChar(shape->out, ']');
	return true;
}

/*
 * Copies one change; its members have the classes of its part.
 */
static void
oe_shape_change(OeMessageFormat *shape, const char *change, const OePiece *part)
{
	static const char *const none[] = {NULL};
	const char *p = oe_scan_open(change, '{');
	OePiece		key;
	OePiece		value;

	while (oe_scan_member(&p, &key, &value))
	{
		if (oe_piece_is(&key, "fields"))
		{
			oe_open_member(shape->out, "fields", '{');
			oe_shape_object(shape, value.s, part, none);
			appendStringInfoChar(shape->out, '}');
		}
		else
			oe_copy_member(shape->out, &key, &value);
	}
}

static void
oe_shape_changes(OeMessageFormat *shape, const char *changes)
{
	const char *p = oe_scan_open(changes, '[');
	OePiece		change;
	bool		first = true;

	oe_open_member(shape->out, "changes", '[');
	while (oe_scan_element(&p, &change))
	{
		OePiece		part;

		if (!oe_part_of(change.s, &part))
			continue;
		appendStringInfoString(shape->out, first ? "{" : ",{");
		first = false;
		oe_shape_change(shape, change.s, &part);
		appendStringInfoChar(shape->out, '}');
	}
	appendStringInfoChar(shape->out, ']');
}

/*
 * Copies data.<entity>; of a thin event only its name and its document.
 */
static void
oe_shape_entity(OeMessageFormat *shape, const OePiece *entity, const char *value)
{
	static const char *const always[] = {"id", "document", NULL};
	const char *p;
	OePiece		key;
	OePiece		member;

	appendStringInfo(shape->out, "%s\"%.*s\":{", shape->out->data[shape->out->len - 1] == '{' ? "" : ",", entity->len, entity->s);
	if (!shape->conf->thin)
		oe_shape_object(shape, value, entity, always);
	else
	{
		p = oe_scan_open(value, '{');
		while (oe_scan_member(&p, &key, &member))
			if (oe_piece_is(&key, "id") || oe_piece_is(&key, "document") ||
				(oe_piece_is(&key, "name") && oe_member_seen(shape, entity, &key)))
				oe_copy_member(shape->out, &key, &member);
	}
	appendStringInfoChar(shape->out, '}');
}

/*
 * Which member of data is the entity? For events about a record the first one,
 * for others the one that the type names.
 */
static bool
oe_is_entity(const OeEnvelope *env, const OePiece *key, const OePiece *value, bool first)
{
	const char *dot;

	if (value->s[0] != '{')
		return false;
	if (env->record.s != NULL)
		return first;
	dot = memchr(env->type.s, '.', env->type.len);
	dot = dot ? memchr(dot + 1, '.', env->type.s + env->type.len - dot - 1) : NULL;
	return dot != NULL && env->type.s + env->type.len - dot - 1 > key->len &&
		memcmp(dot + 1, key->s, key->len) == 0 && dot[1 + key->len] == '.';
}

/*
 * The data that this subscription gets.
 */
static void
oe_shape_data(OeMessageFormat *shape, const OeEnvelope *env)
{
	const char *p = oe_scan_open(env->data.s, '{');
	bool		thin = shape->conf->thin;
	bool		first = true;
	OePiece		all = {"data", 4};
	OePiece		key;
	OePiece		value;

	appendStringInfoChar(shape->out, '{');
	if (p == NULL && !thin)
		oe_note_redacted(shape, NULL, &all);
	while (oe_scan_member(&p, &key, &value))
	{
		if (oe_is_entity(env, &key, &value, first))
			oe_shape_entity(shape, &key, value.s);
		else if (oe_piece_is(&key, "transition"))
			oe_copy_member(shape->out, &key, &value);
		else if (thin)
			continue;
		else if (oe_piece_is(&key, "lines") && oe_shape_lines(shape, value.s))
			continue;
		else if (oe_piece_is(&key, "changes") && value.s[0] == '[' && env->record.s != NULL)
			oe_shape_changes(shape, value.s);
		else if (oe_piece_is(&key, "lines_read_at") || oe_member_seen(shape, NULL, &key))
			oe_copy_member(shape->out, &key, &value);
		first = false;
	}
	if (shape->redacted->len > 0)
	{
		oe_open_member(shape->out, "redacted", '[');
		appendBinaryStringInfo(shape->out, shape->redacted->data, shape->redacted->len);
		appendStringInfoChar(shape->out, ']');
	}
	appendStringInfoChar(shape->out, '}');
}

/*
 * May the subscription see all of data, so that it can be copied?
 */
static bool
oe_data_as_is(const OeConfiguration *conf, const char *classes)
{
	if (conf->thin || conf->nfields > 0 || !oe_cleared(conf, OE_INTERNAL))
		return false;
	for (const char *p = classes; p != NULL && *p != '\0';)
	{
		if (*p != '@' && !oe_cleared(conf, *p - '0'))
			return false;
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return true;
}

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
		ErrorData  *err;

		MemoryContextSwitchTo(cxt);
		err = CopyErrorData();
		if (!oe_watch_contains(err->sqlerrcode, false))
			PG_RE_THROW();
		FlushErrorState();
		why = psprintf("the event could not be rendered: %s", err->message);
		FreeErrorData(err);
	}
	PG_END_TRY();
	return why;
}
