/*
 * redact.c
 *	  Makes text that an endpoint sent fit for tables that others read.
 *
 * Worker only; results are in oe_delivery.cxt.
 */
#include "postgres.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/settle/redact.h"
#include "deliver/transport/request.h"

#define OE_SECRET_LEAST 4		/* shorter ones are words */
#define OE_SECRET_BEGINNING 8	/* so much of one is hidden like all of it */

/* ---- what is hidden ---- */

static void
oe_hide_form(OeConfiguration *conf, char *form)
{
	MemoryContext old = MemoryContextSwitchTo(conf->cxt);

	conf->secrets = conf->secrets == NULL ? palloc(sizeof(char *)) : repalloc(conf->secrets, sizeof(char *) * (conf->nsecrets + 1));
	conf->secrets[conf->nsecrets++] = form;
	MemoryContextSwitchTo(old);
}

/*
 * How a secret looks in the base64 of a text that it is part of, "before"
 * bytes into a group of three: the digits that depend on nothing else.
 */
static char *
oe_base64_of(MemoryContext cxt, const char *secret, int before)
{
	int			len = strlen(secret);
	unsigned char *plain = MemoryContextAllocZero(cxt, before + len + 1);
	char	   *text = MemoryContextAlloc(cxt, (before + len) * 4 / 3 + 8);
	int			from = (before * 8 + 5) / 6;
	int			to = (before + len) * 8 / 6;
	int			all;

	memcpy(plain + before, secret, len);
	all = EVP_EncodeBlock((unsigned char *) text, plain, before + len);
	OPENSSL_cleanse(plain, before + len);
	pfree(plain);
	memmove(text, text + from, to - from);
	/* what is wiped later ends here */
	OPENSSL_cleanse(text + to - from, all - (to - from));
	return text;
}

/*
 * From now on this is shown nowhere, nor are the ways to write it that
 * oe_match_char() does not know.
 */
void
oe_hide(OeConfiguration *conf, const char *secret)
{
	if (secret == NULL || strlen(secret) < OE_SECRET_LEAST)
		return;
	oe_hide_form(conf, MemoryContextStrdup(conf->cxt, secret));
	for (int before = 0; before < 3; before++)
		oe_hide_form(conf, oe_base64_of(conf->cxt, secret, before));
}

/* ---- hiding it ---- */

/*
 * A number in this base at "p", which "end" is the end of; -1 if there is none.
 */
static int
oe_digits(const char *p, const char *end, int n, int base)
{
	int			value = 0;

	if (end - p < n)
		return -1;
	for (int i = 0; i < n; i++)
	{
		const char *digits = "0123456789abcdef";
		const char *d = p[i] == '\0' ? NULL : strchr(digits, pg_ascii_tolower((unsigned char) p[i]));

		if (d == NULL || d - digits >= base)
			return -1;
		value = value * base + (int) (d - digits);
	}
	return value;
}

/*
 * Is code point "c" written as an entity of HTML, "&amp;" or "&#38;" or
 * "&#x26;"?  Answers how long that is.
 */
static int
oe_match_entity(const char *p, const char *end, pg_wchar c)
{
	static const struct
	{
		pg_wchar	c;
		const char *name;
	}			names[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"}};
	bool		hex = end - p > 2 && (p[2] == 'x' || p[2] == 'X');
	int			at = hex ? 3 : 2;

	for (int i = 0; i < lengthof(names); i++)
		if (names[i].c == c && end - p >= (int) strlen(names[i].name) && memcmp(p, names[i].name, strlen(names[i].name)) == 0)
			return strlen(names[i].name);
	if (end - p < 4 || p[1] != '#')
		return 0;
	for (int n = 1; n <= 7 && at + n < end - p; n++)
		if (p[at + n] == ';')
			return oe_digits(p + at, end, n, hex ? 16 : 10) == (int) c ? at + n + 1 : 0;
	return 0;
}

/*
 * Is it written with a backslash, as JSON and many languages have it?
 */
static int
oe_match_escape(const char *p, const char *end, pg_wchar c)
{
	int			high = 0xd800 + (int) ((c - 0x10000) >> 10);
	int			low = 0xdc00 + (int) ((c - 0x10000) & 0x3ff);

	if (end - p < 2)
		return 0;
	if ((pg_wchar) (unsigned char) p[1] == c && strchr("\\\"'/", p[1]) != NULL)
		return 2;
	if (p[1] == 'x')
		return oe_digits(p + 2, end, 2, 16) == (int) c ? 4 : 0;
	if (p[1] != 'u')
		return 0;
	if (c < 0x10000)
		return oe_digits(p + 2, end, 4, 16) == (int) c ? 6 : 0;
	return oe_digits(p + 2, end, 4, 16) == high && end - p >= 12 && p[6] == '\\' && p[7] == 'u' &&
		oe_digits(p + 8, end, 4, 16) == low ? 12 : 0;
}

/*
 * One character of a secret, n bytes long, as somebody may have written it:
 * how many bytes of the text that takes; 0 if it is not there.
 */
static int
oe_match_char(const char *p, const char *end, const unsigned char *s, int n)
{
	pg_wchar	c = n == 1 ? s[0] : utf8_to_unicode(s);

	if (end - p >= n && memcmp(p, s, n) == 0)
		return n;
	switch (*p)
	{
		case '+':
			return c == ' ' ? 1 : 0;
		case '-':				/* base64 in a URL */
			return c == '+' ? 1 : 0;
		case '_':
			return c == '/' ? 1 : 0;
		case '\\':
			return oe_match_escape(p, end, c);
		case '&':
			return oe_match_entity(p, end, c);
		case '%':
			for (int i = 0; i < n; i++)
				if (end - p < 3 * (i + 1) || p[3 * i] != '%' || oe_digits(p + 3 * i + 1, end, 2, 16) != s[i])
					return 0;
			return 3 * n;
		default:
			return 0;
	}
}

/*
 * How much of the text from "p" on is this secret, or its beginning; 0 if it
 * is too little to say so.  The end of a text that was cut hides the rest.
 */
static int
oe_match_secret(const char *p, const char *end, const char *secret, bool cut)
{
	const char *q = p;
	const unsigned char *s = (const unsigned char *) secret;

	while (*s != '\0' && q < end)
	{
		int			n = Min(pg_utf_mblen(s), (int) strlen((const char *) s));
		int			len = oe_match_char(q, end, s, n);

		if (len == 0)
		{
			/* an escape that the end of the text has broken */
			if (cut && q > p && end - q < 12 && strchr("%\\&", *q) != NULL)
				q = end;
			break;
		}
		q += len;
		s += n;
	}
	if (*s == '\0' || (cut && q == end) || (const char *) s - secret >= OE_SECRET_BEGINNING)
		return q - p;
	return 0;
}

/*
 * Replaces a secret by asterisks: endpoints may send back what they got.
 */
static void
oe_redact(char *text, int len, const char *secret, bool cut)
{
	char	   *end = text + len;

	for (char *p = text; p < end;)
	{
		int			n = oe_match_secret(p, end, secret, cut);

		memset(p, '*', n);
		p += Max(n, 1);
	}
}

/*
 * Hides what the configuration knows, and the tokens that this request may
 * have been sent with.
 */
static void
oe_redact_all(char *text, int len, const OeRequest *req, bool cut)
{
	const OeConfiguration *conf = req->conf;
	const char *tokens[] = {req->token.data, conf->authorization != NULL ? conf->authorization->token : NULL};

	for (int i = 0; i < conf->nsecrets; i++)
		oe_redact(text, len, conf->secrets[i], cut);
	for (int i = 0; i < lengthof(tokens); i++)
		if (tokens[i] != NULL && strrchr(tokens[i], ' ') != NULL)
			oe_redact(text, len, strrchr(tokens[i], ' ') + 1, cut);
}

/*
 * Converts bytes to valid text of the database's encoding, without control
 * characters.
 */
static char *
oe_clean_text(const char *data, int len)
{
	char	   *out = MemoryContextAlloc(oe_delivery.cxt, len + 1);
	int			o = 0;

	for (int i = 0; i < len;)
	{
		unsigned char c = (unsigned char) data[i];
		int			n = 1;

		if (c >= 0x80 && GetDatabaseEncoding() == PG_UTF8)
		{
			n = pg_utf_mblen((const unsigned char *) data + i);
			if (i + n > len || !pg_utf8_islegal((const unsigned char *) data + i, n))
				n = 0;
		}
		else if (c >= 0x80)
			n = 0;
		if (n == 0)
		{
			out[o++] = '?';
			i++;
			continue;
		}
		if (n == 1 && (c == 0x7f || (c < ' ' && c != '\n' && c != '\t')))
			out[o++] = ' ';
		else
		{
			memcpy(out + o, data + i, n);
			o += n;
		}
		i += n;
	}
	out[o] = '\0';
	return out;
}

/*
 * What may be shown of these bytes: without secrets, as text, at most so many
 * bytes of it.  "cut": there was more.
 */
char *
oe_shown_text(const OeRequest *req, const char *data, int len, bool cut, int max)
{
	char	   *bytes = MemoryContextAlloc(oe_delivery.cxt, len + 1);
	char	   *text;

	memcpy(bytes, data, len);
	oe_redact_all(bytes, len, req, cut);
	text = oe_clean_text(bytes, len);
	pfree(bytes);
	if ((int) strlen(text) > max)
		text[pg_mbcliplen(text, strlen(text), max)] = '\0';
	return text;
}
