/*
 * lookahead.h
 *	  Rows as they were: what was deleted or changed before events are made.
 */
#ifndef OE_PUBLISH_ODOO_LOOKAHEAD_H
#define OE_PUBLISH_ODOO_LOOKAHEAD_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;
typedef struct OeJsonRow OeJsonRow;
typedef struct OeReference OeReference;
typedef struct OeTx OeTx;

extern void oe_lookahead_forget(void);
extern void oe_lookahead_load(OeCycle *cy, const char *xmax, const char *xip, int64 after, int64 (*first_id) (uint64 xid));
extern OeJsonRow *oe_lookahead_deleted_row(OeCycle *cy, OeReference *ref, OeCatalogRule *rule, int64 id);
extern bool oe_lookahead_row(OeCycle *cy, OeTx *tx, OeCatalogRule *rule, int64 id, OeJsonRow **row);

/* A row, or, "part" given, the rows that were this part of a row. */
typedef struct OeLookaheadKey
{
	int64		id;
	int32		rule;			/* -1: see part */
	int32		part;			/* -1: a row */
} OeLookaheadKey;

typedef struct OeLaterChange
{
	OeChange   *change;
	int			tx;				/* of the cycle; INT_MAX: beyond it */
	int64		first;			/* beyond it: first id of its transaction */
} OeLaterChange;

extern List *oe_lookahead_changes(OeCycle *cy, int which, OeLookaheadKey key);
extern bool oe_lookahead_is_later(OeCycle *cy, OeTx *tx, OeLaterChange *l);

#endif							/* OE_PUBLISH_ODOO_LOOKAHEAD_H */
