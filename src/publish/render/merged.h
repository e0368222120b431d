/*
 * merged.h
 *	  Documents that Odoo merged: which one took the others in.
 */
#ifndef OE_PUBLISH_RENDER_MERGED_H
#define OE_PUBLISH_RENDER_MERGED_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct OeCycle OeCycle;
typedef struct OeDraftEvent OeDraftEvent;

extern void oe_write_merged_into(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, bool *first, const char *member);
extern void oe_write_merged_from(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, bool *first, const char *member);

#endif							/* OE_PUBLISH_RENDER_MERGED_H */
