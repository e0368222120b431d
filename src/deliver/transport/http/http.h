/*
 * http.h
 *	  Sends requests: libcurl's multi interface behind one epoll descriptor.
 *
 * Worker only.  Never waits.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_HTTP_H
#define OE_DELIVER_TRANSPORT_HTTP_HTTP_H

#include "postgres.h"

typedef struct OeTransport OeTransport;

extern OeTransport oe_http_transport;

#endif							/* OE_DELIVER_TRANSPORT_HTTP_HTTP_H */
