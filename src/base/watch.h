/*
 * watch.h
 *	  A limit on the processor time of one judgement: whether a filter or a
 *	  condition matches.
 *
 * Filters and conditions are jsonpath that users write, and may never end: nested
 * searches, a regular expression that backtracks.  The limit is
 * odoo_events.filter_timeout.  It counts processor time of this process, not
 * elapsed time, so that no filter fails because the machine is busy.
 *
 *	was = oe_watch_on();		a timer ticks from now on
 *	...
 *	oe_watch_begin();			a judgement begins; two stores
 *	... judge; on expiry an error of SQLSTATE 57014 is raised inside it ...
 *	expired = oe_watch_end();	to be called after an error, too
 *	...
 *	oe_watch_off(was);			after an error, too
 *
 * The error comes from PostgreSQL's own look for a cancelled statement, which
 * the executor of jsonpath and the matcher of regular expressions take often.
 * oe_watch_end() takes back a cancellation that came too late to be seen.
 * Any process with a database.
 */
#ifndef OE_WATCH_H
#define OE_WATCH_H

#include "postgres.h"

extern volatile uint32 oe_watch_judgement;	/* number of the judgement at
											 * hand; 0: none */
extern volatile uint32 oe_watch_last;
extern volatile bool oe_watch_expired;

extern bool oe_watch_on(void);
extern void oe_watch_off(bool was);
extern bool oe_watch_take_back(void);

/* In a PG_CATCH: takes an error that concerns only what was judged or rendered, and
 * copies it into the context; raises any other error again. */
extern ErrorData *oe_watch_caught(MemoryContext cxt, bool expired);

static inline void
oe_watch_begin(void)
{
	if (++oe_watch_last == 0)
		oe_watch_last = 1;
	oe_watch_judgement = oe_watch_last;
}

/*
 * Ends the judgement.  Returns whether it exceeded its time.
 */
static inline bool
oe_watch_end(void)
{
	oe_watch_judgement = 0;
	return oe_watch_expired && oe_watch_take_back();
}

#endif							/* OE_WATCH_H */
