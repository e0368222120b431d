/*
 * tables.h
 *	  Which of Odoo's tables exist here, and the statements that read them.
 *
 * As-owner transaction.  Statements are prepared once and kept until a table
 * changes or the catalog is loaded anew; oe_odoo_prepare() detects both and
 * tells the caller to begin again.
 */
#ifndef OE_PUBLISH_ODOO_TABLES_H
#define OE_PUBLISH_ODOO_TABLES_H

#include "postgres.h"

#include "executor/spi.h"
#include "nodes/pg_list.h"

#include "publish/catalog/entity.h"

typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;
typedef struct OeJsonRow OeJsonRow;
typedef struct OeMany OeMany;
typedef struct OeQueryNo OeQueryNo;
typedef struct OeReference OeReference;

extern bool oe_odoo_prepare_with(OeCycle *cy, void (*settle) (OeChange *c));
extern void oe_odoo_forget(void);
extern const char *oe_odoo_table(const char *name);

typedef struct OeTableColumn
{
	const char *name;
	Oid			type;
	bool		indexed;		/* an index begins with it */
	OeValueKind recorded;		/* of a jsonb column, by ir_model_fields */
} OeTableColumn;

typedef struct OeTable
{
	char		name[NAMEDATALEN];	/* hash key */
	char	   *qualified;
	Oid			relid;
	int			ncolumns;
	OeTableColumn *columns;
} OeTable;

/* One statement: rows of a reference by id, of a rule's table by id, or of a
 * rule's table by another column, or rows of a relation table. */
typedef struct OeQuery
{
	OeReference *reference;
	OeCatalogRule *rule;
	const char *column;			/* NULL: by id */
	OeMany	   *many;			/* or rows of a relation table, by its key */
	bool		absent;			/* no such table or column here */
	SPIPlanPtr	plan;
	int			nnames;
	const char **names;			/* of the result's columns from the third on */
} OeQuery;

extern int	oe_query_cached(OeQueryNo *no, OeReference *reference, OeCatalogRule *rule, OeMany *many);
extern int	oe_query_by(OeCatalogRule *rule, const char *column);
extern OeQuery *oe_query(int query);
extern const char *oe_rule_table(OeCatalogRule *rule);
extern Oid	oe_rule_relid(OeCatalogRule *rule);
extern bool oe_rule_has_column(OeCatalogRule *rule, const char *name);
extern OeTable *oe_table(const char *name);
extern OeTable *oe_first_table(int n, char **names);
extern bool oe_has_column(const OeTable *t, const char *name);
extern MemoryContext oe_odoo_context(void);
extern uint32 oe_odoo_epoch(void);
extern bool oe_is_stock_quantity(const char *table, const char *column);
extern OeValueKind oe_column_kind(const OeCatalogRule *rule, const OeTable *t, const char *name);

typedef struct OeReadKey
{
	int64		id;
	int32		query;
	int32		pad;
} OeReadKey;

typedef struct OeReadEntry
{
	OeReadKey	key;
	bool		read;
	bool		gone;			/* the row is that of its deletion */
	OeJsonRow  *row;			/* by id; NULL: there is none */
	List	   *lines;			/* by column: OeLine * */
} OeReadEntry;

#endif							/* OE_PUBLISH_ODOO_TABLES_H */
