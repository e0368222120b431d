/*
 * render.h
 *	  Between render.c and lines.c.
 */
#ifndef OE_PUBLISH_RENDER_H
#define OE_PUBLISH_RENDER_H

#include "publish/internal.h"

/* One row of a document, with the rows inside it. */
typedef struct OeRendered
{
	OePart	   *part;
	int64		id;
	const OeRow *row;
	bool		later;			/* read from a table */
	List	   *inner;			/* OeRendered * */
} OeRendered;

extern bool oe_field_value(OeCycle *cy, OeRule *rule, const OeRow *row, const char *state_column,
						   OeField *f, List *inner, OeText *value, OeReference **ref);
extern void oe_write_value(OeCycle *cy, StringInfo buf, const OeText *value, OeReference *ref);
extern void oe_field_of_company(OeEvent *ev, OeRule *rule, const char *owner, OeField *f, OeText *value);
extern void oe_field_written(OeEvent *ev, StringInfo buf, const char *owner, const char *name, const OeText *value);
extern bool oe_write_many(OeCycle *cy, StringInfo buf, OeField *f, int64 id, bool *first);
extern void oe_write_member(StringInfo buf, bool *first, const char *name);
extern List *oe_gather_all(OeCycle *cy, OeEvent *ev);
extern void oe_write_lines(OeCycle *cy, OeEvent *ev, StringInfo buf, List *lines);
extern List *oe_changes_of(OeEvent *ev);
extern bool oe_write_changes(OeCycle *cy, OeEvent *ev, StringInfo buf, List *changes);

#endif							/* OE_PUBLISH_RENDER_H */
