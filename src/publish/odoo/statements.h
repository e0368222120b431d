/*
 * statements.h
 *	  The statements that read rows of Odoo's tables.
 */
#ifndef OE_PUBLISH_ODOO_STATEMENTS_H
#define OE_PUBLISH_ODOO_STATEMENTS_H

#include "postgres.h"

typedef struct OeQuery OeQuery;

extern void oe_query_plan(OeQuery *q);

#endif							/* OE_PUBLISH_ODOO_STATEMENTS_H */
