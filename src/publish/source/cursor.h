/*
 * cursor.h
 *	  How far publishing is: the last row of a ring.
 */
#ifndef OE_PUBLISH_SOURCE_CURSOR_H
#define OE_PUBLISH_SOURCE_CURSOR_H

#include "postgres.h"

typedef struct OeCursor OeCursor;
typedef struct OeCycle OeCycle;
typedef struct OeJournalBatch OeJournalBatch;

extern void oe_cursor_read(OeCursor *cursor);
extern void oe_cursor_append(OeCycle *cy, OeJournalBatch *r);

#endif							/* OE_PUBLISH_SOURCE_CURSOR_H */
