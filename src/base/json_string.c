/*
 * json_string.c
 *	  Writes a string as JSON (json_string.h).
 */
#include "postgres.h"

#include "base/json_string.h"

/*
 * Appends a JSON string.  Runs of bytes that need no escape are copied at once,
 * which is much cheaper than escape_json().  The text stays in the server's
 * encoding.
 */
void
oe_json_string(StringInfo buf, const char *s, int len)
{
	int			run = 0;

	enlargeStringInfo(buf, len + 2);
	appendStringInfoCharMacro(buf, '"');
	for (int i = 0; i < len; i++)
	{
		unsigned char ch = s[i];

		if (likely(ch >= 0x20 && ch != '"' && ch != '\\'))
			continue;
		appendBinaryStringInfo(buf, s + run, i - run);
		run = i + 1;
		switch (ch)
		{
			case '"':
				appendBinaryStringInfo(buf, "\\\"", 2);
				break;
			case '\\':
				appendBinaryStringInfo(buf, "\\\\", 2);
				break;
			case '\n':
				appendBinaryStringInfo(buf, "\\n", 2);
				break;
			case '\r':
				appendBinaryStringInfo(buf, "\\r", 2);
				break;
			case '\t':
				appendBinaryStringInfo(buf, "\\t", 2);
				break;
			default:
				appendStringInfo(buf, "\\u%04x", ch);
		}
	}
	appendBinaryStringInfo(buf, s + run, len - run);
	appendStringInfoCharMacro(buf, '"');
}
