/*
 * limits.h
 *	  Sizes that bound one cycle of publishing.
 */
#ifndef OE_PUBLISH_MODEL_LIMITS_H
#define OE_PUBLISH_MODEL_LIMITS_H

#include "postgres.h"

#include "base/fault.h"

/* A transaction of more rows, or of more bytes of them, is published in chunks; a cycle takes no more bytes of several. */
#define OE_CHUNK_ROWS OE_TUNED("slice-rows", 20000)
#define OE_CHUNK_BYTES OE_TUNED("slice-bytes", 64 * 1024 * 1024)
#define OE_CYCLE_BYTES (8 * 1024 * 1024)

/* A cycle of more rows, which is one large transaction, lets others go on more
 * often. */
#define OE_LARGE_ROWS 2000

#endif							/* OE_PUBLISH_MODEL_LIMITS_H */
