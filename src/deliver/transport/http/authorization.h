/*
 * authorization.h
 *	  What an endpoint has to be asked before requests may go: an OAuth2
 *	  token, the validation handshake.
 *
 * Worker only, outside any transaction.  Requests wait in the authorization of
 * their configuration and count as in flight meanwhile.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_AUTHORIZATION_H
#define OE_DELIVER_TRANSPORT_HTTP_AUTHORIZATION_H

#include "postgres.h"

typedef struct OeAuthorization OeAuthorization;
typedef struct OeConfiguration OeConfiguration;
typedef struct OeHttpRequest OeHttpRequest;

extern OeAuthorization *oe_authorization_make(bool handshake, const char *token_url, const char *client_id, const char *client_secret,
											  const char *scope, const char *audience);
extern void oe_authorization_free(OeAuthorization *auth);
extern bool oe_authorization_ready(OeConfiguration *conf);
extern bool oe_authorization_unasked(const OeConfiguration *conf);
extern void oe_authorization_wait(OeHttpRequest *req);
extern bool oe_authorization_retry(OeHttpRequest *req);
extern void oe_authorization_answered(OeHttpRequest *req);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_AUTHORIZATION_H */
