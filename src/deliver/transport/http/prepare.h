/*
 * prepare.h
 *	  One request: what it sends.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_PREPARE_H
#define OE_DELIVER_TRANSPORT_HTTP_PREPARE_H

#include "postgres.h"

#include "deliver/transport/http/request.h"

typedef struct OeConfiguration OeConfiguration;

extern int	oe_http_limit(void);
extern OeHttpRequest *oe_request_make(OeConfiguration *conf, OeRequestKind kind, int room);
extern void oe_request_reset(OeHttpRequest *req);
extern OeHttpRequest *oe_request_get(OeConfiguration *conf);
extern void oe_request_prepare(OeHttpRequest *req);
extern void oe_request_put(OeHttpRequest *req);
extern void oe_http_free_idle(OeConfiguration *conf);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_PREPARE_H */
