/*
 * past_rows.h
 *	  The rows that were a part of a document when a transaction committed.
 */
#ifndef OE_PUBLISH_TRANSFORM_PAST_ROWS_H
#define OE_PUBLISH_TRANSFORM_PAST_ROWS_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct OeCycle OeCycle;
typedef struct OePart OePart;
typedef struct OeTx OeTx;

extern List *oe_past_rows(OeCycle *cy, OeTx *tx, OePart *part, int64 id);

#endif							/* OE_PUBLISH_TRANSFORM_PAST_ROWS_H */
