/*
 * clean.c
 *	  What an endpoint sent, made fit for a table that others read.
 *
 * Worker only; results are in oe_deliver_cxt.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "deliver/internal.h"

/*
 * Makes text of the database's encoding out of what an endpoint sent: no
 * control characters, nothing invalid.
 */
char *
oe_clean_text(const char *data, int len)
{
	char	   *out = MemoryContextAlloc(oe_deliver_cxt, len + 1);
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
 * An endpoint may send back what it got: values of our headers do not go into
 * a table that others read.
 */
static void
oe_redact(char *text, const char *secret)
{
	Size		n = strlen(secret);
	char	   *p = text;

	if (n < 4)
		return;
	while ((p = strstr(p, secret)) != NULL)
	{
		memset(p, '*', n);
		p += n;
	}
}

/*
 * "Bearer abc" is as secret without its first word.
 */
void
oe_redact_headers(char *text, const OeConf *conf)
{
	for (int i = 0; i < conf->nheaders; i++)
	{
		const char *space = strrchr(conf->header_values[i], ' ');

		oe_redact(text, conf->header_values[i]);
		if (space != NULL)
			oe_redact(text, space + 1);
	}
	for (int i = 0; i < conf->nsecrets; i++)
		oe_redact(text, conf->secrets[i]);
	if (conf->gate != NULL && conf->gate->token != NULL)
		oe_redact(text, strrchr(conf->gate->token, ' ') + 1);
}
