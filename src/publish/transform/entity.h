/*
 * entity.h
 *	  What a row is as an entity of the catalog: key, kind, paths to other
 *	  rows.
 */
#ifndef OE_PUBLISH_TRANSFORM_ENTITY_H
#define OE_PUBLISH_TRANSFORM_ENTITY_H

#include "postgres.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;
typedef struct OeDefinition OeDefinition;
typedef struct OeDraftEvent OeDraftEvent;
typedef struct OeEntity OeEntity;
typedef struct OeJsonRow OeJsonRow;
typedef struct OeKind OeKind;
typedef struct OePath OePath;
typedef struct OeReference OeReference;
typedef struct OeText OeText;
typedef struct OeTx OeTx;

extern const OeText *oe_path_follow(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *row,
									const OePath *path, OeReference **ref);
extern bool oe_entity_active(OeEntity *e, OeTx *tx);
extern char *oe_entity_key(OeCycle *cy, OeEntity *e, const OeJsonRow *row, int64 id, bool refs);
extern bool oe_def_is_kind(OeDefinition *d, OeKind *kind);
extern OeKind *oe_kind_of(OeCycle *cy, OeTx *tx, OeEntity *e, OeJsonRow *row);
extern OeDraftEvent *oe_event_new(OeTx *tx, OeEntity *e, OeDefinition *def, OeChange *c,
								  OeJsonRow *row, int64 id, OeKind *kind);
extern char *oe_key_text(const char *entity, int64 id);

#endif							/* OE_PUBLISH_TRANSFORM_ENTITY_H */
