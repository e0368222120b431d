/*
 * quantities.h
 *	  Quantities of stock that Odoo stores as floats, rounded as their unit is.
 */
#ifndef OE_PUBLISH_ODOO_QUANTITIES_H
#define OE_PUBLISH_ODOO_QUANTITIES_H

#include "postgres.h"

#include "base/json_row.h"

typedef struct OeCatalog OeCatalog;

extern void oe_roundings_read(OeCatalog *cat);
extern OeText oe_without_dust(const OeText *t);
extern OeText oe_quantity_rounded(int64 product, const OeText *t);

#endif							/* OE_PUBLISH_ODOO_QUANTITIES_H */
