/*
 * corrections.h
 *	  What definitions of the occasion "touched" watch, and what was
 *	  corrected in documents that are done.
 */
#ifndef OE_PUBLISH_TRANSFORM_CORRECTIONS_H
#define OE_PUBLISH_TRANSFORM_CORRECTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct OeDefinition OeDefinition;
typedef struct OeDoc OeDoc;

extern bool oe_def_watched(OeDefinition *d, OeDoc *doc);
extern List *oe_doc_corrections(OeDoc *doc, OeDefinition *d);

#endif							/* OE_PUBLISH_TRANSFORM_CORRECTIONS_H */
