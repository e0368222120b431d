/*
 * shown_values.h
 *	  Columns whose stored value is not the one that events show.
 */
#ifndef OE_PUBLISH_ODOO_SHOWN_VALUES_H
#define OE_PUBLISH_ODOO_SHOWN_VALUES_H

#include "postgres.h"

#include "base/json_row.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OeCycle OeCycle;
typedef struct OeDraftEvent OeDraftEvent;

extern bool oe_odoo_prepare(OeCycle *cy);
extern void oe_row_settle(OeCatalogRule *rule, OeJsonRow *row);
extern const OeText *oe_raw_value(const OeJsonRow *row, const OeMember *m);
extern bool oe_is_per_company(OeCatalogRule *rule, const char *column);
extern void oe_company_value(OeDraftEvent *ev, OeCatalogRule *rule, const char *owner, const char *column, const char *name, OeText *value);
extern bool oe_change_shown(const OeDraftEvent *ev);
extern OeText oe_text_shown(const OeText *t);

#endif							/* OE_PUBLISH_ODOO_SHOWN_VALUES_H */
