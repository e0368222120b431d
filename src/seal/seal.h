/*
 * seal.h
 *	  The evidence log follows the outbox: when, not how (schema/seal.sql).
 *
 * Worker only, outside a transaction.  Without a log all of it is nothing: a
 * look at one small table each time that the rings are looked at.
 */
#ifndef OE_SEAL_SEAL_H
#define OE_SEAL_SEAL_H

#include "postgres.h"

/* Is there a log? Asked now and then, since seal() opens one. */
extern void oe_seal_look(void);

/* Milliseconds until oe_seal_slice() should run; LONG_MAX: not before more is
 * published.  "busy": something is left to publish. */
extern long oe_seal_due(int64 last_position, bool busy);

/* One slice: leaves for some hundred events, or a checkpoint. */
extern void oe_seal_slice(void);

/* The outbox is about to lose what is at or before this position. */
extern void oe_seal_overrun(int64 upto);

#endif							/* OE_SEAL_SEAL_H */
