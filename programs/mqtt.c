/*
 * mqtt.c
 *	  odoo_events_mqtt: publishes to an MQTT 5 broker by libmosquitto.
 *
 * QoS 1: a message is acknowledged by its PUBACK, whose reason code says
 * whether the broker took it.  A lost connection is made anew with a new
 * client of the library, so that the library sends nothing again by itself;
 * what was under way goes back to the worker ("may be stored").
 *
 * All calls of the library are made in the thread of the connection.
 */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/tls.h"
#include "deliver/transport/program/frame.h"

#include "common/program.h"

#define OE_KEEPALIVE 30			/* seconds */
#define OE_WINDOW 1000			/* messages under way, if the broker takes as
								 * many */
#define OE_NAME_MAX 65535		/* bytes of a string in the protocol */

typedef struct OeClient
{
	OeConnection *connection;
	struct mosquitto *mosq;
	bool		accepted;		/* CONNACK arrived and is good */
	bool		lost;
	uint8_t		reason;			/* of a CONNACK or DISCONNECT that says one */
	char		error[300];
	unsigned	window;
	unsigned	under_way;
	bool		no_retain;		/* the broker knows no retained messages */
} OeClient;

static const char *
oe_mqtt_version(void)
{
	static char text[32];
	int			major;
	int			minor;
	int			revision;

	mosquitto_lib_version(&major, &minor, &revision);
	snprintf(text, sizeof(text), "%d.%d.%d", major, minor, revision);
	return text;
}

/* Reason codes that the same message meets again. */
static bool
oe_mqtt_for_good(int reason)
{
	return reason == MQTT_RC_NOT_AUTHORIZED || reason == MQTT_RC_TOPIC_NAME_INVALID ||
		reason == MQTT_RC_PACKET_TOO_LARGE || reason == MQTT_RC_PAYLOAD_FORMAT_INVALID ||
		reason == MQTT_RC_RETAIN_NOT_SUPPORTED || reason == MQTT_RC_QOS_NOT_SUPPORTED;
}

/* CONNACK: takes the limits that the broker sets. */
static void
oe_mqtt_connected(struct mosquitto *mosq, void *opaque, int reason, int flags, const mosquitto_property * props)
{
	OeClient   *k = opaque;
	uint16_t	receive_maximum = 65535;
	uint8_t		retain = 1;
	char	   *text = NULL;

	(void) mosq;
	(void) flags;
	if (reason != 0)
	{
		mosquitto_property_read_string(props, MQTT_PROP_REASON_STRING, &text, false);
		snprintf(k->error, sizeof(k->error), "the broker refused the connection: %s%s%s", mosquitto_reason_string(reason),
				 text != NULL ? ": " : "", text != NULL ? text : "");
		free(text);
		k->lost = true;
		return;
	}
	mosquitto_property_read_int16(props, MQTT_PROP_RECEIVE_MAXIMUM, &receive_maximum, false);
	if (mosquitto_property_read_byte(props, MQTT_PROP_RETAIN_AVAILABLE, &retain, false) != NULL)
		k->no_retain = retain == 0;
	k->window = receive_maximum < OE_WINDOW ? receive_maximum : OE_WINDOW;
	k->accepted = true;
}

/*
 * The connection is over.  A reason that the broker gave is kept, since a
 * packet that was too large is known by it alone.
 */
static void
oe_mqtt_disconnected(struct mosquitto *mosq, void *opaque, int reason, const mosquitto_property * props)
{
	OeClient   *k = opaque;

	(void) mosq;
	(void) props;
	k->lost = true;
	if (k->error[0] != '\0')
		return;
	if (reason >= 0x80)
	{
		k->reason = (uint8_t) reason;
		snprintf(k->error, sizeof(k->error), "the broker closed the connection: %s", mosquitto_reason_string(reason));
	}
	else
		snprintf(k->error, sizeof(k->error), "the connection was lost: %s", mosquitto_strerror(reason));
}

/* PUBACK: the message has its answer, unless it was given up before. */
static void
oe_mqtt_published(struct mosquitto *mosq, void *opaque, int mid, int reason, const mosquitto_property * props)
{
	OeClient   *k = opaque;
	OeMessage  *m = oe_connection_claim(k->connection, (uint64_t) mid);
	char	   *text = NULL;

	(void) mosq;
	k->under_way--;
	if (m == NULL)
		return;
	if (reason < 0x80)
	{
		oe_acknowledge(m);
		return;
	}
	mosquitto_property_read_string(props, MQTT_PROP_REASON_STRING, &text, false);
	if (oe_mqtt_for_good(reason))
		oe_refuse(m, "%s: %s (0x%02X)%s%s", m->topic.data, mosquitto_reason_string(reason), reason, text != NULL ? ": " : "", text != NULL ? text : "");
	else
		oe_retry(m, false, "%s: %s (0x%02X)", m->topic.data, mosquitto_reason_string(reason), reason);
	free(text);
}

/*
 * The properties of a message; false if it cannot have them.
 */
static bool
oe_mqtt_properties(const OeMessage *m, mosquitto_property * *props)
{
	OeString	type = oe_message_header(m, "content-type");
	int			rc = MOSQ_ERR_SUCCESS;

	if (type.data != NULL)
		rc = mosquitto_property_add_string(props, MQTT_PROP_CONTENT_TYPE, type.data);
	if (rc == MOSQ_ERR_SUCCESS && m->expiry > 0)
		rc = mosquitto_property_add_int32(props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, m->expiry);
	for (uint32_t i = 0; rc == MOSQ_ERR_SUCCESS && i < m->n_headers; i++)
	{
		const OeHeader *h = &m->headers[i];

		if (strcasecmp(h->name.data, "content-type") == 0)
			continue;
		if (h->name.len > OE_NAME_MAX || h->value.len > OE_NAME_MAX)
			return false;
		rc = mosquitto_property_add_string_pair(props, MQTT_PROP_USER_PROPERTY, h->name.data, h->value.data != NULL ? h->value.data : "");
	}
	return rc == MOSQ_ERR_SUCCESS;
}

static void
oe_mqtt_publish(OeClient *k, OeMessage *m)
{
	mosquitto_property *props = NULL;
	bool		retain = (m->flags & OE_MESSAGE_RETAIN) != 0;
	bool		empty = m->body.data == NULL || (m->flags & OE_MESSAGE_TOMBSTONE);
	int			mid = 0;
	int			rc;

	if (retain && k->no_retain)
	{
		oe_refuse(m, "%s: the broker keeps no retained messages", m->topic.data);
		return;
	}
	if (!oe_mqtt_properties(m, &props))
	{
		mosquitto_property_free_all(&props);
		oe_refuse(m, "%s: a header does not fit into an MQTT property", m->topic.data);
		return;
	}
	rc = mosquitto_publish_v5(k->mosq, &mid, m->topic.data, empty ? 0 : (int) m->body.len, empty ? NULL : m->body.data, 1, retain, props);
	mosquitto_property_free_all(&props);
	if (rc == MOSQ_ERR_SUCCESS)
	{
		m->number = (uint64_t) mid;
		m->sent = true;
		k->under_way++;
	}
	else if (rc == MOSQ_ERR_NO_CONN || rc == MOSQ_ERR_CONN_LOST || rc == MOSQ_ERR_NOMEM || rc == MOSQ_ERR_ERRNO)
		oe_retry(m, true, "%s", mosquitto_strerror(rc));
	else
		oe_refuse(m, "%s: %s", m->topic.data, mosquitto_strerror(rc));
}

/*
 * MQTT has no way of asking whether a topic may be published to.
 */
static void
oe_mqtt_ping(OeClient *k, OeMessage *m)
{
	oe_connection_state(k->connection, true, "connected; whether %s may be published to is known with the first message",
						m->topic.len > 0 ? m->topic.data : "a topic");
	oe_acknowledge(m);
}

/* Does what the socket allows; answers false when the connection is gone. */
static bool
oe_mqtt_step(OeClient *k)
{
	struct pollfd fd = {mosquitto_socket(k->mosq), POLLIN, 0};
	int			rc;

	if (fd.fd < 0)
		return false;
	rc = mosquitto_loop_misc(k->mosq);
	/* whatever arrived, without waiting for more */
	if (rc == MOSQ_ERR_SUCCESS && poll(&fd, 1, 0) > 0)
		rc = mosquitto_loop_read(k->mosq, 1);
	if (rc == MOSQ_ERR_SUCCESS && mosquitto_want_write(k->mosq))
		rc = mosquitto_loop_write(k->mosq, 1);
	if (rc != MOSQ_ERR_SUCCESS && k->error[0] == '\0')
		snprintf(k->error, sizeof(k->error), "the connection was lost: %s", rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
	return rc == MOSQ_ERR_SUCCESS && !k->lost;
}

static void
oe_mqtt_wait(OeClient *k, int timeout)
{
	int			fd = mosquitto_socket(k->mosq);

	oe_connection_wait(k->connection, fd, (short) (POLLIN | (mosquitto_want_write(k->mosq) ? POLLOUT : 0)), timeout);
}

/* Waits for the broker's CONNACK. */
static bool
oe_mqtt_handshake(OeClient *k)
{
	int64_t		until = oe_now() + k->connection->config->connect_timeout;

	while (!k->accepted && oe_now() < until && !oe_connection_closing(k->connection))
	{
		struct pollfd fd = {mosquitto_socket(k->mosq), POLLIN, 0};

		if (mosquitto_want_write(k->mosq))
			fd.events |= POLLOUT;
		poll(&fd, 1, 100);
		if (!oe_mqtt_step(k))
			return false;
	}
	if (!k->accepted && k->error[0] == '\0')
		snprintf(k->error, sizeof(k->error), "the broker does not answer");
	return k->accepted;
}

/*
 * The broker closed the connection because a packet was too large.  It was the
 * largest message under way, or one that is smaller: then this one is too
 * large as well.
 */
static void
oe_mqtt_too_large(OeClient *k)
{
	OeMessage  *m = oe_connection_claim_largest(k->connection);

	if (m != NULL)
		oe_refuse(m, "%s: %s (%zu bytes)", m->topic.data, k->error, m->body.len);
}

/*
 * Publishes and reads until the connection is lost or closed.  With a full
 * window new messages do not end the wait, only the broker does.
 */
static void
oe_mqtt_serve(OeClient *k)
{
	OeConnection *c = k->connection;

	oe_connection_state(c, true, "connected");
	while (!oe_connection_closing(c))
	{
		OeMessage  *m;
		bool		more = true;

		while (k->under_way < k->window && more)
		{
			m = oe_connection_take(c);
			more = m != NULL;
			if (more && (m->flags & OE_MESSAGE_PING))
				oe_mqtt_ping(k, m);
			else if (more)
				oe_mqtt_publish(k, m);
		}
		if (!oe_mqtt_step(k))
			break;
		if (oe_connection_overdue(c))
		{
			snprintf(k->error, sizeof(k->error), "no answer for %d ms", c->config->send_timeout);
			break;
		}
		if (k->under_way < k->window)
			oe_mqtt_wait(k, 500);
		else
		{
			struct pollfd fd = {mosquitto_socket(k->mosq), POLLIN, 0};

			if (mosquitto_want_write(k->mosq))
				fd.events |= POLLOUT;
			poll(&fd, 1, 100);
		}
	}
	if (k->reason == MQTT_RC_PACKET_TOO_LARGE)
		oe_mqtt_too_large(k);
	if (!k->lost)
		mosquitto_disconnect(k->mosq);
}

/* The library's client, ready to connect; NULL and why. */
static struct mosquitto *
oe_mqtt_client(OeClient *k, const OeServer *server, SSL_CTX * *tls, char *why, size_t room)
{
	const OeConfig *config = k->connection->config;
	const char *id = oe_config_transport(config, "client_id");
	struct mosquitto *mosq = mosquitto_new(id, true, k);

	if (mosq == NULL)
	{
		snprintf(why, room, "transport.client_id cannot be used");
		return NULL;
	}
	mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, OE_WINDOW);
	mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_connect_v5_callback_set(mosq, oe_mqtt_connected);
	mosquitto_disconnect_v5_callback_set(mosq, oe_mqtt_disconnected);
	mosquitto_publish_v5_callback_set(mosq, oe_mqtt_published);
	if (config->auth != NULL)
		mosquitto_username_pw_set(mosq, config->username, config->password);
	if (!config->tls)
		return mosq;
	*tls = SSL_CTX_new(TLS_client_method());
	if (*tls != NULL && oe_tls_prepare(*tls, config, server->host, why, room) &&
		mosquitto_int_option(mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) == MOSQ_ERR_SUCCESS &&
		mosquitto_void_option(mosq, MOSQ_OPT_SSL_CTX, *tls) == MOSQ_ERR_SUCCESS)
		return mosq;
	mosquitto_destroy(mosq);
	return NULL;
}

/* Connects to a server and serves it until the connection is lost; answers
 * whether it was up. */
static bool
oe_mqtt_session(OeClient *k, const OeServer *server, char *why, size_t room)
{
	SSL_CTX    *tls = NULL;
	const char *detail;
	int			rc;

	snprintf(why, room, "TLS cannot be used");
	k->mosq = oe_mqtt_client(k, server, &tls, why, room);
	if (k->mosq == NULL)
	{
		SSL_CTX_free(tls);
		return false;
	}
	rc = mosquitto_connect_bind_v5(k->mosq, server->host, server->port, OE_KEEPALIVE, NULL, NULL);
	if (rc != MOSQ_ERR_SUCCESS)
	{
		detail = oe_policy_refused();
		if (detail[0] == '\0' && tls != NULL)
			detail = oe_tls_error();
		if (detail[0] == '\0')
			detail = rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc);
		snprintf(k->error, sizeof(k->error), "%s", detail);
	}
	else if (oe_mqtt_handshake(k))
		oe_mqtt_serve(k);
	detail = tls != NULL && !k->accepted ? oe_tls_error() : "";
	snprintf(why, room, "%s:%d: %s%s%s", server->host, server->port, k->error[0] != '\0' ? k->error : "the connection was lost",
			 detail[0] != '\0' ? ": " : "", detail);
	mosquitto_destroy(k->mosq);
	SSL_CTX_free(tls);
	return k->accepted;
}

/*
 * The thread of a connection: one session after the other, each with the next
 * host of the URL.
 */
static void
oe_mqtt_run(OeConnection *c)
{
	char		why[700];
	int			failures = 0;
	int			turn = 0;

	while (!oe_connection_closing(c))
	{
		OeClient	k = {.connection = c,.window = 20};

		oe_policy_enter(&c->config->policy);
		if (oe_mqtt_session(&k, &c->config->servers[turn++ % c->config->n_servers], why, sizeof(why)))
			failures = 0;
		if (!oe_connection_closing(c))
			oe_connection_back_off(c, failures++, why);
	}
}

static void
oe_mqtt_start(void)
{
	mosquitto_lib_init();
}

static const OeLibrary oe_mqtt = {
	.program = "odoo_events_mqtt",
	.library = "libmosquitto",
	.version = oe_mqtt_version,
	.plain_schemes = {"mqtt"},
	.tls_schemes = {"mqtts"},
	.plain_port = 1883,
	.tls_port = 8883,
	.start = oe_mqtt_start,
	.run = oe_mqtt_run,
};

int
main(int argc, char **argv)
{
	oe_program_main(&oe_mqtt, argc, argv);
	return 0;
}
