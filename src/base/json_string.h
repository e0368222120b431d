/*
 * json_string.h
 *	  Writes a string as JSON.
 *
 * Any process.  Appends to a StringInfo in its own memory context.
 */
#ifndef OE_JSON_STRING_H
#define OE_JSON_STRING_H

#include "postgres.h"
#include "lib/stringinfo.h"

extern void oe_json_string(StringInfo buf, const char *s, int len);

#endif							/* OE_JSON_STRING_H */
