/*
 * outcome_poll.h
 *	  Asks endpoints what became of events that they have accepted.
 */
#ifndef OE_DELIVER_SETTLE_OUTCOME_POLL_H
#define OE_DELIVER_SETTLE_OUTCOME_POLL_H

#include "postgres.h"

#include "datatype/timestamp.h"

extern void oe_polls_init(void);

/* Accepted events were written: when they are asked for is to be looked at. */
extern void oe_polls_wake(void);

/* Worker, outside a transaction: writes answers, and asks what is due. */
extern void oe_polls_step(bool reload);

/* When the next step is due; PG_INT64_MAX: nothing waits. */
extern TimestampTz oe_polls_next(void);

#endif							/* OE_DELIVER_SETTLE_OUTCOME_POLL_H */
