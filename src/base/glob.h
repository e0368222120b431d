/*
 * glob.h
 *	  Patterns of event types.
 *
 * Any process; no memory.  Subscriptions and the output plugin use the same
 * patterns.  In SQL they are LIKE patterns (subscription_config.types_like).
 */
#ifndef OE_GLOB_H
#define OE_GLOB_H

#include "postgres.h"

/* Does the pattern match the text?  "*" stands for any characters, dots
 * included; all others stand for themselves. */
extern bool oe_glob(const char *pattern, const char *s, int len);

#endif							/* OE_GLOB_H */
