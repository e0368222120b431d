/*
 * tls.h
 *	  A TLS context of OpenSSL that verifies what the configuration says.
 */
#ifndef OE_PROGRAMS_COMMON_TLS_H
#define OE_PROGRAMS_COMMON_TLS_H

#include <openssl/ssl.h>

#include "common/config.h"

/* Makes a context fit for a server of this name, or prepares one that a
 * library has made; answers whether that was possible, else why. */
extern bool oe_tls_prepare(SSL_CTX * context, const OeConfig *config, const char *host, char *why, size_t room);

/* Why the last handshake of this thread failed; forgotten when asked. */
extern const char *oe_tls_error(void);

#endif							/* OE_PROGRAMS_COMMON_TLS_H */
