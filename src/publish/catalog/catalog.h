/*
 * catalog.h
 *	  The catalog in memory: what entities there are and which changes are
 *	  which event.
 *
 * Loaded in a trusted transaction when the version of the catalog's rows has
 * changed, and kept until the next change.  Whoever keeps a pointer into the
 * catalog over the end of a cycle sets oe_catalog_dropped.
 */
#ifndef OE_PUBLISH_CATALOG_CATALOG_H
#define OE_PUBLISH_CATALOG_CATALOG_H

#include "postgres.h"

#include "publish/catalog/types.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OeEntity OeEntity;

typedef struct OeMarked
{
	const char *mark;
	int64		id;
} OeMarked;

typedef struct OeCatalog
{
	MemoryContext cxt;
	char	   *version;		/* of the rows it was made from */
	int			nrules;
	OeCatalogRule *rules;
	int			nreferences;
	OeReference *references;
	int			nentities;
	OeEntity   *entities;
	int			nowners;
	OeFieldOwner *owners;
	OeWords		words;			/* of all predicates */
	int			nmarked;		/* ids that the DBA marked */
	OeMarked   *marked;			/* by mark */
	Datum		vars;			/* jsonb {"marked": ...} */
} OeCatalog;

/* Called before a catalog is freed, by whoever keeps pointers into it
 * (tables.c); NULL: nobody does. */
extern void (*oe_catalog_dropped) (void);
extern OeCatalog *oe_catalog(void);
extern OeCatalogRule *oe_rule_find(OeCatalog *cat, const char *name);
extern OeReference *oe_reference_find(OeCatalog *cat, const char *name);
extern OeEntity *oe_entity_find(OeCatalog *cat, const char *name);
extern OeReference *oe_link_of(OeCatalogRule *rule, const char *column);

#endif							/* OE_PUBLISH_CATALOG_CATALOG_H */
