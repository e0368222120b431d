/*
 * types.h
 *	  Notations of the catalog, parsed: paths, references, fields,
 *	  conditions.
 *
 * All of these live in the memory of the catalog (catalog.h) and never change
 * after it was loaded, except for two kinds of caches: OePathSeen (where the
 * column stood in the previous row) and OeQueryNo (which statement reads it).
 */
#ifndef OE_PUBLISH_CATALOG_TYPES_H
#define OE_PUBLISH_CATALOG_TYPES_H

#include "postgres.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OePart OePart;

/* Names that predicates mention; only those columns are given to them. */
typedef struct OeWords
{
	int			n;
	char	  **words;
	uint32	   *tags;			/* oe_key_tag() of each; NULL: not made yet */
	uint64		mask;			/* of all tags: oe_tag_bit() */
	int			nrefs;			/* those that stand behind $.refs */
	char	  **refs;
	int			nwere;			/* those that stand behind $.were */
	char	  **were;
} OeWords;

typedef struct OePredicate
{
	Datum		path;			/* jsonpath; 0: always true */
	bool		uses_tx;
	bool		uses_parts;		/* $.parts or $.rows */
	bool		uses_rows;
	OeWords		words;
	const char *type;			/* of the event that a DBA has defined by it;
								 * NULL */
} OePredicate;

/* What following a path found last: the next row is likely to be like it. */
typedef struct OePathSeen
{
	int			at;				/* where in the row the column stands */
	struct OeCatalogRule *rule;
	struct OeReference *link;	/* of the rule's column */
} OePathSeen;

/* "column", or "column.field.field ..." through references. */
typedef struct OePath
{
	const char *column;
	int			len;			/* of its name */
	uint32		tag;			/* oe_key_tag() of it */
	OePathSeen *seen;
	int			nhops;			/* 0: the column itself */
	const char **hops;
} OePath;

/* Which statement reads it; tables.c. */
typedef struct OeQueryNo
{
	uint32		epoch;			/* when it was found; 0: not yet */
	int			number;
} OeQueryNo;

/* The same of rows by a column. */
#define OE_BY_COLUMNS 4

typedef struct OeByColumn
{
	const char *column;
	OeQueryNo	query;
} OeByColumn;

/* 'many(table.key=value)': a relation table, key and value its columns. */
typedef struct OeMany
{
	const char *table;
	const char *key;
	const char *value;
	struct OeCatalogRule *rule; /* whose table it is; NULL: not captured */
	struct OePart *part;		/* that rows found by this key are */
	OeQueryNo	query;
} OeMany;

/* "entity=path", "entity=path~table.key=value~..." */
typedef struct OeKeyPath
{
	const char *entity;
	OePath		path;
	int			nmany;			/* then from row to row by these */
	OeMany	   *many;
	bool		lowest;			/* of several; else only a single one counts */
} OeKeyPath;

typedef struct OeRefField
{
	const char *name;
	int			npaths;
	char	  **paths;
	bool		shown;
	const char *target;
	struct OeReference *to;		/* the same; NULL: none */
} OeRefField;

typedef struct OeReference
{
	const char *name;
	int			index;
	int			ntables;
	char	  **tables;
	bool		own;			/* a definition of the DBA's made it */
	int			nfields;
	OeRefField *fields;
	OeQueryNo	query;
} OeReference;

typedef struct OeLink
{
	const char *column;
	OeReference *reference;
} OeLink;

typedef enum OeSourceKind
{
	OE_SOURCE_PATH,
	OE_SOURCE_SUM,
	OE_SOURCE_FIRST,
	OE_SOURCE_MANY,
	OE_SOURCE_COMPUTED
} OeSourceKind;

typedef struct OeSource
{
	OeSourceKind kind;
	OePath		path;			/* SUM: column; COMPUTED: word in column */
	const char *part;			/* SUM, FIRST */
	OeMany		many;
	const char *state;			/* '@state', '@!state' */
	bool		negate;
	const char *given;			/* '?column': only where that column has a
								 * value */
	bool		instead;		/* '-': only where no column of the sources
								 * before exists */
} OeSource;

typedef struct OeField
{
	const char *name;
	int			nsources;
	OeSource   *sources;
	OeReference *reference;		/* what a relation's values are ids of */
	int			class;			/* index of oe_classes */
} OeField;

typedef struct OeFieldOwner
{
	const char *name;
	int			nfields;
	OeField    *fields;
} OeFieldOwner;

#endif							/* OE_PUBLISH_CATALOG_TYPES_H */
