/*
 * http.h
 *	  Sends requests: libcurl's multi interface behind one epoll descriptor.
 *
 * Worker only.  Never waits.  No transaction is open when these are called,
 * except by oe_deliver_yield() (oe_http_between).
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_HTTP_H
#define OE_DELIVER_TRANSPORT_HTTP_HTTP_H

#include "postgres.h"

typedef struct OeBatch OeBatch;
typedef struct OeItem OeItem;
typedef struct OeRequest OeRequest;
typedef struct OeSub OeSub;

extern bool oe_http_between;
extern void oe_http_on_result(void (*result) (OeRequest *req));
extern void oe_http_poll(void);
extern void oe_http_start(OeSub *sub, OeItem *item, OeBatch *batch, int attempt);
extern void oe_http_abandon(OeSub *sub);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_HTTP_H */
