/*
 * wanted_tables.h
 *	  The tables that the catalog names, and which ones they are here.
 */
#ifndef OE_PUBLISH_ODOO_WANTED_TABLES_H
#define OE_PUBLISH_ODOO_WANTED_TABLES_H

#include "postgres.h"

typedef struct OeCatalog OeCatalog;

extern Datum oe_wanted_load(OeCatalog *cat);
extern bool oe_wanted_moved(void);

#endif							/* OE_PUBLISH_ODOO_WANTED_TABLES_H */
