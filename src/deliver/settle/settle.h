/*
 * settle.h
 *	  Writes what changed in memory, all of it in one transaction.
 *
 * Worker only, outside a transaction.
 */
#ifndef OE_DELIVER_SETTLE_SETTLE_H
#define OE_DELIVER_SETTLE_SETTLE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Has anything been written since this was asked last? */
extern bool oe_deliver_worked(void);
extern bool oe_settle_due(void);
extern void oe_settle_shift(int64 by);
extern TimestampTz oe_settle_next(void);
extern void oe_settle_commit(void);

#endif							/* OE_DELIVER_SETTLE_SETTLE_H */
