/*
 * tls.c
 *	  A TLS context of OpenSSL that verifies what the configuration says.
 *
 * Certificates come as text, so no file of the server is read but the system's
 * own list of authorities, where the configuration names none.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/tls.h"

static _Thread_local char oe_last_error[200];

/* Keeps what is wrong with the other side's certificate. */
static int
oe_tls_verify(int ok, X509_STORE_CTX * store)
{
	if (!ok)
		snprintf(oe_last_error, sizeof(oe_last_error), "certificate verify failed: %s",
				 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	return ok;
}

/*
 * What was wrong with the certificate tells more than what OpenSSL says of the
 * handshake, so it comes first.
 */
const char *
oe_tls_error(void)
{
	static _Thread_local char text[sizeof(oe_last_error)];
	unsigned long code = ERR_peek_error();

	memcpy(text, oe_last_error, sizeof(text));
	if (text[0] == '\0' && code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	oe_last_error[0] = '\0';
	ERR_clear_error();
	return text;
}

/* Trusts the certificates of the text; without one those of the system. */
static bool
oe_tls_authorities(SSL_CTX * context, const char *pem)
{
	BIO		   *bio;
	X509	   *cert;
	int			n = 0;

	if (pem == NULL)
		return SSL_CTX_set_default_verify_paths(context) == 1;
	bio = BIO_new_mem_buf(pem, -1);
	while (bio != NULL && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
	{
		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), cert) == 1)
			n++;
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return n > 0;
}

/* Our own certificate with its chain, and its key. */
static bool
oe_tls_own(SSL_CTX * context, const char *cert_pem, const char *key_pem)
{
	BIO		   *bio = BIO_new_mem_buf(cert_pem, -1);
	X509	   *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	bool		ok = cert != NULL && SSL_CTX_use_certificate(context, cert) == 1;
	EVP_PKEY   *key;

	X509_free(cert);
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		ok = SSL_CTX_add0_chain_cert(context, cert) == 1;
	BIO_free(bio);
	bio = BIO_new_mem_buf(key_pem, -1);
	key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	ok = ok && key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1;
	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return ok;
}

bool
oe_tls_prepare(SSL_CTX * context, const OeConfig *config, const char *host, char *why, size_t room)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
	const char *name = config->server_name != NULL ? config->server_name : host;
	unsigned char address[16];
	bool		numeric = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;

	oe_last_error[0] = '\0';
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, oe_tls_verify);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if ((numeric ? X509_VERIFY_PARAM_set1_ip_asc(param, name) : X509_VERIFY_PARAM_set1_host(param, name, 0)) != 1)
		snprintf(why, room, "TLS cannot verify the name %s", name);
	else if (!oe_tls_authorities(context, config->ca))
		snprintf(why, room, "tls.ca cannot be used");
	else if (config->cert != NULL && config->key != NULL && !oe_tls_own(context, config->cert, config->key))
		snprintf(why, room, "tls.cert and tls.key cannot be used");
	else
		return true;
	return false;
}
