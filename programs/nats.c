/*
 * nats.c
 *	  odoo_events_nats: publishes to NATS JetStream by libnats.
 *
 * A message is published with a reply subject of its own and acknowledged when
 * the stream's PubAck arrives there.  So a subject that no stream keeps is
 * never taken for a success.  Many messages are under way; the server answers
 * each, in its order.
 *
 * The connection is never repaired by the library: when it is lost, what was
 * under way goes back to the worker ("may be stored"), and Nats-Msg-Id has the
 * server drop what it gets twice.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/transport/program/frame.h"
#include "nats_program.h"

#define OE_ASK_TIMEOUT 2000		/* ms, for what the API answers at once */

/* A message that found no stream, and whose subject is to be looked into. */
typedef struct OeUnkept
{
	struct OeUnkept *next;
	OeMessage  *message;
} OeUnkept;

/* A connection to one server. */
typedef struct OeSession
{
	OeConnection *connection;
	natsConnection *nc;
	natsSubscription *acks;
	char		inbox[64];		/* without the number */
	uint64_t	number;			/* of the last message */
	const char *stream;			/* expected one, or NULL */

	pthread_mutex_t lock;		/* protects what follows */
	bool		lost;
	bool		closed;			/* the library's callbacks have ended */
	bool		complete;		/* those of the subscription */
	OeUnkept   *unkept;
	char		error[300];		/* the last one that the server told */
} OeSession;

/* Errors of JetStream that the same message meets again. */
static bool
oe_nats_for_good(long long code)
{
	switch (code)
	{
		case 10054:				/* message size exceeds maximum allowed */
		case 10060:				/* expected stream does not match */
		case 10083:				/* stream does not take the expected header */
		case 10052:				/* bad request by the stream's configuration */
			return true;
		default:
			return false;
	}
}

/* A stream has refused the message: for good, or for reasons of the server. */
static void
oe_nats_refused_ack(OeMessage *m, json_t * error)
{
	const char *text = json_string_value(json_object_get(error, "description"));
	long long	code = json_integer_value(json_object_get(error, "err_code"));

	if (oe_nats_for_good(code))
		oe_refuse(m, "%s (JetStream %lld)", text != NULL ? text : "refused", code);
	else
		oe_retry(m, false, "%s (JetStream %lld)", text != NULL ? text : "refused", code);
}

/* The answer of a stream, or of whatever else listens to the subject. */
static void
oe_nats_judge(OeSession *s, OeMessage *m, natsMsg * reply)
{
	json_t	   *json = json_loadb(natsMsg_GetData(reply), natsMsg_GetDataLength(reply), 0, NULL);
	const char *stream = json_string_value(json_object_get(json, "stream"));
	json_t	   *error = json_object_get(json, "error");

	if (error != NULL)
		oe_nats_refused_ack(m, error);
	else if (stream == NULL)
		oe_refuse(m, "%s: no JetStream stream answered, but another subscriber", m->topic.data);
	else if (s->stream != NULL && strcmp(s->stream, stream) != 0)
		oe_refuse(m, "%s: stream %s keeps it, not %s", m->topic.data, stream, s->stream);
	else
		oe_acknowledge(m);
	json_decref(json);
}

/*
 * Nobody has answered the subject.  Why is asked by the thread of the
 * connection, since a callback of the library may not wait.
 */
static void
oe_nats_no_stream(OeSession *s, OeMessage *m)
{
	OeUnkept   *u = malloc(sizeof(OeUnkept));

	if (u == NULL)
	{
		oe_retry(m, false, "out of memory");
		return;
	}
	u->message = m;
	pthread_mutex_lock(&s->lock);
	u->next = s->unkept;
	s->unkept = u;
	pthread_mutex_unlock(&s->lock);
	oe_connection_wake(s->connection);
}

/* Called by the library for each answer; the last part of the subject is the
 * message's number. */
static void
oe_nats_answered(natsConnection * nc, natsSubscription * sub, natsMsg * reply, void *closure)
{
	OeSession  *s = closure;
	const char *dot = strrchr(natsMsg_GetSubject(reply), '.');
	OeMessage  *m = dot != NULL ? oe_connection_claim(s->connection, strtoull(dot + 1, NULL, 10)) : NULL;

	(void) nc;
	(void) sub;
	if (m != NULL && natsMsg_IsNoResponders(reply))
		oe_nats_no_stream(s, m);
	else if (m != NULL)
		oe_nats_judge(s, m, reply);
	natsMsg_Destroy(reply);
}

static void
oe_nats_flag(OeSession *s, bool *flag)
{
	pthread_mutex_lock(&s->lock);
	*flag = true;
	pthread_mutex_unlock(&s->lock);
	oe_connection_wake(s->connection);
}

/*
 * Called by the library, in a thread of its own, when the connection is over.
 */
static void
oe_nats_closed(natsConnection * nc, void *closure)
{
	OeSession  *s = closure;
	const char *text = NULL;

	natsConnection_GetLastError(nc, &text);
	pthread_mutex_lock(&s->lock);
	if (text != NULL && text[0] != '\0' && s->error[0] == '\0')
		snprintf(s->error, sizeof(s->error), "%s", text);
	s->lost = true;
	pthread_mutex_unlock(&s->lock);
	oe_nats_flag(s, &s->closed);
}

/*
 * Called by the library when no callback of the subscription is at work any
 * more.
 */
static void
oe_nats_complete(void *closure)
{
	OeSession  *s = closure;

	oe_nats_flag(s, &s->complete);
}

static bool
oe_nats_has_topic(const OeMessage *m, const void *topic)
{
	return strcmp(m->topic.data, topic) == 0;
}

/*
 * Called by the library when the server says -ERR without closing.  A
 * permission that lacks names the subject; that message gets no other answer.
 */
static void
oe_nats_error(natsConnection * nc, natsSubscription * sub, natsStatus status, void *closure)
{
	OeSession  *s = closure;
	const char *text = NULL;
	const char *from;
	char		topic[512] = "";
	OeMessage  *m;

	(void) sub;
	if (status == NATS_NOT_PERMITTED)
		natsConnection_GetLastError(nc, &text);
	from = text != NULL ? strstr(text, "ublish to \"") : NULL;
	if (from != NULL)
	{
		snprintf(topic, sizeof(topic), "%s", from + 11);
		topic[strcspn(topic, "\"")] = '\0';
		while ((m = oe_connection_claim_first(s->connection, oe_nats_has_topic, topic)) != NULL)
			oe_refuse(m, "%s", text);
		return;
	}
	pthread_mutex_lock(&s->lock);
	snprintf(s->error, sizeof(s->error), "%s", text != NULL ? text : natsStatus_GetText(status));
	pthread_mutex_unlock(&s->lock);
}

static natsStatus
oe_nats_message(OeSession *s, OeMessage *m, uint64_t number, natsMsg * *result)
{
	char		reply[100];
	OeString	id = oe_message_header(m, "Nats-Msg-Id");
	natsStatus	status;

	snprintf(reply, sizeof(reply), "%s.%llu", s->inbox, (unsigned long long) number);
	status = natsMsg_Create(result, m->topic.data, reply, m->body.data, (int) m->body.len);
	for (uint32_t i = 0; status == NATS_OK && i < m->n_headers; i++)
		status = natsMsgHeader_Add(*result, m->headers[i].name.data, m->headers[i].value.data != NULL ? m->headers[i].value.data : "");
	if (id.data == NULL)
	{
		id = oe_message_event_header(m, "id");
		if (status == NATS_OK && id.data != NULL)
			status = natsMsgHeader_Set(*result, "Nats-Msg-Id", id.data);
	}
	if (status == NATS_OK && s->stream != NULL)
		status = natsMsgHeader_Set(*result, "Nats-Expected-Stream", s->stream);
	return status;
}

/*
 * Publishes with a reply subject that ends in the number of the message, by
 * which the answer finds it.
 */
static void
oe_nats_publish(OeSession *s, OeMessage *m)
{
	natsMsg    *msg = NULL;
	uint64_t	number = ++s->number;
	natsStatus	status = oe_nats_message(s, m, number, &msg);

	/* once it has a number, an error or an answer may free it */
	m->sent = true;
	m->number = number;
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(s->nc, msg);
	natsMsg_Destroy(msg);
	if (status == NATS_OK || (m = oe_connection_claim(s->connection, number)) == NULL)
		return;
	if (status == NATS_MAX_PAYLOAD)
		oe_refuse(m, "%s: %zu bytes are more than the server's max_payload of %lld", m->topic.data, m->body.len,
				  (long long) natsConnection_GetMaxPayload(s->nc));
	else if (status == NATS_INVALID_SUBJECT || status == NATS_INVALID_ARG)
		oe_refuse(m, "%s: %s", m->topic.data, natsStatus_GetText(status));
	else
		oe_retry(m, true, "%s", natsStatus_GetText(status));
}

/*
 * Asks which streams keep a subject: 1 if there is one (the name is in stream),
 * 0 if there is none, -1 if the server did not say.
 */
static int
oe_nats_stream_of(OeSession *s, const char *subject, char *stream, size_t room)
{
	json_t	   *question = json_pack("{s:s}", "subject", subject);
	char	   *text = question != NULL ? json_dumps(question, JSON_COMPACT) : NULL;
	natsMsg    *reply = NULL;
	json_t	   *json = NULL;
	json_t	   *streams;
	int			result = -1;

	if (text != NULL && natsConnection_RequestString(&reply, s->nc, "$JS.API.STREAM.NAMES", text, OE_ASK_TIMEOUT) == NATS_OK)
		json = json_loadb(natsMsg_GetData(reply), natsMsg_GetDataLength(reply), 0, NULL);
	streams = json_object_get(json, "streams");
	if (json != NULL && json_object_get(json, "error") == NULL)
		result = json_array_size(streams) > 0;
	if (result == 1)
		snprintf(stream, room, "%s", json_string_value(json_array_get(streams, 0)));
	natsMsg_Destroy(reply);
	json_decref(json);
	json_decref(question);
	free(text);
	return result;
}

/* Asks which stream keeps the subject. */
static void
oe_nats_ping(OeSession *s, OeMessage *m)
{
	char		stream[300] = "";
	int			found = oe_nats_stream_of(s, m->topic.data, stream, sizeof(stream));

	if (found < 0)
		oe_retry(m, false, "connected, but JetStream's API does not answer: it is off, or this user may not publish to $JS.API.STREAM.NAMES");
	else if (found == 0)
		oe_refuse(m, "no JetStream stream keeps the subject %s", m->topic.data);
	else if (s->stream != NULL && strcmp(stream, s->stream) != 0)
		oe_refuse(m, "stream %s keeps the subject %s, not %s", stream, m->topic.data, s->stream);
	else
	{
		oe_connection_state(s->connection, true, "connected; stream %s keeps %s; whether it may be published to is known with the first message",
							stream, m->topic.data);
		oe_acknowledge(m);
	}
}

/* Nobody answered for these subjects: because no stream keeps them, or because
 * JetStream is starting or has no leader? */
static void
oe_nats_unkept(OeSession *s, bool ask)
{
	OeUnkept   *list;
	char		stream[300];

	pthread_mutex_lock(&s->lock);
	list = s->unkept;
	s->unkept = NULL;
	pthread_mutex_unlock(&s->lock);
	while (list != NULL)
	{
		OeUnkept   *u = list;
		int			found = ask ? oe_nats_stream_of(s, u->message->topic.data, stream, sizeof(stream)) : -1;

		list = u->next;
		/* an API that is silent would cost each of them its time limit */
		ask = found >= 0;
		if (found == 0)
			oe_refuse(u->message, "no JetStream stream keeps the subject %s", u->message->topic.data);
		else
			oe_retry(u->message, false, "JetStream does not answer for the subject %s", u->message->topic.data);
		free(u);
	}
}

static bool
oe_nats_lost(OeSession *s)
{
	bool		lost;

	pthread_mutex_lock(&s->lock);
	lost = s->lost;
	pthread_mutex_unlock(&s->lock);
	return lost;
}

/*
 * Publishes until the connection is lost or closed; answers come in a thread
 * of the library.
 */
static void
oe_nats_serve(OeSession *s)
{
	OeConnection *c = s->connection;

	oe_connection_state(c, true, "connected");
	while (!oe_connection_closing(c) && !oe_nats_lost(s))
	{
		OeMessage  *m;

		while ((m = oe_connection_take(c)) != NULL && !oe_nats_lost(s))
			if (m->flags & OE_MESSAGE_PING)
				oe_nats_ping(s, m);
			else
				oe_nats_publish(s, m);
		oe_nats_unkept(s, true);
		if (oe_connection_overdue(c))
		{
			snprintf(s->error, sizeof(s->error), "no answer for %d ms", c->config->send_timeout);
			break;
		}
		oe_connection_wait(c, -1, 0, 500);
	}
}

/* Ends a session; afterwards no callback of the library is at work. */
static void
oe_nats_end(OeSession *s)
{
	bool		done = false;

	natsConnection_Close(s->nc);
	while (!done)
	{
		pthread_mutex_lock(&s->lock);
		done = s->closed && (s->complete || s->acks == NULL);
		pthread_mutex_unlock(&s->lock);
		if (!done)
			usleep(1000);
	}
	natsSubscription_Destroy(s->acks);
	natsConnection_Destroy(s->nc);
	oe_nats_unkept(s, false);
}

/*
 * Connects to a server and serves it until the connection is lost; answers
 * whether it was up.
 */
static bool
oe_nats_session(OeSession *s, const OeServer *server, char *why, size_t room)
{
	natsOptions *opts = oe_nats_options(s->connection, server, why, room);
	natsInbox  *inbox = NULL;
	char		subject[100];
	natsStatus	status;

	if (opts == NULL)
		return false;
	natsOptions_SetClosedCB(opts, oe_nats_closed, s);
	natsOptions_SetErrorHandler(opts, oe_nats_error, s);
	status = natsConnection_Connect(&s->nc, opts);
	natsOptions_Destroy(opts);
	if (status != NATS_OK)
	{
		const char *detail = nats_GetLastError(NULL);

		snprintf(why, room, "%s:%d: %s%s%s", server->host, server->port, natsStatus_GetText(status), detail != NULL ? ": " : "",
				 oe_policy_refused()[0] != '\0' ? oe_policy_refused() : detail != NULL ? detail : "");
		return false;
	}
	status = natsInbox_Create(&inbox);
	if (status == NATS_OK)
	{
		snprintf(s->inbox, sizeof(s->inbox), "%s", inbox);
		snprintf(subject, sizeof(subject), "%s.*", inbox);
		natsInbox_Destroy(inbox);
		status = natsConnection_Subscribe(&s->acks, s->nc, subject, oe_nats_answered, s);
	}
	if (status == NATS_OK)
		status = natsSubscription_SetOnCompleteCB(s->acks, oe_nats_complete, s);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(s->acks, -1, -1);
	if (status == NATS_OK)
		oe_nats_serve(s);
	oe_nats_end(s);
	snprintf(why, room, "%s:%d: %s", server->host, server->port,
			 s->error[0] != '\0' ? s->error : status != NATS_OK ? natsStatus_GetText(status) : "the connection was lost");
	return status == NATS_OK;
}

/*
 * The thread of a connection: one session after the other, each with the next
 * server of the URL.
 */
static void
oe_nats_run(OeConnection *c)
{
	char		why[500];
	int			failures = 0;
	int			turn = 0;

	while (!oe_connection_closing(c))
	{
		OeSession	s = {.connection = c,.stream = oe_config_transport(c->config, "stream")};

		pthread_mutex_init(&s.lock, NULL);
		oe_policy_enter(&c->config->policy);
		if (oe_nats_session(&s, &c->config->servers[turn++ % c->config->n_servers], why, sizeof(why)))
			failures = 0;
		pthread_mutex_destroy(&s.lock);
		if (!oe_connection_closing(c))
			oe_connection_back_off(c, failures++, why);
	}
}

static void
oe_nats_start(void)
{
	if (nats_Open(-1) != NATS_OK)
		_exit(1);
}

static const OeLibrary oe_nats = {
	.program = "odoo_events_nats",
	.library = "libnats",
	.version = nats_GetVersion,
	.plain_schemes = {"nats"},
	.tls_schemes = {"nats+tls", "tls"},
	.plain_port = 4222,
	.tls_port = 4222,
	.start = oe_nats_start,
	.run = oe_nats_run,
};

int
main(int argc, char **argv)
{
	oe_program_main(&oe_nats, argc, argv);
	return 0;
}
