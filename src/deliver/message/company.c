/*
 * company.c
 *	  What a subscription of some companies may see of a record that all share.
 *
 * Such an event has no company, and a company-dependent field of it, as the
 * cost of a product, holds a value for each: {"1": 20.0, "2": 7.5}.  Which
 * fields these are is frozen with the event ("@:product.standard_price" in
 * column "classes", publish/catalog/member_classes.c).  The bytes of the outbox stay as they
 * are: what one subscription gets of them is a pure function of the event's
 * text, its classes and the subscription's companies.
 *
 * Any process; no reading, no locks.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/scan.h"
#include "deliver/message/company.h"

PG_FUNCTION_INFO_V1(oe_sql_company_event);

/* One reduction. */
typedef struct OeReduction
{
	const char *classes;
	const int  *companies;
	int			n;
	StringInfo	out;
	bool		cut;			/* changes that may not be seen were left out */
	bool		left;			/* others stayed */
} OeReduction;

/*
 * Does an event of these classes hold values of several companies?
 */
bool
oe_is_company_event(const char *classes)
{
	return classes != NULL && strchr(classes, '@') != NULL;
}

/* Is the member one that holds a value per company? */
static bool
oe_is_marked(const OeReduction *r, const OePiece *owner, const OePiece *field)
{
	for (const char *p = strchr(r->classes, '@'); p != NULL; p = strchr(p + 1, '@'))
	{
		const char *name = p + 2;
		int			len = strcspn(name, " ");

		if (len == owner->len + 1 + field->len && memcmp(name, owner->s, owner->len) == 0 &&
			name[owner->len] == '.' && memcmp(name + owner->len + 1, field->s, field->len) == 0)
			return true;
	}
	return false;
}

static bool
oe_is_seen(const OeReduction *r, const OePiece *company)
{
	for (int i = 0; i < r->n; i++)
	{
		char		text[16];

		snprintf(text, sizeof(text), "%d", r->companies[i]);
		if (oe_piece_is(company, text))
			return true;
	}
	return false;
}

/*
 * The value with the members of the companies alone; null where none is left.
 */
static void
oe_write_seen(const OeReduction *r, StringInfo out, const OePiece *value)
{
	const char *p = oe_scan_open(value->s, '{');
	bool		any = false;
	OePiece		company;
	OePiece		part;

	while (oe_scan_member(&p, &company, &part))
	{
		if (!oe_is_seen(r, &company))
			continue;
		appendStringInfo(out, "%s\"%.*s\": ", any ? ", " : "{", company.len, company.s);
		appendBinaryStringInfo(out, part.s, part.len);
		any = true;
	}
	appendStringInfoString(out, any ? "}" : "null");
}

static void
oe_begin_member(StringInfo out, const OePiece *key)
{
	if (out->data[out->len - 1] != '{')
		appendStringInfoChar(out, ',');
	appendStringInfo(out, "\"%.*s\":", key->len, key->s);
}

/*
 * A field's old and new value; left out where what may be seen of them is the
 * same.
 */
static void
oe_reduce_pair(OeReduction *r, const OePiece *key, const OePiece *pair)
{
	const char *p = oe_scan_open(pair->s, '[');
	StringInfoData values[2];
	OePiece		value;
	int			n = 0;

	while (n < 2 && oe_scan_element(&p, &value))
	{
		initStringInfo(&values[n]);
		oe_write_seen(r, &values[n++], &value);
	}
	if (n < 2 || strcmp(values[0].data, values[1].data) == 0)
	{
		r->cut = true;
		return;
	}
	oe_begin_member(r->out, key);
	appendStringInfo(r->out, "[%s,%s]", values[0].data, values[1].data);
	r->left = true;
}

/*
 * The fields of a change; answers whether any is left.
 */
static bool
oe_reduce_fields(OeReduction *r, const OePiece *fields, const OePiece *owner)
{
	const char *p = oe_scan_open(fields->s, '{');
	int			start;
	bool		empty = true;
	OePiece		key;
	OePiece		value;

	appendStringInfoChar(r->out, '{');
	start = r->out->len;
	while (oe_scan_member(&p, &key, &value))
	{
		empty = false;
		if (oe_is_marked(r, owner, &key))
		{
			oe_reduce_pair(r, &key, &value);
			continue;
		}
		oe_begin_member(r->out, &key);
		appendBinaryStringInfo(r->out, value.s, value.len);
		r->left = true;
	}
	appendStringInfoChar(r->out, '}');
	return empty || r->out->len > start + 1;
}

static void oe_reduce_list(OeReduction *r, const OePiece *list);

/*
 * An object: the entity, a line, or a change, whose fields are those of its
 * part.  Answers whether there is anything left of it.
 */
static bool
oe_reduce_object(OeReduction *r, const OePiece *object, OePiece owner)
{
	const char *p = oe_scan_open(object->s, '{');
	bool		left = true;
	OePiece		key;
	OePiece		value;

	appendStringInfoChar(r->out, '{');
	while (oe_scan_member(&p, &key, &value))
	{
		if (oe_piece_is(&key, "part") && value.len > 2 && value.s[0] == '"')
		{
			owner.s = value.s + 1;
			owner.len = value.len - 2;
		}
		oe_begin_member(r->out, &key);
		if (oe_piece_is(&key, "lines") && value.s[0] == '[')
			oe_reduce_list(r, &value);
		else if (oe_piece_is(&key, "fields") && value.s[0] == '{')
			left = oe_reduce_fields(r, &value, &owner);
		else if (oe_is_marked(r, &owner, &key))
			oe_write_seen(r, r->out, &value);
		else
			appendBinaryStringInfo(r->out, value.s, value.len);
	}
	appendStringInfoChar(r->out, '}');
	return left;
}

/* An array of lines or changes; what is not an object stays. */
static void
oe_reduce_list(OeReduction *r, const OePiece *list)
{
	const char *p = oe_scan_open(list->s, '[');
	OePiece		none = {"", 0};
	OePiece		element;
	bool		first = true;

	appendStringInfoChar(r->out, '[');
	while (oe_scan_element(&p, &element))
	{
		int			start = r->out->len;

		if (!first)
			appendStringInfoChar(r->out, ',');
		if (element.s[0] != '{')
			appendBinaryStringInfo(r->out, element.s, element.len);
		else if (!oe_reduce_object(r, &element, none))
		{
			r->out->len = start;
			r->out->data[start] = '\0';
			continue;
		}
		first = false;
	}
	appendStringInfoChar(r->out, ']');
}

static void
oe_reduce_data(OeReduction *r, const OePiece *data)
{
	const char *p = oe_scan_open(data->s, '{');
	OePiece		key;
	OePiece		value;

	appendStringInfoChar(r->out, '{');
	while (oe_scan_member(&p, &key, &value))
	{
		oe_begin_member(r->out, &key);
		if (value.s[0] == '{')
			(void) oe_reduce_object(r, &value, key);
		else if (value.s[0] == '[')
			oe_reduce_list(r, &value);
		else
			appendBinaryStringInfo(r->out, value.s, value.len);
	}
	appendStringInfoChar(r->out, '}');
}

/*
 * The event for a subscription of these companies, as new text.  *tells is
 * false where its changes are other companies' alone: then nobody wants it.
 * "body" ends with a NUL.
 */
char *
oe_company_event(const char *body, const char *classes, const int *companies, int n, bool *tells)
{
	StringInfoData out;
	OeReduction r = {classes, companies, n, &out, false, false};
	const char *p = oe_scan_open(body, '{');
	OePiece		key;
	OePiece		value;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	while (oe_scan_member(&p, &key, &value))
	{
		oe_begin_member(&out, &key);
		if (oe_piece_is(&key, "data") && value.s[0] == '{')
			oe_reduce_data(&r, &value);
		else
			appendBinaryStringInfo(&out, value.s, value.len);
	}
	appendStringInfoChar(&out, '}');
	*tells = r.left || !r.cut;
	return out.data;
}

/*
 * _company_event(event, classes, companies): the same for fetch(), replays and
 * trace(); null where a subscription of these companies does not get it.
 */
Datum
oe_sql_company_event(PG_FUNCTION_ARGS)
{
	char	   *classes;
	char	   *event;
	Datum	   *values;
	bool	   *nulls;
	int		   *companies;
	int			n;
	bool		tells;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	classes = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (PG_ARGISNULL(2) || !oe_is_company_event(classes))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, &n);
	companies = palloc(sizeof(int) * Max(n, 1));
	for (int i = 0; i < n; i++)
		companies[i] = nulls[i] ? 0 : DatumGetInt32(values[i]);
	event = oe_company_event(text_to_cstring(PG_GETARG_TEXT_PP(0)), classes, companies, n, &tells);
	if (!tells)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(event));
}
