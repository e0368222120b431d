/*
 * json_row.h
 *	  One row as JSON text, split into its members.
 *
 * Any process; no transaction is needed.  A row's members point into the text
 * that was split, so that text must live as long as the row.  Members have a
 * hash tag, which makes looking one up a comparison of integers.  Values stay
 * JSON text until somebody asks for an integer or a C string.
 *
 * Used by publishing for journal rows and for rows that it read from Odoo's
 * tables.
 */
#ifndef OE_BASE_JSON_ROW_H
#define OE_BASE_JSON_ROW_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* A slice of JSON text, not terminated; s is NULL where there is no value.  Valid
 * as long as the text that it points into. */
typedef struct OeText
{
	const char *s;
	int			len;
} OeText;

typedef struct OeMember
{
	const char *key;
	int			len;			/* of the key */
	uint32		tag;			/* oe_key_tag() of it */
	OeText		value;
} OeMember;

/* Columns of one row as JSON text, whether from the journal or from a table. */
typedef struct OeJsonRow
{
	int			n;
	OeMember   *m;
	OeText		id;				/* found under the name "id" */
	int			nraw;			/* columns whose value shown_values.c has
								 * replaced for the event */
	OeMember   *raw;			/* their values in the table, which conditions
								 * see */
} OeJsonRow;

extern void oe_row_parse(const char *text, OeJsonRow *row);
extern uint32 oe_key_tag(const char *key, int len);
extern const OeText *oe_row_find(const OeJsonRow *row, const char *key);
extern const OeText *oe_row_find_near(const OeJsonRow *row, const char *key, int len, uint32 tag, int *at);
extern bool oe_text_null(const OeText *t);
extern bool oe_text_later(const OeText *a, const OeText *b);
extern bool oe_text_int(const OeText *t, int64 *value);
extern char *oe_text_cstring(const OeText *t);
extern bool oe_text_is(const OeText *t, const char *s);
extern bool oe_text_equal(const OeText *a, const OeText *b);
extern bool oe_text_in(const OeText *t, int n, char **list);
extern void oe_text_write(StringInfo buf, const OeText *t);

#endif							/* OE_BASE_JSON_ROW_H */
