/*
 * table_names.h
 *	  Names of tables, in paths and as arrays.
 */
#ifndef OE_PUBLISH_ODOO_TABLE_NAMES_H
#define OE_PUBLISH_ODOO_TABLE_NAMES_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern Datum oe_text_array(List *names);
extern char *oe_hop_table(const char *path, char *column, char *table, char *field);

#endif							/* OE_PUBLISH_ODOO_TABLE_NAMES_H */
