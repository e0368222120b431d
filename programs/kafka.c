/*
 * kafka.c
 *	  odoo_events_kafka: sends messages to Apache Kafka by librdkafka.
 *
 * A connection is an idempotent producer with acks=all.  A message is
 * acknowledged when its delivery report says that all replicas in sync have it.
 * While brokers are away the library keeps what it was given and sends it again
 * without doubling it; only after send_timeout_ms a message goes back to the
 * worker, which the library then tells whether a broker may have stored.
 *
 * The broker judges the size of a batch, not of a message.  A message in a
 * batch that was too large is sent again by a second producer, which sends one
 * message a request, and is refused only if that fails too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/transport/program/frame.h"
#include "kafka_program.h"

static const char *
oe_kafka_version(void)
{
	return rd_kafka_version_str();
}

static void
oe_kafka_last_error(OeKafka *k, char *text, size_t room)
{
	pthread_mutex_lock(&k->lock);
	snprintf(text, room, "%s", k->error);
	pthread_mutex_unlock(&k->lock);
}

/* Errors that the same message meets again however often it is sent. */
static bool
oe_kafka_for_good(rd_kafka_resp_err_t code)
{
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		case RD_KAFKA_RESP_ERR_INVALID_MSG:
		case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
		case RD_KAFKA_RESP_ERR_INVALID_RECORD:
		case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			/* a topic of more than 512 bytes */
		case RD_KAFKA_RESP_ERR__INVALID_ARG:
			return true;
		default:
			return false;
	}
}

/*
 * What the library says of an error.  Of a topic that was deleted under way it
 * says only that a partition is unknown.
 */
static const char *
oe_kafka_words(rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
		return "the cluster has no such topic, or no longer";
	return rd_kafka_err2str(code);
}

/*
 * Gives a message to a producer; answers false if its queue is full.
 */
static bool
oe_kafka_produce(rd_kafka_t * producer, OeMessage *m)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(m->n_headers);
	bool		tombstone = m->body.data == NULL || (m->flags & OE_MESSAGE_TOMBSTONE);
	rd_kafka_resp_err_t code;

	for (uint32_t i = 0; i < m->n_headers; i++)
		rd_kafka_header_add(headers, m->headers[i].name.data, m->headers[i].name.len, m->headers[i].value.data, m->headers[i].value.len);
	code = rd_kafka_producev(producer,
							 RD_KAFKA_V_TOPIC(m->topic.data),
							 RD_KAFKA_V_KEY(m->key.data, m->key.len),
							 RD_KAFKA_V_VALUE(tombstone ? NULL : m->body.data, tombstone ? 0 : m->body.len),
							 RD_KAFKA_V_TIMESTAMP(m->timestamp),
							 RD_KAFKA_V_HEADERS(headers),
							 RD_KAFKA_V_OPAQUE(m),
							 RD_KAFKA_V_END);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	rd_kafka_headers_destroy(headers);
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return false;
	if (oe_kafka_for_good(code))
		oe_refuse(m, "%s: %s", m->topic.data, oe_kafka_words(code));
	else
		oe_retry(m, false, "%s", rd_kafka_err2str(code));
	return true;
}

/* Sends a message again by the producer that makes no batches. */
static void
oe_kafka_send_alone(OeKafka *k, OeMessage *m)
{
	char		why[200];

	if (k->alone == NULL)
		k->alone = oe_kafka_producer(k, true, why, sizeof(why));
	if (k->alone == NULL)
		oe_retry(m, false, "%s", why);
	else if (!oe_kafka_produce(k->alone, m))
		oe_retry(m, false, "too many messages were in batches that were too large");
}

/*
 * Called by the library, within rd_kafka_poll(), for each message that has an
 * end.
 */
void
oe_kafka_delivered(rd_kafka_t * producer, const rd_kafka_message_t * report, void *opaque)
{
	OeKafka    *k = opaque;
	OeMessage  *m = report->_private;
	bool		persisted = rd_kafka_message_status(report) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
	char		error[sizeof(k->error)];

	if (report->err == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		k->all_down = false;
		k->worked = true;
		oe_acknowledge(m);
		if (!k->connection->up)
			oe_connection_state(k->connection, true, "connected");
		return;
	}
	if (producer == k->producer && !oe_connection_closing(k->connection) &&
		(report->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || report->err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE))
	{
		oe_kafka_send_alone(k, m);
		return;
	}
	if (oe_kafka_for_good(report->err))
	{
		oe_refuse(m, "%s: %s", m->topic.data, oe_kafka_words(report->err));
		return;
	}
	oe_kafka_last_error(k, error, sizeof(error));
	oe_retry(m, persisted, "%s%s%s", rd_kafka_err2str(report->err), error[0] ? ": " : "", error);
}

/*
 * Asks the cluster about a topic, for at most connect_timeout_ms.
 */
static rd_kafka_resp_err_t
oe_kafka_ask(OeKafka *k, const char *topic)
{
	rd_kafka_topic_t *handle = topic != NULL ? rd_kafka_topic_new(k->producer, topic, NULL) : NULL;
	const struct rd_kafka_metadata *metadata = NULL;
	int64_t		until = oe_now() + k->connection->config->connect_timeout;
	rd_kafka_resp_err_t code;

	/* in short pieces, so that closing does not have to wait */
	do
	{
		code = rd_kafka_metadata(k->producer, 0, handle, &metadata, 500);
		rd_kafka_poll(k->producer, 0);
	} while (code != RD_KAFKA_RESP_ERR_NO_ERROR && oe_now() < until && !oe_connection_closing(k->connection) && !k->all_down);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && topic != NULL)
		code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	if (metadata != NULL)
		rd_kafka_metadata_destroy(metadata);
	if (handle != NULL)
		rd_kafka_topic_destroy(handle);
	return code;
}

/* Asks for the topic and answers with what the cluster says of it. */
static void
oe_kafka_ping(OeKafka *k, OeMessage *m)
{
	char		error[sizeof(k->error)];
	rd_kafka_resp_err_t code;

	k->all_down = false;
	code = oe_kafka_ask(k, m->topic.len > 0 ? m->topic.data : NULL);
	oe_kafka_last_error(k, error, sizeof(error));
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		oe_connection_state(k->connection, true, "connected; topic %s exists; whether it may be written to is known with the first message",
							m->topic.len > 0 ? m->topic.data : "(none asked)");
		oe_acknowledge(m);
	}
	else if (oe_kafka_for_good(code))
		oe_refuse(m, "%s: %s", m->topic.data, oe_kafka_words(code));
	else
		oe_retry(m, false, "%s%s%s", rd_kafka_err2str(code), error[0] ? ": " : "", error);
}

/* Gives the library what waits. */
static void
oe_kafka_send(OeKafka *k)
{
	OeMessage  *m;

	while ((m = oe_connection_take(k->connection)) != NULL)
	{
		if (m->flags & OE_MESSAGE_PING)
		{
			oe_kafka_ping(k, m);
			continue;
		}
		while (!oe_kafka_produce(k->producer, m))
			rd_kafka_poll(k->producer, 50);
	}
}

/* Reports that no broker can be reached; answers false if the library has
 * given up, as it does when idempotence is not permitted. */
static bool
oe_kafka_check(OeKafka *k)
{
	char		text[sizeof(k->error)];
	bool		fatal = rd_kafka_fatal_error(k->producer, text, sizeof(text)) != RD_KAFKA_RESP_ERR_NO_ERROR;

	if (fatal)
	{
		oe_kafka_error(k, text);
		return false;
	}
	if (k->all_down && !oe_connection_closing(k->connection))
	{
		oe_kafka_last_error(k, text, sizeof(text));
		oe_connection_state(k->connection, false, "no broker can be reached: %s", text);
	}
	return true;
}

/* Ends the producers; what they still had is answered. */
static void
oe_kafka_end(OeKafka *k)
{
	rd_kafka_t **producers[2] = {&k->producer, &k->alone};

	/* a last report of the first producer may make the second one */
	for (int i = 0; i < 2; i++)
	{
		rd_kafka_t *producer = *producers[i];

		if (producer == NULL)
			continue;
		rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		for (int round = 0; rd_kafka_outq_len(producer) > 0 && round < 20; round++)
			rd_kafka_poll(producer, 50);
		rd_kafka_destroy(producer);
	}
	k->producer = k->alone = NULL;
}

/*
 * Serves a producer until the connection is closed or the library gives up.
 */
static void
oe_kafka_serve(OeKafka *k)
{
	int			pipes[2];
	char		drain[64];

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0)
	{
		oe_kafka_error(k, strerror(errno));
		oe_kafka_end(k);
		return;
	}
	/* the library writes a byte when there are reports */
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(k->producer);

	rd_kafka_queue_io_event_enable(queue, pipes[1], "1", 1);
	if (oe_kafka_ask(k, NULL) == RD_KAFKA_RESP_ERR_NO_ERROR)
		oe_connection_state(k->connection, true, "connected");
	while (!oe_connection_closing(k->connection) && oe_kafka_check(k))
	{
		oe_kafka_send(k);
		while (rd_kafka_poll(k->producer, 0) > 0)
			;
		if (k->alone != NULL)
			rd_kafka_poll(k->alone, 0);
		if (oe_connection_wait(k->connection, pipes[0], POLLIN, k->alone != NULL ? 20 : 1000))
			while (read(pipes[0], drain, sizeof(drain)) > 0)
				;
	}
	rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
	rd_kafka_queue_destroy(queue);
	oe_kafka_end(k);
	close(pipes[0]);
	close(pipes[1]);
}

/*
 * The thread of a connection: one producer after the other, a new one only
 * when the library has given up.
 */
static void
oe_kafka_run(OeConnection *c)
{
	OeKafka		k = {.connection = c};
	char		why[300];
	int			failures = 0;

	pthread_mutex_init(&k.lock, NULL);
	while (!oe_connection_closing(c))
	{
		k.all_down = false;
		k.error[0] = '\0';
		k.producer = oe_kafka_producer(&k, false, why, sizeof(why));
		if (k.producer == NULL)
			oe_connection_back_off(c, failures++, why);
		else
		{
			k.worked = false;
			oe_kafka_serve(&k);
			oe_kafka_last_error(&k, why, sizeof(why));
			failures = k.worked ? 0 : failures;
			if (!oe_connection_closing(c))
				oe_connection_back_off(c, failures++, why);
		}
	}
	pthread_mutex_destroy(&k.lock);
}

static const OeLibrary oe_kafka = {
	.program = "odoo_events_kafka",
	.library = "librdkafka",
	.version = oe_kafka_version,
	.plain_schemes = {"kafka"},
	.tls_schemes = {"kafkas"},
	.plain_port = 9092,
	.tls_port = 9093,
	.start = oe_token_start,
	.run = oe_kafka_run,
};

int
main(int argc, char **argv)
{
	oe_program_main(&oe_kafka, argc, argv);
	return 0;
}
