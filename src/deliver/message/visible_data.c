/*
 * visible_data.c
 *	  What of an event's data one subscription may see: thinning, redaction.
 *
 * Worker, and rendered() in a backend; no transaction, no look-ups.
 *
 * A member's class is the one that "classes" gives for "<entity or
 * part>.<field>", else the event's own class ("*"), else internal.  Ids, the
 * kind of a line, the document of an event and its state transition are always
 * kept.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/scan.h"
#include "deliver/message/visible_data.h"
#include "deliver/model/configuration.h"

/*
 * Copies an array of lines; false, and nothing written, if this is no such
 * array.
 */
static bool oe_shape_lines(OeMessageFormat *shape, const char *lines);

/*
 * The class that the event's classes give for this name; -1: none.
 */
int
oe_class_named(const char *classes, const char *owner, int owner_len, const char *field, int field_len)
{
	const char *p = classes;

	while (p != NULL && *p != '\0')
	{
		const char *end = strchrnul(p, ' ');
		const char *name = p + 2;
		int			len = end - name;

		if (*p == '@' || *p == '>')
			;					/* no class: company.c, filter.c */
		else if (owner == NULL ? len == field_len && memcmp(name, field, len) == 0
				 : len == owner_len + 1 + field_len && memcmp(name, owner, owner_len) == 0 && name[owner_len] == '.' &&
				 memcmp(name + owner_len + 1, field, field_len) == 0)
			return *p - '0';
		p = *end ? end + 1 : end;
	}
	return -1;
}

bool
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

void
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
void
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
bool
oe_data_as_is(const OeConfiguration *conf, const char *classes)
{
	if (conf->thin || conf->nfields > 0 || !oe_cleared(conf, OE_INTERNAL))
		return false;
	for (const char *p = classes; p != NULL && *p != '\0';)
	{
		if (*p != '@' && *p != '>' && !oe_cleared(conf, *p - '0'))
			return false;
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return true;
}
