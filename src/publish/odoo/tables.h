/*
 * odoo.h
 *	  Between odoo.c, which makes statements, read.c, which runs them, and
 *	  wanted.c, which finds the tables.
 */
#ifndef OE_PUBLISH_ODOO_H
#define OE_PUBLISH_ODOO_H

#include "publish/internal.h"

typedef struct OeColumn
{
	const char *name;
	Oid			type;
	bool		indexed;		/* an index begins with it */
	OeValueKind recorded;		/* of a jsonb column, by ir_model_fields */
} OeColumn;

typedef struct OeTable
{
	char		name[NAMEDATALEN];	/* hash key */
	char	   *qualified;
	Oid			relid;
	int			ncolumns;
	OeColumn   *columns;
} OeTable;

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
extern Oid	oe_rule_relid(OeRule *rule);
extern bool oe_rule_has_column(OeRule *rule, const char *name);
extern void oe_read_begin(OeCycle *cy);
extern OeTable *oe_table(const char *name);
extern OeTable *oe_first_table(int n, char **names);
extern bool oe_has_column(const OeTable *t, const char *name);
extern Datum oe_text_array(List *names);
extern MemoryContext oe_odoo_context(void);
extern uint32 oe_odoo_epoch(void);
extern char *oe_hop_table(const char *path, char *column, char *table, char *field);

/* wanted.c */
extern Datum oe_wanted_load(OeCatalog *cat);
extern bool oe_wanted_moved(void);

/* settle.c */
extern void oe_detect_kinds(HTAB *tables);
extern OeValueKind oe_column_kind(const OeRule *rule, const OeTable *t, const char *name);
extern OeText oe_text_shown(const OeText *t);

#endif							/* OE_PUBLISH_ODOO_H */
