/*
 * outside.h
 *	  Strict validation of JSON that the network delivers.
 */
#ifndef OE_OUTSIDE_H
#define OE_OUTSIDE_H

#include "postgres.h"

/* Any process: is this one JSON text, in UTF-8, without a member twice? */
extern bool oe_outside_json(const char *text, size_t len);

#endif							/* OE_OUTSIDE_H */
