/*
 * scan.c
 *	  Reading JSON text in place (scan.h).
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"

#include "base/scan.h"

const char *
oe_scan_space(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

const char *
oe_scan_string(const char *p)
{
	for (p++; *p != '\0' && *p != '"'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return *p == '"' ? p + 1 : NULL;
}

const char *
oe_scan_value(const char *p)
{
	int			depth = 0;

	if (*p == '"')
		return oe_scan_string(p);
	if (*p != '{' && *p != '[')
	{
		const char *start = p;

		while (*p != '\0' && *p != ',' && *p != '}' && *p != ']' && !isspace((unsigned char) *p))
			p++;
		return p > start ? p : NULL;
	}
	for (; *p != '\0'; p++)
	{
		if (*p == '"')
		{
			p = oe_scan_string(p);
			if (p == NULL)
				return NULL;
			p--;
		}
		else if (*p == '{' || *p == '[')
			depth++;
		else if ((*p == '}' || *p == ']') && --depth == 0)
			return p + 1;
	}
	return NULL;
}

const char *
oe_scan_open(const char *p, char bracket)
{
	p = oe_scan_space(p);
	return *p == bracket ? oe_scan_space(p + 1) : NULL;
}

/*
 * Skips the comma behind a value; stays at the closing bracket.
 */
static const char *
oe_scan_next(const char *p, char close)
{
	p = oe_scan_space(p);
	if (*p == ',')
		return oe_scan_space(p + 1);
	return *p == close ? p : NULL;
}

bool
oe_scan_member(const char **p, OePiece *key, OePiece *value)
{
	const char *end;

	if (*p == NULL || **p != '"' || (end = oe_scan_string(*p)) == NULL)
		return false;
	key->s = *p + 1;
	key->len = end - *p - 2;
	end = oe_scan_space(end);
	*p = NULL;
	if (*end != ':')
		return false;
	value->s = oe_scan_space(end + 1);
	end = oe_scan_value(value->s);
	if (end == NULL)
		return false;
	value->len = end - value->s;
	*p = oe_scan_next(end, '}');
	return true;
}

bool
oe_scan_element(const char **p, OePiece *value)
{
	const char *end;

	if (*p == NULL || **p == ']')
		return false;
	value->s = *p;
	end = oe_scan_value(*p);
	*p = NULL;
	if (end == NULL)
		return false;
	value->len = end - value->s;
	*p = oe_scan_next(end, ']');
	return true;
}

bool
oe_piece_is(const OePiece *slice, const char *text)
{
	return slice->len == (int) strlen(text) && memcmp(slice->s, text, slice->len) == 0;
}

/*
 * The number that four hexadecimal digits stand for; -1 if they are not digits.
 */
static int
oe_scan_hex(const char *p, const char *end)
{
	int			code = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		unsigned char c = (unsigned char) p[i];

		if (!isxdigit(c))
			return -1;
		code = code * 16 + (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return code;
}

/*
 * The code point of the escape \uXXXX, or of two where they are a surrogate pair.
 */
static int
oe_scan_unicode(const char **p, const char *end)
{
	int			code = oe_scan_hex(*p, end);
	int			low;

	if (code < 0)
		return '?';
	*p += 4;
	if (code >= 0xd800 && code < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' &&
		(low = oe_scan_hex(*p + 2, end)) >= 0xdc00 && low < 0xe000)
	{
		*p += 6;
		return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	return code >= 0xd800 && code < 0xe000 ? '?' : code;
}

int
oe_scan_char(const char **p, const char *end)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	const char *s = *p;
	const char *found;
	int			len;

	if (s >= end)
		return -1;
	if (*s != '\\')
	{
		len = IS_HIGHBIT_SET(*s) && GetDatabaseEncoding() == PG_UTF8 ? pg_utf_mblen((const unsigned char *) s) : 1;
		if (len > end - s)
			len = 1;
		*p = s + len;
		return len == 1 ? (unsigned char) *s : (int) utf8_to_unicode((const unsigned char *) s);
	}
	*p = s + Min(2, end - s);
	if (end - s < 2)
		return '?';
	if (s[1] == 'u')
		return oe_scan_unicode(p, end);
	found = strchr(from, s[1]);
	return found ? to[found - from] : (unsigned char) s[1];
}
