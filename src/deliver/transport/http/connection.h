/*
 * connection.h
 *	  Connections to endpoints: how old each is, and what came in on it.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_CONNECTION_H
#define OE_DELIVER_TRANSPORT_HTTP_CONNECTION_H

#include "postgres.h"

typedef struct OeHttpRequest OeHttpRequest;

extern uint64 oe_bytes_read;
extern void oe_socket_opened(int fd, bool http1);
extern void oe_socket_closed(int fd);
extern bool oe_connection_fits(OeHttpRequest *req, const char *ip, int port, int local_port);
extern bool oe_connection_floods(OeHttpRequest *req);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_CONNECTION_H */
