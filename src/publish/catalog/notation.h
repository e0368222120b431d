/*
 * notation.h
 *	  Parses the notations of the catalog: paths, keys, sources, occasions.
 *
 * Memory only.  Results are in the current memory context and point into the
 * text that was parsed.
 */
#ifndef OE_PUBLISH_CATALOG_NOTATION_H
#define OE_PUBLISH_CATALOG_NOTATION_H

#include "postgres.h"

#include "publish/catalog/entity.h"

typedef struct OeKeyPath OeKeyPath;
typedef struct OePath OePath;
typedef struct OeSource OeSource;
typedef struct OeWords OeWords;

extern const char *const oe_occasions[];	/* in the order of OeOccasion */
extern void oe_add_words(OeWords *to, const OeWords *from);
extern void oe_note_words(OeWords *words, const char *text);
extern OePath *oe_parse_paths(char **list, int n);
extern OeKeyPath *oe_parse_keys(char **list, int n);
extern void oe_parse_source(char *s, OeSource *src);
extern void oe_parse_def_key(char *s, OeDefinition *d);
extern void oe_parse_watches(char **list, OeDefinition *d);
extern OeOccasion oe_occasion_of(const char *s);

#endif							/* OE_PUBLISH_CATALOG_NOTATION_H */
