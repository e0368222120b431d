/*
 * amqp.c
 *	  odoo_events_amqp: publishes to RabbitMQ (AMQP 0-9-1) by librabbitmq.
 *
 * Messages are persistent and mandatory, on a channel with publisher confirms:
 * one is acknowledged when the broker confirms it, refused when it comes back
 * because no queue takes it.
 *
 * An error of one message closes the channel and does not say which message it
 * was.  Then the next messages are published one at a time, until as many as
 * were under way have passed, so that the one to be refused is known.
 */
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp_program.h"
#include "common/tls.h"
#include "deliver/transport/program/frame.h"

#define OE_WINDOW 2000			/* messages under way */
#define OE_HEARTBEAT 20			/* seconds */

static struct timeval
oe_amqp_timeout(int ms)
{
	struct timeval t = {ms / 1000, ms % 1000 * 1000};

	return t;
}

/* Keeps the error of a call that waits for the broker; answers whether there
 * is none. */
static bool
oe_amqp_good(OeRabbit *r, amqp_rpc_reply_t reply)
{
	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
		return true;
	r->lost = true;
	if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION)
		oe_amqp_closed(r, &reply.reply);
	else
		snprintf(r->error, sizeof(r->error), "%s", amqp_error_string2(reply.library_error));
	return false;
}

/*
 * A socket for the server, with TLS where the URL says so; NULL: it cannot be
 * made, and r->error may say why.
 */
static amqp_socket_t *
oe_amqp_socket(OeRabbit *r, const OeServer *server)
{
	const OeConfig *config = r->connection->config;
	amqp_socket_t *socket;

	if (!config->tls)
		return amqp_tcp_socket_new(r->amqp);
	socket = amqp_ssl_socket_new(r->amqp);
	if (socket == NULL)
		return NULL;
	amqp_ssl_socket_set_verify_peer(socket, 1);
	/* OpenSSL verifies the name */
	amqp_ssl_socket_set_verify_hostname(socket, 0);
	return oe_tls_prepare(amqp_ssl_socket_get_context(socket), config, server->host, r->error, sizeof(r->error)) ? socket : NULL;
}

/*
 * Logs in as a client that wants to be told when the broker is short of disk or
 * memory, and takes nothing.
 */
static bool
oe_amqp_login(OeRabbit *r)
{
	const OeConfig *config = r->connection->config;
	const char *vhost = config->path != NULL && config->path[0] != '\0' ? config->path : "/";
	amqp_table_entry_t blocked = {.key = amqp_cstring_bytes("connection.blocked"),.value = {.kind = AMQP_FIELD_KIND_BOOLEAN,.value.boolean = 1}};
	amqp_table_entry_t capabilities = {.key = amqp_cstring_bytes("capabilities"),
	.value = {.kind = AMQP_FIELD_KIND_TABLE,.value.table = {1, &blocked}}};
	amqp_table_t properties = {1, &capabilities};

	if (config->auth == NULL && config->cert != NULL)
		return oe_amqp_good(r, amqp_login_with_properties(r->amqp, vhost, 0, AMQP_DEFAULT_FRAME_SIZE, OE_HEARTBEAT, &properties,
														  AMQP_SASL_METHOD_EXTERNAL, ""));
	return oe_amqp_good(r, amqp_login_with_properties(r->amqp, vhost, 0, AMQP_DEFAULT_FRAME_SIZE, OE_HEARTBEAT, &properties, AMQP_SASL_METHOD_PLAIN,
													  config->auth != NULL ? config->username : "guest", config->auth != NULL ? config->password : "guest"));
}

/* Connects, logs in and opens the channel. */
static bool
oe_amqp_connect(OeRabbit *r, const OeServer *server)
{
	struct timeval timeout = oe_amqp_timeout(r->connection->config->connect_timeout);
	amqp_socket_t *socket;
	const char *tls;
	int			rc;

	r->amqp = amqp_new_connection();
	socket = r->amqp != NULL ? oe_amqp_socket(r, server) : NULL;
	if (socket == NULL)
		return false;
	amqp_set_handshake_timeout(r->amqp, &timeout);
	amqp_set_rpc_timeout(r->amqp, &timeout);
	rc = amqp_socket_open_noblock(socket, server->host, server->port, &timeout);
	if (rc != AMQP_STATUS_OK)
	{
		tls = r->connection->config->tls ? oe_tls_error() : "";
		snprintf(r->error, sizeof(r->error), "%s", oe_policy_refused()[0] != '\0' ? oe_policy_refused() :
				 tls[0] != '\0' ? tls : amqp_error_string2(rc));
		return false;
	}
	if (!oe_amqp_login(r))
		return false;
	amqp_channel_open(r->amqp, OE_CHANNEL);
	if (!oe_amqp_good(r, amqp_get_rpc_reply(r->amqp)))
		return false;
	amqp_confirm_select(r->amqp, OE_CHANNEL);
	return oe_amqp_good(r, amqp_get_rpc_reply(r->amqp));
}

/*
 * Asks whether the exchange exists; for the default exchange, the queue.  The
 * broker closes the channel if not.
 */
static void
oe_amqp_ping(OeRabbit *r, OeMessage *m)
{
	bool		queue = r->exchange[0] == '\0';

	if (queue)
		amqp_queue_declare(r->amqp, OE_CHANNEL, amqp_cstring_bytes(m->topic.data), 1, 0, 0, 0, amqp_empty_table);
	else
		amqp_exchange_declare(r->amqp, OE_CHANNEL, amqp_cstring_bytes(r->exchange), amqp_empty_bytes, 1, 0, 0, 0, amqp_empty_table);
	if (oe_amqp_good(r, amqp_get_rpc_reply(r->amqp)))
	{
		oe_connection_state(r->connection, true, "connected; %s %s exists; whether it may be written to is known with the first message",
							queue ? "queue" : "exchange", queue ? m->topic.data : r->exchange);
		oe_acknowledge(m);
	}
	else if (r->code != 0)
		oe_refuse(m, "%s", r->error);
	else
		oe_retry(m, false, "%s", r->error);
	r->code = 0;
}

/* Handles what the broker has sent, without waiting for more. */
static void
oe_amqp_read(OeRabbit *r)
{
	struct timeval none = {0, 0};
	amqp_frame_t frame;
	int			rc;

	do
	{
		rc = amqp_simple_wait_frame_noblock(r->amqp, &frame, &none);
		if (rc == AMQP_STATUS_OK)
			oe_amqp_frame(r, &frame);
	} while (rc == AMQP_STATUS_OK && !r->lost);
	amqp_maybe_release_buffers(r->amqp);
	if (rc != AMQP_STATUS_OK && rc != AMQP_STATUS_TIMEOUT && !r->lost)
	{
		r->lost = true;
		snprintf(r->error, sizeof(r->error), "%s", amqp_error_string2(rc));
	}
}

/* Publishes what waits, up to so many under way. */
static void
oe_amqp_send(OeRabbit *r, unsigned window)
{
	OeMessage  *m;

	while (!r->lost && !r->blocked && r->under_way < window && (m = oe_connection_take(r->connection)) != NULL)
		if (m->flags & OE_MESSAGE_PING)
			oe_amqp_ping(r, m);
		else
		{
			oe_amqp_publish(r, m);
			/* confirms are read in time, or the broker would wait for us */
			if (r->tag % 64 == 0)
				oe_amqp_read(r);
		}
}

/*
 * Publishes and reads until the connection is lost or closed.  While "careful"
 * is above zero one message at a time is under way, so that the one which
 * closes the channel is known; it counts down with each that passed.
 */
static void
oe_amqp_serve(OeRabbit *r, unsigned *careful)
{
	OeConnection *c = r->connection;
	uint64_t	before;

	oe_connection_state(c, true, "connected");
	while (!r->lost && !oe_connection_closing(c))
	{
		unsigned	window = *careful > 0 ? 1 : OE_WINDOW;

		before = r->tag;
		oe_amqp_send(r, window);
		if (*careful > 0 && r->tag > before)
			(*careful)--;
		if (!r->lost)
			oe_amqp_read(r);
		/* what waits for a broker that takes nothing is answered in time, too */
		if (!r->lost && (oe_connection_overdue(c) || (r->blocked && oe_connection_stale(c))))
		{
			r->lost = true;
			snprintf(r->error, sizeof(r->error), "no confirm for %d ms%s%s", c->config->send_timeout,
					 r->blocked ? "; the broker takes no messages at present: " : "", r->blocked ? r->shortage : "");
		}
		if (r->lost)
			break;
		if (r->under_way < window && !r->blocked)
			oe_connection_wait(c, amqp_get_sockfd(r->amqp), POLLIN, 500);
		else
		{
			struct pollfd fd = {amqp_get_sockfd(r->amqp), POLLIN, 0};

			poll(&fd, 1, 100);
		}
	}
}

/*
 * The broker closed the channel: because of the only message under way, or of
 * one of many.  A missing exchange is no message's fault.
 */
static void
oe_amqp_blame(OeRabbit *r, unsigned *careful)
{
	OeMessage  *m;

	if (r->under_way == 1 && r->code != AMQP_NOT_FOUND && (m = oe_connection_claim(r->connection, r->tag)) != NULL)
		oe_refuse(m, "%s", r->error);
	else if (r->code != AMQP_NOT_FOUND)
		*careful = r->under_way + 1;
}

/*
 * The thread of a connection: one session after the other, each with the next
 * host of the URL.
 */
static void
oe_amqp_run(OeConnection *c)
{
	const char *exchange = oe_config_transport(c->config, "exchange");
	char		why[600];
	unsigned	careful = 0;
	int			failures = 0;
	int			turn = 0;

	while (!oe_connection_closing(c))
	{
		const OeServer *server = &c->config->servers[turn++ % c->config->n_servers];
		OeRabbit	r = {.connection = c,.exchange = exchange != NULL ? exchange : ""};

		oe_policy_enter(&c->config->policy);
		if (oe_amqp_connect(&r, server))
		{
			failures = 0;
			oe_amqp_serve(&r, &careful);
			if (r.code != 0)
				oe_amqp_blame(&r, &careful);
		}
		if (r.amqp != NULL)
			amqp_destroy_connection(r.amqp);
		snprintf(why, sizeof(why), "%s:%d: %s", server->host, server->port, r.error[0] != '\0' ? r.error : "the connection was lost");
		if (!oe_connection_closing(c))
			oe_connection_back_off(c, failures++, why);
	}
}

static const OeLibrary oe_amqp = {
	.program = "odoo_events_amqp",
	.library = "librabbitmq",
	.version = amqp_version,
	.plain_schemes = {"amqp"},
	.tls_schemes = {"amqps"},
	.plain_port = 5672,
	.tls_port = 5671,
	.run = oe_amqp_run,
};

int
main(int argc, char **argv)
{
	oe_program_main(&oe_amqp, argc, argv);
	return 0;
}
