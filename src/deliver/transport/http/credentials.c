/*
 * credentials.c
 *	  How we present ourselves to an endpoint: credentials, origin, server
 *	  name.
 *
 * Worker only; the only look-up is this machine's own name.
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <unistd.h>

#include "base/guc.h"
#include "deliver/transport/http/credentials.h"

/*
 * The header of credentials "name:password", in the current context.
 */
char *
oe_basic_header(const char *credentials)
{
	int			len = strlen(credentials);
	char	   *text = palloc(len * 4 / 3 + 4);
	char	   *header;

	EVP_EncodeBlock((unsigned char *) text, (const unsigned char *) credentials, len);
	header = psprintf("Authorization: Basic %s", text);
	pfree(text);
	return header;
}

/*
 * Our origin in a handshake: the setting, or this machine's name.
 */
const char *
oe_webhook_origin(void)
{
	static char name[256] = "";

	if (oe_guc_webhook_origin != NULL && oe_guc_webhook_origin[0] != '\0')
		return oe_guc_webhook_origin;
	if (name[0] == '\0' && gethostname(name, sizeof(name) - 1) != 0)
		strlcpy(name, "localhost", sizeof(name));
	return name;
}
