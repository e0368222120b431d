/*
 * config.h
 *	  The configuration of a connection, as the worker sends it.
 *
 * Made by the reading thread, read only afterwards, freed with its connection.
 */
#ifndef OE_PROGRAMS_COMMON_CONFIG_H
#define OE_PROGRAMS_COMMON_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

#include "common/policy.h"

typedef struct OeLibrary OeLibrary;

/* One "host:port" of the URL. */
typedef struct OeServer
{
	char	   *host;			/* without the brackets of an IPv6 address */
	int			port;
} OeServer;

typedef struct OeConfig
{
	json_t	   *json;			/* owns the strings below */
	bool		tls;			/* by the scheme of the URL */
	OeServer   *servers;
	int			n_servers;
	char	   *path;			/* of the URL, decoded, without its first
								 * slash; NULL if there is none */
	OePolicy	policy;
	int			connect_timeout;	/* ms */
	int			send_timeout;	/* ms */
	unsigned	max_pending;

	/* Credentials; NULL where there are none. */
	const char *auth;			/* type */
	const char *username;
	const char *password;

	/* PEM; NULL where there is none. */
	const char *ca;
	const char *cert;
	const char *key;
	const char *server_name;
} OeConfig;

/* Parses the worker's JSON; on failure answers NULL and writes why. */
extern OeConfig *oe_config_parse(const OeLibrary *library, const char *text,
								 char *why, size_t room);
extern void oe_config_free(OeConfig *config);

/* A member of "auth" or "transport" that is a string, or NULL. */
extern const char *oe_config_auth(const OeConfig *config, const char *member);
extern const char *oe_config_transport(const OeConfig *config, const char *member);

/* A member of "transport" that is an integer, or the default. */
extern long long oe_config_number(const OeConfig *config, const char *member,
								  long long otherwise);

#endif							/* OE_PROGRAMS_COMMON_CONFIG_H */
