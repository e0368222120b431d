/*
 * clock.h
 *	  A clock that runs evenly, and whether the wall clock does.
 */
#ifndef OE_CLOCK_H
#define OE_CLOCK_H

#include "postgres.h"

extern int64 oe_mono(void);
extern int64 oe_clock_set(void);

#endif							/* OE_CLOCK_H */
