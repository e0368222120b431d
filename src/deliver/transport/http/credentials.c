/*
 * auth.c
 *	  Who we are to an endpoint: credentials, our origin, the name it has.
 *
 * Worker only; no look-up but that of this machine's name.
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <unistd.h>

#include "base/guc.h"
#include "deliver/internal.h"

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
 * What we call ourselves in a handshake: as set, or this machine's name.
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

/*
 * The endpoint's certificate, and its SNI, carry another name than the URL:
 * the request is made to that name, and the connection to where the URL
 * leads.  The header Host stays that of the URL.
 */
void
oe_tls_server_name(OeConf *conf, const char *name)
{
	CURLU	   *u = curl_url();
	char	   *host = NULL;
	char	   *port = NULL;
	char	   *url = NULL;

	if (u == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (curl_url_set(u, CURLUPART_URL, conf->url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_HOST, name, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK)
	{
		conf->tls.url = pstrdup(url);
		conf->tls.connect_to.data = psprintf("%s:%s:%s:%s", name, port, host, port);
		conf->tls.connect_to.next = NULL;
		oe_conf_add_header(conf, strcmp(port, "443") == 0 ? psprintf("Host: %s", host) : psprintf("Host: %s:%s", host, port));
	}
	curl_free(host);
	curl_free(port);
	curl_free(url);
	curl_url_cleanup(u);
}
