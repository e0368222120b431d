/*
 * credentials.h
 *	  Who we are to an endpoint: credentials, our origin, the name it has.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_CREDENTIALS_H
#define OE_DELIVER_TRANSPORT_HTTP_CREDENTIALS_H

#include "postgres.h"

extern char *oe_basic_header(const char *credentials);
extern const char *oe_webhook_origin(void);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_CREDENTIALS_H */
