/*
 * write.h
 *	  The rows of a settlement: attempts, dead letters, blocked keys, progress.
 */
#ifndef OE_DELIVER_SETTLE_WRITE_H
#define OE_DELIVER_SETTLE_WRITE_H

#include "postgres.h"

typedef struct OeSub OeSub;

extern int	oe_progress_hint;
extern int	oe_attempt_hint;
extern void oe_write_attempts(void);
extern void oe_attempts_written(void);
extern void oe_write_dead_letters(void);
extern void oe_write_received(void);
extern void oe_write_held(void);
extern int	oe_progress_member(void);
extern void oe_write_progress(OeSub **subs, int n, int member);
extern void oe_write_overrun(OeSub *sub);

#endif							/* OE_DELIVER_SETTLE_WRITE_H */
