/*
 * rows.h
 *	  Reads rows of Odoo's tables in batch.
 *
 * As-owner transaction.  A row that was not read yet is noted and the answer is
 * NULL; oe_odoo_read() then reads everything that was noted, one statement per
 * table.  What was read lives as long as the cycle.
 */
#ifndef OE_PUBLISH_ODOO_ROWS_H
#define OE_PUBLISH_ODOO_ROWS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/json_row.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OeCycle OeCycle;
typedef struct OeMany OeMany;
typedef struct OeReference OeReference;

/* tables.c: as-owner transaction.  What is asked for and was not read yet answers NULL
 * and is read by the next oe_odoo_read(), which answers whether there was
 * anything to read. */
typedef struct OeLine
{
	int64		id;
	OeJsonRow	row;
} OeLine;

extern OeJsonRow *oe_reference_row(OeCycle *cy, OeReference *ref, int64 id);
extern OeJsonRow *oe_row_of(OeCycle *cy, OeCatalogRule *rule, int64 id);
extern OeJsonRow *oe_row_there(OeCycle *cy, OeCatalogRule *rule, int64 id);
extern List *oe_lines_of(OeCycle *cy, OeCatalogRule *rule, const char *column, int64 id);
extern List *oe_many_of(OeCycle *cy, OeMany *many, int64 id);
extern bool oe_odoo_read(OeCycle *cy);

#endif							/* OE_PUBLISH_ODOO_ROWS_H */
