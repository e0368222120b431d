/*
 * result.h
 *	  What an answer means: settled, try again, give up, stop.
 */
#ifndef OE_DELIVER_SETTLE_RESULT_H
#define OE_DELIVER_SETTLE_RESULT_H

#include "postgres.h"

typedef struct OeRequest OeRequest;

extern void oe_result_take(OeRequest *req);

#endif							/* OE_DELIVER_SETTLE_RESULT_H */
