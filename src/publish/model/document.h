/*
 * document.h
 *	  What one transaction did to one document and its parts.
 *
 * Made by the transform stage, one per transaction and document; lives as long
 * as the cycle.  The render stage reads it to write "changes".
 */
#ifndef OE_PUBLISH_MODEL_DOCUMENT_H
#define OE_PUBLISH_MODEL_DOCUMENT_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/json_row.h"

typedef struct OeChange OeChange;
typedef struct OeEntity OeEntity;
typedef struct OeKind OeKind;
typedef struct OePart OePart;
typedef struct OeTx OeTx;

typedef struct OeColumnChange
{
	const char *column;
	OeText		old;
	OeText		new;
} OeColumnChange;

typedef struct OePartChange
{
	OePart	   *part;			/* NULL: the document itself */
	int64		id;
	const char *op;				/* added, removed, changed */
	OeChange   *change;
	List	   *columns;		/* OeColumnChange * */
} OePartChange;

/* One row's net change as a part of a document, whatever it changed. */
typedef struct OePartNet
{
	OePart	   *part;
	OeChange   *change;
} OePartNet;

/* A document that a transaction touched, itself or by its parts. */
typedef struct OeDoc
{
	int32		entity;			/* hash key ... */
	int64		id;
	OeTx	   *tx;
	OeEntity   *e;
	OeChange   *own;			/* NULL: only parts changed */
	OeChange   *first;			/* earliest change */
	List	   *changes;		/* OePartChange * */
	OeKind	   *kind;
	bool		kind_known;
	List	   *nets;			/* OePartNet *, where predicates may ask */
	List	   *events;
	bool		covered_all;
	List	   *covers;			/* char * */
	OeJsonRow  *row;			/* where own is NULL: as read from its table */
} OeDoc;

extern bool oe_direct_parent(OePart *part, const OeJsonRow *row, int64 *id);
extern void oe_add_column(OePartChange *pc, const char *column, const OeText *old, const OeText *new);

#endif							/* OE_PUBLISH_MODEL_DOCUMENT_H */
