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

typedef struct OeHttpRequest OeHttpRequest;

/* Made by oe_http_init(); lives as long as the worker. */
typedef struct OeHttp
{
	CURLM	   *multi;
	dlist_head	running;		/* OeHttpRequest.link of what curl has, in
								 * order of start */
	dlist_head	over;			/* of what has ended and is not taken yet */
} OeHttp;

extern OeHttp oe_http;

extern void oe_http_init(void);
extern long oe_http_timeout(void);
extern void oe_http_add(OeHttpRequest *req);
extern void oe_http_over(OeHttpRequest *req, const char *error);
extern void oe_http_take_out(OeHttpRequest *req);
extern void oe_http_bound(void);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_MULTI_H */
