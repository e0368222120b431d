/*
 * json_row.c
 *	  Rows as JSON text: reading the flat objects of the journal.
 *
 * Any process.  Capture writes the journal's text in one fixed form, so that no
 * general parser is needed.  The value of a member stays a slice of that text:
 * no digit is lost, and values that no event contains cost nothing.
 */
#include "postgres.h"

#include <ctype.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "base/json_row.h"
#include "base/scan.h"

static void
oe_row_malformed(const char *text, const char *at)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("a row of the journal is not a JSON object"),
			 errdetail("At character %d.", (int) (at - text) + 1)));
}

/*
 * A hash of a column's name: a search compares integers first, and rows are
 * searched far more often than they are split.
 */
uint32
oe_key_tag(const char *key, int len)
{
	if (len == 0)
		return 0;
	return (uint32) (unsigned char) len | (uint32) (unsigned char) key[0] << 8 |
		(uint32) (unsigned char) key[len / 2] << 16 | (uint32) (unsigned char) key[len - 1] << 24;
}

/*
 * Splits an object into its members; the slices point into "text".
 */
void
oe_row_parse(const char *text, OeJsonRow *row)
{
	const char *p = oe_scan_space(text);
	int			room = 0;

	row->n = row->nraw = 0;
	row->m = NULL;
	if (*p != '{')
		oe_row_malformed(text, p);
	p = oe_scan_space(p + 1);
	while (*p != '}')
	{
		OeMember   *m;
		const char *end;

		if (row->n == room)
		{
			room = room ? room * 2 : 32;
			row->m = row->m ? repalloc(row->m, sizeof(OeMember) * room)
				: palloc(sizeof(OeMember) * room);
		}
		m = &row->m[row->n++];
		if (*p != '"' || (end = oe_scan_string(p)) == NULL)
			oe_row_malformed(text, p);
		m->key = p + 1;
		m->len = end - p - 2;
		m->tag = oe_key_tag(m->key, m->len);
		p = oe_scan_space(end);
		if (*p != ':')
			oe_row_malformed(text, p);
		p = oe_scan_space(p + 1);
		if ((end = oe_scan_value(p)) == NULL)
			oe_row_malformed(text, p);
		m->value.s = p;
		m->value.len = end - p;
		p = oe_scan_space(end);
		if (*p == ',')
			p = oe_scan_space(p + 1);
		else if (*p != '}')
			oe_row_malformed(text, p);
	}
}

static inline bool
oe_member_is(const OeMember *m, const char *key, int len, uint32 tag)
{
	return m->tag == tag && m->len == len && memcmp(m->key, key, len) == 0;
}

static inline const OeText *
oe_row_search(const OeJsonRow *row, const char *key, int len, uint32 tag, int *at)
{
	for (int i = 0; i < row->n; i++)
		if (oe_member_is(&row->m[i], key, len, tag))
		{
			*at = i;
			return &row->m[i].value;
		}
	return len == 2 && memcmp(key, "id", 2) == 0 && row->id.s != NULL ? &row->id : NULL;
}

/*
 * A column's value, null included; NULL where the row has no such column.
 */
const OeText *
oe_row_find(const OeJsonRow *row, const char *key)
{
	int			len = strlen(key);
	int			at;

	return oe_row_search(row, key, len, oe_key_tag(key, len), &at);
}

/*
 * The same where the caller knows the key's length and tag, and at which index
 * the previous row had it (*at): most rows of a table have the same columns.
 */
const OeText *
oe_row_find_near(const OeJsonRow *row, const char *key, int len, uint32 tag, int *at)
{
	if (*at < row->n && oe_member_is(&row->m[*at], key, len, tag))
		return &row->m[*at].value;
	return oe_row_search(row, key, len, tag, at);
}

bool
oe_text_null(const OeText *t)
{
	return t == NULL || t->s == NULL || (t->len == 4 && memcmp(t->s, "null", 4) == 0);
}

bool
oe_text_int(const OeText *t, int64 *value)
{
	char		buf[24];
	char	   *end;
	int64		number = 0;

	if (oe_text_null(t) || t->len >= sizeof(buf) || t->len == 0)
		return false;
	/* an id, nearly always */
	for (int i = 0; t->len <= 18; i++)
	{
		if (i == t->len)
		{
			*value = number;
			return true;
		}
		if (t->s[i] < '0' || t->s[i] > '9')
			break;
		number = number * 10 + (t->s[i] - '0');
	}
	memcpy(buf, t->s, t->len);
	buf[t->len] = '\0';
	errno = 0;
	*value = strtoll(buf, &end, 10);
	return errno == 0 && end > buf && *end == '\0';
}

/* Appends the character of an escape; \u0000 cannot be in a C string. */
static void
oe_append_code(StringInfo buf, int code)
{
	unsigned char text[MAX_UNICODE_EQUIVALENT_STRING + 1];

	if (code <= 0)
		return;
	if (code < 0x80)
	{
		appendStringInfoChar(buf, (char) code);
		return;
	}
	pg_unicode_to_server(code, text);
	appendStringInfoString(buf, (char *) text);
}

/*
 * The value as a C string: a string without its quotes and escapes, anything
 * else as it stands; NULL for null.
 */
char *
oe_text_cstring(const OeText *t)
{
	StringInfoData buf;
	const char *p;
	const char *end;

	if (oe_text_null(t))
		return NULL;
	if (t->s[0] != '"')
		return pnstrdup(t->s, t->len);
	p = t->s + 1;
	end = t->s + t->len - 1;
	if (memchr(p, '\\', end - p) == NULL)
		return pnstrdup(p, end - p);
	initStringInfo(&buf);
	while (p < end)
	{
		if (*p == '\\' && p + 1 < end)
			oe_append_code(&buf, oe_scan_char(&p, end));
		else
			appendStringInfoChar(&buf, *p++);
	}
	return buf.data;
}

/* Is the value the string "s"?  For states and other texts without escapes. */
bool
oe_text_is(const OeText *t, const char *s)
{
	int			len = strlen(s);

	return t != NULL && t->s != NULL && t->len == len + 2 && t->s[0] == '"' &&
		memcmp(t->s + 1, s, len) == 0;
}

bool
oe_text_in(const OeText *t, int n, char **list)
{
	for (int i = 0; i < n; i++)
		if (oe_text_is(t, list[i]))
			return true;
	return false;
}

bool
oe_text_equal(const OeText *a, const OeText *b)
{
	if (oe_text_null(a) || oe_text_null(b))
		return oe_text_null(a) && oe_text_null(b);
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

/* Is the first of two times (as base/json.c writes them) the later one? */
bool
oe_text_later(const OeText *a, const OeText *b)
{
	int			n;
	int			cmp;

	if (oe_text_null(a) || oe_text_null(b))
		return false;

	/*
	 * trailing zeros of the fraction are not written: of two times that agree
	 * up to the shorter one's Z the shorter one is earlier
	 */
	n = Min(a->len, b->len) - 2;
	cmp = n > 0 ? memcmp(a->s, b->s, n) : 0;
	return cmp > 0 || (cmp == 0 && a->len > b->len);
}

/* Counts the significant digits; *exponent is the power of ten of the last one. */
static int
oe_number_digits(const char *s, int len, char *digits, int *exponent)
{
	int			n = 0;
	int			point = 0;
	bool		fraction = false;
	int			exp10 = 0;

	for (int i = 0; i < len; i++)
	{
		if (s[i] == '.')
			fraction = true;
		else if (s[i] == 'e' || s[i] == 'E')
		{
			exp10 = atoi(s + i + 1);
			break;
		}
		else if (isdigit((unsigned char) s[i]))
		{
			if (fraction)
				point--;
			if (n > 0 || s[i] != '0')
				digits[n++] = s[i];
		}
	}
	while (n > 0 && digits[n - 1] == '0')
	{
		n--;
		point++;
	}
	*exponent = point + exp10;
	return n;
}

/*
 * Does a double hold this number with exactly the digits that are written?
 */
static bool
oe_number_exact(const char *s, int len)
{
	char		copy[64];
	char		shortest[DOUBLE_SHORTEST_DECIMAL_LEN];
	char		d1[64];
	char		d2[64];
	int			e1;
	int			e2;
	int			n1;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, s, len);
	copy[len] = '\0';
	n1 = oe_number_digits(copy, len, d1, &e1);
	if (n1 <= 15 && e1 > -300 && e1 < 290)
		return true;
	double_to_shortest_decimal_buf(strtod(copy, NULL), shortest);
	return oe_number_digits(shortest, strlen(shortest), d2, &e2) == n1 &&
		memcmp(d1, d2, n1) == 0 && e1 == e2;
}

/*
 * Appends a value as events contain it: unchanged, but a number that a double
 * cannot hold exactly becomes a string.
 */
void
oe_text_write(StringInfo buf, const OeText *t)
{
	if (oe_text_null(t))
		appendStringInfoString(buf, "null");
	else if ((t->s[0] == '-' || isdigit((unsigned char) t->s[0])) &&
			 t->len > 15 && !oe_number_exact(t->s, t->len))
	{
		appendStringInfoChar(buf, '"');
		appendBinaryStringInfo(buf, t->s, t->len);
		appendStringInfoChar(buf, '"');
	}
	else
		appendBinaryStringInfo(buf, t->s, t->len);
}
