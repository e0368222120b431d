/*
 * token.c
 *	  An OAuth2 access token by client credentials, for SASL OAUTHBEARER.
 *
 * Called in the thread of the connection, which waits for the answer.  The
 * token endpoint's address is under the policy of the connection.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_program.h"

#define OE_ANSWER_MAX 32768
#define OE_LIFETIME 300			/* seconds, where the endpoint says none */

typedef struct OeAnswer
{
	char		bytes[OE_ANSWER_MAX + 1];
	size_t		len;
} OeAnswer;

void
oe_token_start(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/*
 * Called by libcurl with pieces of the answer; one that is too long ends the
 * transfer.
 */
static size_t
oe_token_write(char *data, size_t size, size_t n, void *opaque)
{
	OeAnswer   *a = opaque;
	size_t		len = size * n;

	if (len > OE_ANSWER_MAX - a->len)
		return 0;
	memcpy(a->bytes + a->len, data, len);
	a->len += len;
	return len;
}

static bool
oe_token_field(CURL *curl, char *form, size_t room, const char *name, const char *value)
{
	size_t		used = strlen(form);
	char	   *escaped;
	int			n;

	if (value == NULL)
		return true;
	escaped = curl_easy_escape(curl, value, 0);
	n = escaped != NULL ? snprintf(form + used, room - used, "&%s=%s", name, escaped) : -1;
	curl_free(escaped);
	return n >= 0 && (size_t) n < room - used;
}

/* The subject of a JSON Web Token, which Kafka's clients call the principal;
 * the client's id where the token is none or says nothing. */
static char *
oe_token_subject(const char *token, const char *otherwise)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *from = strchr(token, '.');
	char	   *text = calloc(1, strlen(token) + 1);
	size_t		len = 0;
	unsigned	bits = 0;
	int			have = 0;
	json_t	   *claims;
	const char *subject;
	char	   *result;

	for (from = from != NULL && text != NULL ? from + 1 : ""; *from != '\0' && *from != '.'; from++)
	{
		const char *digit = strchr(alphabet, *from);

		if (digit == NULL)
			break;
		bits = bits << 6 | (unsigned) (digit - alphabet);
		have += 6;
		if (have >= 8)
		{
			have -= 8;
			text[len++] = (char) (bits >> have);
		}
	}
	claims = len > 0 ? json_loadb(text, len, 0, NULL) : NULL;
	subject = json_string_value(json_object_get(claims, "sub"));
	result = strdup(subject != NULL ? subject : otherwise);
	json_decref(claims);
	free(text);
	return result;
}

/*
 * Takes the token out of the answer; *why says what is wrong with it, never
 * the token.
 */
static bool
oe_token_parse(const OeConfig *config, const OeAnswer *a, long status, OeToken *token, char *why, size_t room)
{
	json_t	   *json = json_loadb(a->bytes, a->len, 0, NULL);
	const char *value = json_string_value(json_object_get(json, "access_token"));
	const char *error = json_string_value(json_object_get(json, "error"));
	json_t	   *lifetime = json_object_get(json, "expires_in");

	if (status != 200 || value == NULL)
		snprintf(why, room, "the token endpoint answered with status %ld%s%s", status, error != NULL ? ": " : " and no access_token",
				 error != NULL ? error : "");
	else
	{
		token->value = strdup(value);
		token->subject = oe_token_subject(value, oe_config_auth(config, "client_id"));
		token->lifetime = json_is_number(lifetime) ? (long) json_number_value(lifetime) : OE_LIFETIME;
	}
	json_decref(json);
	return token->value != NULL && token->subject != NULL;
}

/*
 * The request.  Neither redirects nor proxies are followed, which could lead
 * around the address policy.
 */
static bool
oe_token_ask(const OeConfig *config, CURL *curl, const char *form, OeToken *token, char *why, size_t room)
{
	OeAnswer   *answer = calloc(1, sizeof(OeAnswer));
	long		status = 0;
	CURLcode	rc;
	bool		ok = false;
	char	   *id;
	char	   *secret;

	curl_easy_setopt(curl, CURLOPT_URL, oe_config_auth(config, "token_url"));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) config->connect_timeout);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
	curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
	/* as a form, says RFC 6749 */
	id = curl_easy_escape(curl, oe_config_auth(config, "client_id"), 0);
	secret = curl_easy_escape(curl, oe_config_auth(config, "client_secret"), 0);
	curl_easy_setopt(curl, CURLOPT_USERNAME, id);
	curl_easy_setopt(curl, CURLOPT_PASSWORD, secret);
	curl_free(id);
	curl_free(secret);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, oe_token_write);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	rc = answer != NULL ? curl_easy_perform(curl) : CURLE_OUT_OF_MEMORY;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (rc != CURLE_OK)
		snprintf(why, room, "no token: %s", oe_policy_refused()[0] ? oe_policy_refused() : curl_easy_strerror(rc));
	else
		ok = oe_token_parse(config, answer, status, token, why, room);
	if (answer != NULL)
		explicit_bzero(answer, sizeof(*answer));
	free(answer);
	return ok;
}

/*
 * A new token.  The caller frees it with oe_token_free(), which overwrites it.
 */
bool
oe_token_get(const OeConfig *config, OeToken *token, char *why, size_t room)
{
	CURL	   *curl = curl_easy_init();
	OePolicy	policy = config->policy;
	char		form[8192] = "grant_type=client_credentials";
	bool		ok = false;

	snprintf(why, room, "no token: out of memory");
	if (curl == NULL || oe_config_auth(config, "token_url") == NULL || oe_config_auth(config, "client_id") == NULL ||
		oe_config_auth(config, "client_secret") == NULL)
		snprintf(why, room, "no token: auth is incomplete");
	else if (oe_token_field(curl, form, sizeof(form), "scope", oe_config_auth(config, "scope")) &&
			 oe_token_field(curl, form, sizeof(form), "audience", oe_config_auth(config, "audience")))
	{
		policy.plain = strncmp(oe_config_auth(config, "token_url"), "https:", 6) != 0;
		oe_policy_enter(&policy);
		ok = oe_token_ask(config, curl, form, token, why, room);
		oe_policy_enter(&config->policy);
	}
	curl_easy_cleanup(curl);
	return ok;
}

void
oe_token_free(OeToken *token)
{
	if (token->value != NULL)
		explicit_bzero(token->value, strlen(token->value));
	free(token->value);
	free(token->subject);
}
