/*
 * legible.c
 *	  Makes JSON text acceptable to jsonb.
 *
 * Any backend; reads no table.  Valid JSON may contain values that jsonb refuses:
 * \u0000, half of a surrogate pair, a number out of bounds.  reconcile() and
 * explain() read events as jsonb.  One such value must not keep them from the
 * other members of an event, so it is replaced.
 */
#include "postgres.h"

#include <ctype.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "base/watch.h"

#define OE_NUMBER_MAX 1000		/* characters of a number, and the largest
								 * exponent */

PG_FUNCTION_INFO_V1(oe_sql_legible);

static bool
oe_jsonb_of(char *text, Datum *jsonb)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool good = false;

	PG_TRY();
	{
		*jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
		good = true;
	}
	PG_CATCH();
	{
		FreeErrorData(oe_watch_caught(cxt, false));
	}
	PG_END_TRY();
	return good;
}

/*
 * The code unit of the escape \uXXXX at p; -1 if there is no such escape.
 */
static int
oe_escaped_unit(const char *p)
{
	int			unit = 0;

	if (p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++)
	{
		unsigned char c = (unsigned char) p[i];

		if (!isxdigit(c))
			return -1;
		unit = unit * 16 + (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return unit;
}

/*
 * Copies a string; U+FFFD replaces escapes that jsonb refuses.
 */
static const char *
oe_legible_string(StringInfo out, const char *p)
{
	appendStringInfoChar(out, *p++);
	while (*p != '\0' && *p != '"')
	{
		int			unit = oe_escaped_unit(p);
		int			low = unit >= 0xd800 && unit < 0xdc00 ? oe_escaped_unit(p + 6) : -1;
		int			len = low >= 0xdc00 && low < 0xe000 ? 12 : unit >= 0 ? 6 : p[0] == '\\' && p[1] != '\0' ? 2 : 1;

		if (unit == 0 || (unit >= 0xd800 && unit < 0xe000 && len == 6))
			appendStringInfoString(out, "\\ufffd");
		else
			appendBinaryStringInfo(out, p, len);
		p += len;
	}
	if (*p == '"')
		appendStringInfoChar(out, *p++);
	return p;
}

/*
 * Copies a number; one that exceeds OE_NUMBER_MAX becomes null.
 */
static const char *
oe_legible_number(StringInfo out, const char *p)
{
	int			len = strspn(p, "0123456789+-.eE");
	const char *e = memchr(p, 'e', len);

	if (e == NULL)
		e = memchr(p, 'E', len);
	if (len > OE_NUMBER_MAX || (e != NULL && labs(strtol(e + 1, NULL, 10)) > OE_NUMBER_MAX))
		appendStringInfoString(out, "null");
	else
		appendBinaryStringInfo(out, p, len);
	return p + len;
}

/*
 * _legible(text): the text that jsonb accepts; null where it is not JSON.
 */
Datum
oe_sql_legible(PG_FUNCTION_ARGS)
{
	char	   *json = text_to_cstring(PG_GETARG_TEXT_PP(0));
	StringInfoData out;
	Datum		jsonb;

	if (oe_jsonb_of(json, &jsonb))
		PG_RETURN_DATUM(jsonb);
	initStringInfo(&out);
	for (const char *p = json; *p != '\0';)
	{
		if (*p == '"')
			p = oe_legible_string(&out, p);
		else if (*p == '-' || isdigit((unsigned char) *p))
			p = oe_legible_number(&out, p);
		else
			appendStringInfoChar(&out, *p++);
	}
	if (oe_jsonb_of(out.data, &jsonb))
		PG_RETURN_DATUM(jsonb);
	PG_RETURN_NULL();
}
