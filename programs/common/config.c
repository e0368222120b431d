/*
 * config.c
 *	  Parses the configuration of a connection.
 *
 * subscribe() has checked it before.  What is checked here keeps the program
 * from using what it does not understand.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/config.h"
#include "common/program.h"

#define OE_CONNECT_TIMEOUT 10000	/* ms */
#define OE_SEND_TIMEOUT 30000	/* ms */
#define OE_MAX_PENDING 10000

static const char *
oe_member(const json_t * object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

const char *
oe_config_auth(const OeConfig *config, const char *member)
{
	return oe_member(json_object_get(config->json, "auth"), member);
}

const char *
oe_config_transport(const OeConfig *config, const char *member)
{
	return oe_member(json_object_get(config->json, "transport"), member);
}

long long
oe_config_number(const OeConfig *config, const char *member, long long otherwise)
{
	json_t	   *value = json_object_get(json_object_get(config->json, "transport"), member);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static int
oe_timeout(const json_t * json, const char *member, int otherwise)
{
	json_t	   *value = json_object_get(json, member);

	if (!json_is_integer(value) || json_integer_value(value) <= 0 || json_integer_value(value) > 86400000)
		return otherwise;
	return (int) json_integer_value(value);
}

/* Does the scheme of the URL stand in this list?  Then *rest is what follows "://". */
static bool
oe_scheme(const char *url, const char *const *schemes, const char **rest)
{
	for (; *schemes != NULL; schemes++)
	{
		size_t		len = strlen(*schemes);

		if (strncasecmp(url, *schemes, len) == 0 && strncmp(url + len, "://", 3) == 0)
		{
			*rest = url + len + 3;
			return true;
		}
	}
	return false;
}

/* Parses one "host", "host:port", "[v6]" or "[v6]:port" of this length. */
static bool
oe_server_parse(const char *text, size_t len, int port, OeServer *server)
{
	const char *end = text + len;
	const char *host = text;
	const char *colon;
	char	   *stop;
	long		number;

	if (len > 0 && *text == '[')
	{
		const char *bracket = memchr(text, ']', len);

		if (bracket == NULL)
			return false;
		host = text + 1;
		len = bracket - host;
		colon = bracket + 1;
		if (colon < end && *colon != ':')
			return false;
	}
	else
	{
		colon = memchr(text, ':', len);
		if (colon != NULL)
			len = colon - text;
		else
			colon = end;
	}
	if (len == 0 || len > 253)
		return false;
	server->port = port;
	if (colon < end)
	{
		number = strtol(colon + 1, &stop, 10);
		if (stop != end || stop == colon + 1 || number < 1 || number > 65535)
			return false;
		server->port = (int) number;
	}
	server->host = strndup(host, len);
	return server->host != NULL;
}

/* Replaces %XX; answers NULL if that is not well-formed. */
static char *
oe_percent_decode(const char *text)
{
	char	   *result = malloc(strlen(text) + 1);
	char	   *to = result;

	for (; result != NULL && *text; text++)
	{
		char		digits[3] = {0};
		char	   *stop;

		if (*text != '%')
		{
			*to++ = *text;
			continue;
		}
		strncpy(digits, text + 1, 2);
		*to = (char) strtol(digits, &stop, 16);
		if (stop != digits + 2 || *to == '\0')
		{
			free(result);
			return NULL;
		}
		to++;
		text += 2;
	}
	if (result != NULL)
		*to = '\0';
	return result;
}

static bool
oe_url_parse(const OeLibrary *library, OeConfig *config, const char *url)
{
	const char *rest;
	const char *end;
	size_t		n = 1;

	if (url == NULL)
		return false;
	if (oe_scheme(url, library->tls_schemes, &rest))
		config->tls = true;
	else if (!oe_scheme(url, library->plain_schemes, &rest))
		return false;
	end = rest + strcspn(rest, "/?#");
	if (memchr(rest, '@', end - rest) != NULL)
		return false;
	for (const char *s = rest; s < end; s++)
		n += *s == ',';
	config->servers = calloc(n, sizeof(OeServer));
	if (config->servers == NULL)
		return false;
	while (rest <= end)
	{
		const char *comma = memchr(rest, ',', end - rest);
		size_t		len = (comma != NULL ? comma : end) - rest;

		if (!oe_server_parse(rest, len, config->tls ? library->tls_port : library->plain_port,
							 &config->servers[config->n_servers]))
			return false;
		config->n_servers++;
		rest += len + 1;
	}
	if (*end != '/')
		return *end == '\0';
	config->path = oe_percent_decode(end + 1);
	return config->path != NULL;
}

OeConfig *
oe_config_parse(const OeLibrary *library, const char *text, char *why, size_t room)
{
	OeConfig   *config = calloc(1, sizeof(OeConfig));
	json_error_t error;
	json_t	   *json = config != NULL ? json_loads(text, 0, &error) : NULL;
	json_t	   *tls;

	if (json == NULL)
	{
		snprintf(why, room, "the configuration is not JSON");
		free(config);
		return NULL;
	}
	config->json = json;
	if (!oe_url_parse(library, config, oe_member(json, "url")))
		snprintf(why, room, "the URL is not one of %s", library->program);
	else if (!oe_policy_parse(&config->policy, json_object_get(json, "policy"), !config->tls))
		snprintf(why, room, "the address policy cannot be read");
	else
	{
		config->connect_timeout = oe_timeout(json, "connect_timeout_ms", OE_CONNECT_TIMEOUT);
		config->policy.timeout = config->connect_timeout;
		config->send_timeout = oe_timeout(json, "send_timeout_ms", OE_SEND_TIMEOUT);
		config->max_pending = oe_timeout(json, "max_pending", OE_MAX_PENDING);
		config->auth = oe_config_auth(config, "type");
		config->username = oe_config_auth(config, "username");
		config->password = oe_config_auth(config, "password");
		tls = json_object_get(json, "tls");
		config->ca = oe_member(tls, "ca");
		config->cert = oe_member(tls, "cert");
		config->key = oe_member(tls, "key");
		config->server_name = oe_member(tls, "server_name");
		return config;
	}
	oe_config_free(config);
	return NULL;
}

void
oe_config_free(OeConfig *config)
{
	if (config == NULL)
		return;
	for (int i = 0; i < config->n_servers; i++)
		free(config->servers[i].host);
	free(config->servers);
	free(config->path);
	free(config->policy.networks);
	json_decref(config->json);
	free(config);
}
