/*
 * multi.h
 *	  libcurl's multi handle behind one epoll descriptor, and where each
 *	  request is.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_MULTI_H
#define OE_DELIVER_TRANSPORT_HTTP_MULTI_H

#include "postgres.h"

#include <curl/curl.h>

#include "lib/ilist.h"

typedef struct OeRequest OeRequest;

extern void oe_http_init(void);
extern int	oe_http_fd(void);
extern long oe_http_timeout(void);
extern void oe_http_add(OeRequest *req);
extern void oe_http_over(OeRequest *req, const char *error);
extern void oe_http_take_out(OeRequest *req);
extern CURLM *oe_multi;
extern dlist_head oe_running;
extern dlist_head oe_over;
extern void oe_http_bound(void);
extern bool oe_http_round(void);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_MULTI_H */
