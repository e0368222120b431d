/*
 * outcome.h
 *	  Outcomes that come after the answer: what is due, what has come.
 */
#ifndef OE_DELIVER_SETTLE_OUTCOME_H
#define OE_DELIVER_SETTLE_OUTCOME_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Accepted events were written: when they are due is to be looked at. */
extern void oe_outcomes_wake(void);

/* Worker, outside a transaction: one step, where something is due. */
extern void oe_outcomes_step(bool reload, int64 last_position);

/* When the next step is due; PG_INT64_MAX: nothing waits. */
extern TimestampTz oe_outcomes_next(int64 last_position);

#endif							/* OE_DELIVER_SETTLE_OUTCOME_H */
