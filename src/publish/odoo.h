/*
 * odoo.h
 *	  Between odoo.c, which makes statements, and read.c, which runs them.
 */
#ifndef OE_PUBLISH_ODOO_H
#define OE_PUBLISH_ODOO_H

#include "publish/internal.h"

/* One statement: rows of a reference by id, of a rule's table by id, or of a
 * rule's table by another column, or rows of a relation table. */
typedef struct OeQuery
{
	OeReference *reference;
	OeRule	   *rule;
	const char *column;			/* NULL: by id */
	OeMany	   *many;			/* or rows of a relation table, by its key */
	bool		absent;			/* no such table or column here */
	SPIPlanPtr	plan;
	int			nnames;
	const char **names;			/* of the result's columns from the third on */
} OeQuery;

extern int	oe_query_find(OeReference *reference, OeRule *rule, const char *column, OeMany *many);
extern int	oe_query_cached(OeQueryNo *no, OeReference *reference, OeRule *rule, OeMany *many);
extern int	oe_query_by(OeRule *rule, const char *column);
extern OeQuery *oe_query(int query);
extern void oe_query_plan(OeQuery *q);
extern const char *oe_rule_table(OeRule *rule);
extern bool oe_rule_has_column(OeRule *rule, const char *name);
extern void oe_read_begin(OeCycle *cy);

#endif							/* OE_PUBLISH_ODOO_H */
