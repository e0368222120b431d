/*
 * backfill.h
 *	  Asks for snapshot events of all rows of an entity, a few rows at a
 *	  time.
 *
 * Worker, outside a transaction, or _backfill_step().
 */
#ifndef OE_PUBLISH_TOOLS_BACKFILL_H
#define OE_PUBLISH_TOOLS_BACKFILL_H

#include "postgres.h"

/* Rows that a step of a backfill looks at, at full speed and beside Odoo. */
#define OE_BACKFILL_ROWS 500
#define OE_BACKFILL_PACED_ROWS 100

/* Worker, outside a transaction, or _backfill_step(): asks for the next
 * snapshots of the backfill that began first, among so many rows; false if none
 * runs. */
extern bool oe_backfill_step(int rows);

#endif							/* OE_PUBLISH_TOOLS_BACKFILL_H */
