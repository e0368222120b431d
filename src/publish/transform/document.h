/*
 * document.h
 *	  Documents and their parts: what of a transaction belongs to one
 *	  document.
 */
#ifndef OE_PUBLISH_TRANSFORM_DOCUMENT_H
#define OE_PUBLISH_TRANSFORM_DOCUMENT_H

#include "postgres.h"

typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;
typedef struct OeDoc OeDoc;
typedef struct OeEntity OeEntity;
typedef struct OeJsonRow OeJsonRow;
typedef struct OePart OePart;
typedef struct OeTx OeTx;

extern OeDoc *oe_document_of(OeTx *tx, OeEntity *e, int64 id, OeChange *c);
extern bool oe_part_document(OeCycle *cy, OeTx *tx, OePart *part, const OeJsonRow *row, int64 *id);
extern void oe_doc_changes(OeCycle *cy, OeTx *tx, OeChange *c);
extern bool oe_doc_open(OeDoc *doc);
extern void oe_doc_prepare(OeCycle *cy, OeDoc *doc);
extern void oe_doc_decide(OeCycle *cy, OeDoc *doc);

#endif							/* OE_PUBLISH_TRANSFORM_DOCUMENT_H */
