/*
 * nats_login.c
 *	  Options of a NATS connection: TLS and who we are.
 *
 * An nkey's seed and the content of a .creds file come as text, so that no file
 * is read.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats_program.h"

#define OE_SEED_BYTES 32
#define OE_NKEY_USER (20 << 3)	/* first byte of a user's public key: 'U' */

static const char oe_base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* Decodes base32 without padding; answers the number of bytes, -1 on error. */
static int
oe_base32_decode(const char *text, unsigned char *bytes, int room)
{
	unsigned	bits = 0;
	int			have = 0;
	int			len = 0;

	for (; *text != '\0'; text++)
	{
		const char *digit = strchr(oe_base32, *text);

		if (digit == NULL)
			return -1;
		bits = bits << 5 | (unsigned) (digit - oe_base32);
		have += 5;
		if (have >= 8)
		{
			have -= 8;
			if (len == room)
				return -1;
			bytes[len++] = (unsigned char) (bits >> have);
		}
	}
	return len;
}

static void
oe_base32_encode(const unsigned char *bytes, int len, char *text)
{
	unsigned	bits = 0;
	int			have = 0;

	for (int i = 0; i < len; i++)
	{
		bits = bits << 8 | bytes[i];
		for (have += 8; have >= 5; have -= 5)
			*text++ = oe_base32[bits >> (have - 5) & 31];
	}
	if (have > 0)
		*text++ = oe_base32[bits << (5 - have) & 31];
	*text = '\0';
}

/* CRC-16/XMODEM, which ends an nkey. */
static unsigned
oe_crc16(const unsigned char *bytes, int len)
{
	unsigned	crc = 0;

	for (int i = 0; i < len; i++)
	{
		crc ^= (unsigned) bytes[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xFFFF;
	}
	return crc;
}

/*
 * The public key that belongs to a user's seed ("SU..."), 56 characters.
 */
static bool
oe_nkey_public(const char *seed, char *text)
{
	unsigned char raw[2 + OE_SEED_BYTES + 2];
	unsigned char key[1 + OE_SEED_BYTES + 2];
	size_t		len = OE_SEED_BYTES;
	EVP_PKEY   *pkey;
	bool		ok;
	unsigned	crc;

	/* two bytes of prefix hold the kinds "seed" and "user" */
	if (oe_base32_decode(seed, raw, sizeof(raw)) != sizeof(raw) || (raw[0] & 0xF8) != (18 << 3) ||
		((raw[0] & 7) << 5 | (raw[1] & 0xF8) >> 3) != OE_NKEY_USER ||
		oe_crc16(raw, sizeof(raw) - 2) != (unsigned) (raw[sizeof(raw) - 2] | raw[sizeof(raw) - 1] << 8))
		return false;
	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw + 2, OE_SEED_BYTES);
	key[0] = OE_NKEY_USER;
	ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, key + 1, &len) == 1;
	EVP_PKEY_free(pkey);
	explicit_bzero(raw, sizeof(raw));
	crc = oe_crc16(key, 1 + OE_SEED_BYTES);
	key[1 + OE_SEED_BYTES] = crc & 0xFF;
	key[2 + OE_SEED_BYTES] = crc >> 8;
	oe_base32_encode(key, sizeof(key), text);
	return ok;
}

/* The line between "-----BEGIN what-----" and "------END"; malloc'ed. */
static char *
oe_creds_part(const char *creds, const char *what)
{
	const char *from = creds != NULL ? strstr(creds, what) : NULL;
	const char *to;

	if (from == NULL || (from = strchr(from, '\n')) == NULL)
		return NULL;
	from += strspn(from, "\r\n ");
	to = from + strcspn(from, "\r\n ");
	return to > from ? strndup(from, to - from) : NULL;
}

static natsStatus
oe_creds_jwt(char **jwt, char **error, void *closure)
{
	OeConnection *c = closure;

	*jwt = oe_creds_part(oe_config_auth(c->config, "creds"), "BEGIN NATS USER JWT");
	if (*jwt == NULL)
		*error = strdup("auth.creds has no user JWT");
	return *jwt != NULL ? NATS_OK : NATS_ERR;
}

static natsStatus
oe_sign(char **error, unsigned char **signature, int *len, const char *nonce, void *closure)
{
	OeConnection *c = closure;
	const char *given = oe_config_auth(c->config, "seed");
	char	   *seed = given != NULL ? strdup(given) : oe_creds_part(oe_config_auth(c->config, "creds"), "BEGIN USER NKEY SEED");
	natsStatus	status = NATS_ERR;

	if (seed != NULL)
	{
		status = nats_Sign(seed, nonce, signature, len);
		explicit_bzero(seed, strlen(seed));
		free(seed);
	}
	if (status != NATS_OK)
		*error = strdup("auth has no usable seed");
	return status;
}

static natsStatus
oe_nats_auth(natsOptions * opts, OeConnection *c, char *why, size_t room)
{
	const char *type = c->config->auth;
	char		public[64];

	if (type == NULL)
		return NATS_OK;
	if (strcmp(type, "basic") == 0)
		return natsOptions_SetUserInfo(opts, c->config->username, c->config->password);
	if (strcmp(type, "bearer") == 0)
		return natsOptions_SetToken(opts, oe_config_auth(c->config, "token"));
	if (strcmp(type, "creds") == 0)
		return natsOptions_SetUserCredentialsCallbacks(opts, oe_creds_jwt, c, oe_sign, c);
	if (strcmp(type, "nkey") == 0 && oe_config_auth(c->config, "seed") != NULL && oe_nkey_public(oe_config_auth(c->config, "seed"), public))
		return natsOptions_SetNKey(opts, public, oe_sign, c);
	snprintf(why, room, strcmp(type, "nkey") == 0 ? "auth.seed is not the seed of a user's nkey (SU...)" : "NATS knows no such auth.type");
	return NATS_INVALID_ARG;
}

static natsStatus
oe_nats_tls(natsOptions * opts, const OeConfig *config, const OeServer *server)
{
	natsStatus	s;

	if (!config->tls)
		return NATS_OK;
	s = natsOptions_SetSecure(opts, true);
	if (s == NATS_OK)
		s = natsOptions_SetExpectedHostname(opts, config->server_name != NULL ? config->server_name : server->host);
	if (s == NATS_OK && config->ca != NULL)
		s = natsOptions_SetCATrustedCertificates(opts, config->ca);
	if (s == NATS_OK && config->cert != NULL && config->key != NULL)
		s = natsOptions_SetCertificatesChain(opts, config->cert, config->key);
	return s;
}

natsOptions *
oe_nats_options(OeConnection *c, const OeServer *server, char *why, size_t room)
{
	const OeConfig *config = c->config;
	natsOptions *opts = NULL;
	char		url[400];
	natsStatus	s = natsOptions_Create(&opts);

	why[0] = '\0';
	snprintf(url, sizeof(url), strchr(server->host, ':') ? "%s://[%s]:%d" : "%s://%s:%d", config->tls ? "tls" : "nats", server->host, server->port);
	if (s == NATS_OK)
		s = natsOptions_SetURL(opts, url);
	if (s == NATS_OK)
		s = natsOptions_SetName(opts, "odoo_events");
	if (s == NATS_OK)
		s = natsOptions_SetTimeout(opts, config->connect_timeout);
	/* a lost connection is made anew by us, under the policy, in our thread */
	if (s == NATS_OK)
		s = natsOptions_SetAllowReconnect(opts, false);
	if (s == NATS_OK)
		s = natsOptions_SetIgnoreDiscoveredServers(opts, true);
	if (s == NATS_OK)
		s = natsOptions_SetPingInterval(opts, 10000);
	if (s == NATS_OK)
		s = natsOptions_SetWriteDeadline(opts, config->send_timeout);
	if (s == NATS_OK)
		s = oe_nats_auth(opts, c, why, room);
	if (s == NATS_OK)
		s = oe_nats_tls(opts, config, server);
	if (s == NATS_OK)
		return opts;
	if (why[0] == '\0')
		snprintf(why, room, "%s: %s", natsStatus_GetText(s), nats_GetLastError(NULL) != NULL ? nats_GetLastError(NULL) : "");
	natsOptions_Destroy(opts);
	return NULL;
}
