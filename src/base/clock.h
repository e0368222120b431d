/*
 * clock.h
 *	  A clock that runs evenly, and whether the wall clock does.
 */
#ifndef OE_CLOCK_H
#define OE_CLOCK_H

#include "postgres.h"

/* Microseconds of a clock that nobody can set; only differences mean anything. */
extern int64 oe_mono(void);

/* By how many microseconds the wall clock has been set since this process asked
 * for the first time. */
extern int64 oe_clock_set(void);

#endif							/* OE_CLOCK_H */
