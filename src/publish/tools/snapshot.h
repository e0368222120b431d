/*
 * snapshot.h
 *	  A cycle that publishes nothing, for functions that need the catalog
 *	  and Odoo's tables.
 *
 * Any backend, in its transaction.
 */
#ifndef OE_PUBLISH_TOOLS_SNAPSHOT_H
#define OE_PUBLISH_TOOLS_SNAPSHOT_H

#include "postgres.h"

typedef struct OeCycle OeCycle;
typedef struct OeEntity OeEntity;

extern OeCycle *oe_tool_cycle(void);
extern OeEntity *oe_tool_entity(OeCycle *cy, const char *entity);
extern char *oe_tool_foreign(OeCycle *cy, void (*body) (OeCycle *cy, void *arg), void *arg, int *sqlerrcode);

#endif							/* OE_PUBLISH_TOOLS_SNAPSHOT_H */
