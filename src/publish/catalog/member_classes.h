/*
 * member_classes.h
 *	  Sensitivity classes of the members of events, as one string per
 *	  entity.
 *
 * Memory only.  Each event stores the classes of its members that are not
 * internal ("3:transfer.partner"), so that delivery filters an old event by the
 * classes that were valid when it was published.
 */
#ifndef OE_PUBLISH_CATALOG_MEMBER_CLASSES_H
#define OE_PUBLISH_CATALOG_MEMBER_CLASSES_H

#include "postgres.h"

typedef struct OeEntity OeEntity;

extern void oe_classes_load(OeEntity *entities, int n);

#endif							/* OE_PUBLISH_CATALOG_MEMBER_CLASSES_H */
