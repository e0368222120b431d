/*
 * outside.c
 *	  JSON that comes from outside, judged strictly.
 *
 * Any process.  libjansson bounds the depth, and refuses what parsers disagree
 * on.  Its header cannot be included together with PostgreSQL's own functions
 * on JSON, some of which have the same names.
 */
#include "postgres.h"

#include <jansson.h>

#include "base/outside.h"

bool
oe_outside_json(const char *text, size_t len)
{
	json_error_t error;
	json_t	   *json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

	if (json == NULL)
		return false;
	json_decref(json);
	return true;
}
