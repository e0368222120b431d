/*
 * outside.c
 *	  Strict validation of JSON that the network delivers (outside.h).
 *
 * Any process.  libjansson limits the depth, and refuses texts that different
 * parsers read differently.  Its header stands in a file of its own, because
 * PostgreSQL has functions of the same names.
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
