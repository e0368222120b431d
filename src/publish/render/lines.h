/*
 * lines.h
 *	  Writes the lines of a document, and the changes of its parts, as JSON.
 */
#ifndef OE_PUBLISH_RENDER_LINES_H
#define OE_PUBLISH_RENDER_LINES_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OeCycle OeCycle;
typedef struct OeDraftEvent OeDraftEvent;
typedef struct OeField OeField;
typedef struct OeJsonRow OeJsonRow;
typedef struct OePart OePart;
typedef struct OeReference OeReference;
typedef struct OeText OeText;

/* One row of a document, with the rows inside it. */
typedef struct OeRendered
{
	OePart	   *part;
	int64		id;
	const OeJsonRow *row;
	bool		later;			/* read from a table */
	List	   *inner;			/* OeRendered * */
} OeRendered;

extern bool oe_field_value(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *row, const char *state_column,
						   OeField *f, List *inner, OeText *value, OeReference **ref);
extern void oe_write_value(OeCycle *cy, StringInfo buf, const OeText *value, OeReference *ref);
extern void oe_field_of_company(OeDraftEvent *ev, OeCatalogRule *rule, const char *owner, OeField *f, OeText *value);
extern void oe_field_written(OeDraftEvent *ev, StringInfo buf, const char *owner, const char *name, const OeText *value);
extern bool oe_write_many(OeCycle *cy, StringInfo buf, OeField *f, int64 id, bool *first);
extern void oe_write_member(StringInfo buf, bool *first, const char *name);
extern List *oe_gather_all(OeCycle *cy, OeDraftEvent *ev);
extern void oe_write_lines(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, List *lines);
extern List *oe_changes_of(OeDraftEvent *ev);
extern bool oe_write_changes(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, List *changes);

#endif							/* OE_PUBLISH_RENDER_LINES_H */
