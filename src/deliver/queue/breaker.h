/*
 * breaker.h
 *	  The health of an endpoint: breaker, Retry-After, disabling.
 */
#ifndef OE_DELIVER_QUEUE_BREAKER_H
#define OE_DELIVER_QUEUE_BREAKER_H

#include "postgres.h"

typedef struct OeRequest OeRequest;
typedef struct OeSub OeSub;

extern void oe_sub_disable(OeSub *sub, const OeRequest *req, const char *reason);
extern void oe_breaker_reset(OeSub *sub);
extern void oe_breaker_success(OeSub *sub, const OeRequest *req);
extern void oe_breaker_failure(OeSub *sub, OeRequest *req);

#endif							/* OE_DELIVER_QUEUE_BREAKER_H */
