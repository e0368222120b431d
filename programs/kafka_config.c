/*
 * kafka_config.c
 *	  Makes a producer of librdkafka from the configuration of a connection.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kafka_program.h"

/* A configuration under construction; the first error stays. */
typedef struct OeSettings
{
	rd_kafka_conf_t *conf;
	char		error[300];
} OeSettings;

static void
oe_set(OeSettings *s, const char *name, const char *value)
{
	char		why[200];

	if (value != NULL && s->error[0] == '\0' &&
		rd_kafka_conf_set(s->conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		snprintf(s->error, sizeof(s->error), "%s: %s", name, strstr(name, "password") ? "not accepted" : why);
}

static void
oe_set_number(OeSettings *s, const char *name, long long value)
{
	char		text[32];

	snprintf(text, sizeof(text), "%lld", value);
	oe_set(s, name, text);
}

/*
 * Keeps the latest error for the text of answers; any thread of the library.
 */
void
oe_kafka_error(OeKafka *k, const char *text)
{
	pthread_mutex_lock(&k->lock);
	snprintf(k->error, sizeof(k->error), "%s", text);
	pthread_mutex_unlock(&k->lock);
}

/*
 * The address policy, asked for each connection that the library makes, also to
 * brokers that the cluster has told it of.
 */
static int
oe_kafka_connect(int fd, const struct sockaddr *addr, int len, const char *id, void *opaque)
{
	OeKafka    *k = opaque;
	char		text[160];
	char		full[300];
	int			rc = oe_policy_connect(&k->connection->config->policy, fd, addr, len);

	if (rc == EACCES)
	{
		oe_policy_describe(&k->connection->config->policy, addr, text, sizeof(text));
		snprintf(full, sizeof(full), "broker %s: %s", id, text);
		oe_kafka_error(k, full);
		oe_connection_state(k->connection, false, "%s", full);
	}
	/* the library waits for a socket that is connecting */
	return rc == EINPROGRESS ? 0 : rc;
}

/* Called by the library, within rd_kafka_poll(). */
static void
oe_kafka_error_callback(rd_kafka_t * producer, int code, const char *reason, void *opaque)
{
	OeKafka    *k = opaque;

	(void) producer;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		k->all_down = true;

	/*
	 * what the policy said explains more than the library's "permission
	 * denied"
	 */
	else if (strstr(reason, "Permission denied") == NULL)
		oe_kafka_error(k, reason);
}

/* Errors come through oe_kafka_error_callback(); the log would repeat them. */
static void
oe_kafka_log(const rd_kafka_t * producer, int level, const char *facility, const char *text)
{
	if (level <= 3 && strcmp(facility, "FAIL") != 0 && strcmp(facility, "ERROR") != 0)
		fprintf(stderr, "odoo_events_kafka: %s: %s\n", producer != NULL ? rd_kafka_name(producer) : "", text);
}

/*
 * Called by the library when it needs a token: before the first login, and
 * when most of its life is over.
 */
static void
oe_kafka_token(rd_kafka_t * producer, const char *unused, void *opaque)
{
	OeKafka    *k = opaque;
	OeToken		token = {0};
	char		why[300];

	(void) unused;
	if (!oe_token_get(k->connection->config, &token, why, sizeof(why)) ||
		rd_kafka_oauthbearer_set_token(producer, token.value, ((int64_t) time(NULL) + token.lifetime) * 1000,
									   token.subject, NULL, 0, why, sizeof(why)) != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		oe_kafka_error(k, why);
		oe_connection_state(k->connection, false, "%s", why);
		rd_kafka_oauthbearer_set_token_failure(producer, why);
	}
	oe_token_free(&token);
}

/* TLS and who we are. */
static void
oe_kafka_security(OeSettings *s, const OeConfig *config)
{
	const char *type = config->auth;

	if (type == NULL)
		oe_set(s, "security.protocol", config->tls ? "ssl" : "plaintext");
	else
	{
		oe_set(s, "security.protocol", config->tls ? "sasl_ssl" : "sasl_plaintext");
		oe_set(s, "sasl.mechanisms", strcmp(type, "basic") == 0 ? "PLAIN" :
			   strcmp(type, "scram-sha-256") == 0 ? "SCRAM-SHA-256" :
			   strcmp(type, "scram-sha-512") == 0 ? "SCRAM-SHA-512" :
			   strcmp(type, "oauth2") == 0 ? "OAUTHBEARER" : type);
		oe_set(s, "sasl.username", config->username);
		oe_set(s, "sasl.password", config->password);
		if (strcmp(type, "oauth2") == 0)
			rd_kafka_conf_set_oauthbearer_token_refresh_cb(s->conf, oe_kafka_token);
	}
	if (!config->tls)
		return;
	oe_set(s, "ssl.endpoint.identification.algorithm", "https");
	oe_set(s, "enable.ssl.certificate.verification", "true");
	oe_set(s, "ssl.ca.pem", config->ca);
	oe_set(s, "ssl.certificate.pem", config->cert);
	oe_set(s, "ssl.key.pem", config->key);
}

static void
oe_kafka_servers(OeSettings *s, const OeConfig *config)
{
	char		list[4096];
	size_t		used = 0;

	for (int i = 0; i < config->n_servers && used < sizeof(list); i++)
	{
		const char *format = strchr(config->servers[i].host, ':') ? "%s[%s]:%d" : "%s%s:%d";

		used += snprintf(list + used, sizeof(list) - used, format, i > 0 ? "," : "", config->servers[i].host, config->servers[i].port);
	}
	oe_set(s, "bootstrap.servers", used < sizeof(list) ? list : "");
}

/* What acknowledged means, and how much may wait. */
static void
oe_kafka_promises(OeSettings *s, const OeConfig *config, bool alone)
{
	long long	largest = oe_config_number(config, "max_message_bytes", 1000000);

	oe_set(s, "acks", "all");
	oe_set(s, "enable.idempotence", "true");
	oe_set(s, "compression.codec", oe_config_transport(config, "compression"));
	oe_set_number(s, "linger.ms", oe_config_number(config, "linger_ms", 1));
	oe_set_number(s, "message.max.bytes", largest);
	/* a message that is larger than a batch goes alone */
	oe_set_number(s, "batch.size", largest < 262144 ? largest : 262144);
	if (alone)
		oe_set(s, "batch.num.messages", "1");
	oe_set_number(s, "message.timeout.ms", config->send_timeout);
	oe_set_number(s, "queue.buffering.max.messages", config->max_pending + 1000);
	oe_set_number(s, "queue.buffering.max.kbytes", 131072);
	oe_set_number(s, "socket.connection.setup.timeout.ms", config->connect_timeout < 1000 ? 1000 : config->connect_timeout);
	oe_set(s, "socket.timeout.ms", config->send_timeout < 60000 ? "10000" : "30000");
	oe_set(s, "reconnect.backoff.ms", "100");
	oe_set(s, "reconnect.backoff.max.ms", "5000");
	oe_set(s, "topic.metadata.propagation.max.ms", "5000");
	oe_set(s, "partitioner", "murmur2_random"); /* as Java's clients choose */
}

rd_kafka_t *
oe_kafka_producer(OeKafka *k, bool alone, char *why, size_t room)
{
	const OeConfig *config = k->connection->config;
	OeSettings	s = {rd_kafka_conf_new(), ""};
	rd_kafka_t *producer;

	oe_set(&s, "client.id", "odoo_events");
	oe_kafka_servers(&s, config);
	oe_kafka_security(&s, config);
	oe_kafka_promises(&s, config, alone);
	rd_kafka_conf_set_opaque(s.conf, k);
	rd_kafka_conf_set_connect_cb(s.conf, oe_kafka_connect);
	rd_kafka_conf_set_error_cb(s.conf, oe_kafka_error_callback);
	rd_kafka_conf_set_log_cb(s.conf, oe_kafka_log);
	rd_kafka_conf_set_dr_msg_cb(s.conf, oe_kafka_delivered);
	if (s.error[0] != '\0')
	{
		snprintf(why, room, "%s", s.error);
		rd_kafka_conf_destroy(s.conf);
		return NULL;
	}
	producer = rd_kafka_new(RD_KAFKA_PRODUCER, s.conf, why, room);
	if (producer == NULL)
		rd_kafka_conf_destroy(s.conf);
	return producer;
}
