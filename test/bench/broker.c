/*
 * broker.c
 *	  How fast a helper program is beside its client library alone.
 *
 *	broker program PATH CONFIG TOPIC N SIZE WINDOW
 *		sends N messages through the program, as the worker does, with WINDOW
 *		of them under way
 *	broker kafka SERVERS TOPIC N SIZE
 *	broker nats URL SUBJECT N SIZE WINDOW
 *	broker amqp PORT EXCHANGE KEY N SIZE WINDOW
 *	broker mqtt PORT TOPIC N SIZE WINDOW
 *		the library's own producer with the same acknowledgement
 *
 * Each prints messages per second.  test/bench/broker.pl and backbone.py compile and run it.
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <nats/nats.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "deliver/transport/program/frame.h"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void
result(double start, long n)
{
	printf("%.0f\n", n / (now() - start));
}

static char *
body_of(size_t size)
{
	char	   *body = malloc(size + 1);

	memset(body, 'x', size);
	body[size] = '\0';
	return body;
}

/* ---- through the program ---- */

static char frame[1 << 20];
static size_t frame_len;

static void
put(uint64_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		frame[frame_len++] = (char) (value >> 8 * i);
}

static void
put_string(const char *s)
{
	put(strlen(s), 4);
	memcpy(frame + frame_len, s, strlen(s));
	frame_len += strlen(s);
}

static void
begin(char kind)
{
	frame_len = 4;
	put(kind, 1);
}

static void
end(void)
{
	uint32_t	len = htonl(frame_len - 4);

	memcpy(frame, &len, 4);
}

static void
message(uint64_t item, const char *topic, const char *body)
{
	char		text[32];

	snprintf(text, sizeof(text), "key-%llu", (unsigned long long) item % 1000);
	begin(OE_FRAME_MESSAGE);
	put(1, 4);
	put(item, 8);
	put(0, 8);
	put(0, 4);
	put_string(topic);
	put_string(text);
	put_string(body);
	put(2, 4);
	put_string("content-type");
	put_string("application/json");
	put_string("ce-id");
	snprintf(text, sizeof(text), "%d-%llu", getpid(), (unsigned long long) item);
	put_string(text);
	put(0, 4);
	end();
}

static void
write_all(int fd, const char *from, size_t len)
{
	while (len > 0)
	{
		ssize_t		n = write(fd, from, len);

		if (n <= 0)
			exit(1);
		from += n;
		len -= n;
	}
}

/* Reads answers; how many messages were acknowledged. */
static long
answers(int fd)
{
	static unsigned char in[1 << 20];
	static size_t used;
	size_t		at = 0;
	long		n = 0;
	ssize_t		got = read(fd, in + used, sizeof(in) - used);

	if (got <= 0)
		exit(1);
	used += got;
	while (used - at >= 4)
	{
		size_t		len = (size_t) in[at] << 24 | in[at + 1] << 16 | in[at + 2] << 8 | in[at + 3];

		if (used - at < 4 + len)
			break;
		if (in[at + 4] == OE_FRAME_ACKNOWLEDGED)
			n++;
		else if (in[at + 4] == OE_FRAME_REFUSED || in[at + 4] == OE_FRAME_RETRY)
		{
			fprintf(stderr, "%.*s\n", (int) len, in + at + 4);
			exit(1);
		}
		at += 4 + len;
	}
	memmove(in, in + at, used - at);
	used -= at;
	return n;
}

static int
program(char **a)
{
	long		n = atol(a[3]);
	char	   *body = body_of(atol(a[4]));
	long		window = atol(a[5]);
	long		sent = 0;
	long		acked = 0;
	int			fds[2];
	double		start;

	socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	if (fork() == 0)
	{
		int			fd = dup(fds[1]);

		dup2(fd, OE_PROGRAM_FD);
		for (fd = 4; fd < 20; fd++)
			close(fd);
		execl(a[0], a[0], (char *) NULL);
		_exit(127);
	}
	close(fds[1]);
	begin(OE_FRAME_CONFIGURE);
	put(1, 4);
	put_string(a[1]);
	end();
	write_all(fds[0], frame, frame_len);
	message(0, a[2], body);
	write_all(fds[0], frame, frame_len);
	while (answers(fds[0]) == 0)
		;
	start = now();
	while (acked < n)
	{
		struct pollfd fd = {fds[0], POLLIN, 0};

		while (sent < n && sent - acked < window)
		{
			message(++sent, a[2], body);
			write_all(fds[0], frame, frame_len);
			if (sent % 64 == 0 && poll(&fd, 1, 0) > 0)
				acked += answers(fds[0]);
		}
		acked += answers(fds[0]);
	}
	result(start, n);
	return 0;
}

/* ---- the libraries alone ---- */

static long done;

static void
delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void) rk;
	(void) opaque;
	if (m->err)
		exit(1);
	done++;
}

static int
kafka(char **a)
{
	char		why[200];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	long		n = atol(a[2]);
	size_t		size = atol(a[3]);
	char	   *body = body_of(size);
	char		key[32];
	double		start = 0;
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", a[0], why, sizeof(why));
	rd_kafka_conf_set(conf, "enable.idempotence", "true", why, sizeof(why));
	rd_kafka_conf_set(conf, "acks", "all", why, sizeof(why));
	rd_kafka_conf_set(conf, "linger.ms", "1", why, sizeof(why));
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	for (long i = -1; i < n; i++)
	{
		snprintf(key, sizeof(key), "key-%ld", i % 1000);
		while (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(a[1]), RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(body, size),
								 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADER("ce-id", key, -1),
								 RD_KAFKA_V_HEADER("content-type", "application/json", -1), RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(rk, 10);
		while (i == -1 && done == 0)
			rd_kafka_poll(rk, 10);
		if (i == -1)
			start = now();
		rd_kafka_poll(rk, 0);
	}
	while (done < n + 1)
		rd_kafka_poll(rk, 10);
	result(start, n);
	return 0;
}

static void
acked(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *error, void *closure)
{
	(void) js;
	(void) ack;
	(void) closure;
	if (error != NULL)
		exit(1);
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
	natsMsg_Destroy(msg);
}

static int
nats(char **a)
{
	natsConnection *nc;
	jsCtx	   *js;
	jsOptions	options;
	long		n = atol(a[2]);
	size_t		size = atol(a[3]);
	char	   *body = body_of(size);
	char		id[64];
	double		start;

	jsOptions_Init(&options);
	options.PublishAsync.MaxPending = atol(a[4]);
	options.PublishAsync.StallWait = 10000;
	options.PublishAsync.AckHandler = acked;
	if (natsConnection_ConnectTo(&nc, a[0]) != NATS_OK || natsConnection_JetStream(&js, nc, &options) != NATS_OK)
		return 1;
	start = now();
	for (long i = 0; i < n; i++)
	{
		natsMsg    *m;

		natsMsg_Create(&m, a[1], NULL, body, (int) size);
		natsMsgHeader_Set(m, "content-type", "application/json");
		snprintf(id, sizeof(id), "bare-%d-%ld", getpid(), i);
		natsMsgHeader_Set(m, "Nats-Msg-Id", id);
		if (js_PublishMsgAsync(js, &m, NULL) != NATS_OK)
			return 1;
	}
	while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < n)
		usleep(100);
	result(start, n);
	return 0;
}

static int
amqp(char **a)
{
	amqp_connection_state_t c = amqp_new_connection();
	amqp_basic_properties_t p = {0};
	long		n = atol(a[3]);
	size_t		size = atol(a[4]);
	long		window = atol(a[5]);
	amqp_bytes_t body = {size, body_of(size)};
	double		start;
	uint64_t	last = 0;

	amqp_socket_open(amqp_tcp_socket_new(c), "127.0.0.1", atoi(a[0]));
	amqp_login(c, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
	amqp_channel_open(c, 1);
	amqp_get_rpc_reply(c);
	amqp_confirm_select(c, 1);
	p._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG;
	p.delivery_mode = 2;
	p.content_type = amqp_cstring_bytes("application/json");
	start = now();
	for (long i = 1; last < (uint64_t) n;)
	{
		struct timeval none = {0, 0};
		amqp_frame_t f;

		for (; i <= n && i - (long) last <= window; i++)
			amqp_basic_publish(c, 1, amqp_cstring_bytes(a[1]), amqp_cstring_bytes(a[2]), 1, 0, &p, body);
		amqp_maybe_release_buffers(c);
		if (amqp_simple_wait_frame_noblock(c, &f, i > n || i - (long) last > window ? NULL : &none) == AMQP_STATUS_OK &&
			f.frame_type == AMQP_FRAME_METHOD && f.payload.method.id == AMQP_BASIC_ACK_METHOD)
		{
			amqp_basic_ack_t *ack = f.payload.method.decoded;

			/* with one publisher and one queue confirms come in order */
			if (ack->delivery_tag > last)
				last = ack->delivery_tag;
		}
	}
	result(start, n);
	return 0;
}

static void
published(struct mosquitto *m, void *opaque, int mid, int reason, const mosquitto_property *p)
{
	(void) m;
	(void) opaque;
	(void) mid;
	(void) p;
	if (reason >= 0x80)
		exit(1);
	done++;
}

static int
mqtt(char **a)
{
	long		n = atol(a[2]);
	size_t		size = atol(a[3]);
	long		window = atol(a[4]);
	char	   *body = body_of(size);
	struct mosquitto *m;
	double		start;
	long		sent = 0;

	mosquitto_lib_init();
	m = mosquitto_new(NULL, true, NULL);
	mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, (int) window);
	mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_publish_v5_callback_set(m, published);
	if (mosquitto_connect(m, "127.0.0.1", atoi(a[0]), 60) != 0)
		return 1;
	start = now();
	while (done < n)
	{
		while (sent < n && sent - done < window)
		{
			mosquitto_property *p = NULL;
			char		id[32];

			snprintf(id, sizeof(id), "%ld", sent++);
			mosquitto_property_add_string(&p, MQTT_PROP_CONTENT_TYPE, "application/json");
			mosquitto_property_add_string_pair(&p, MQTT_PROP_USER_PROPERTY, "id", id);
			mosquitto_publish_v5(m, NULL, a[1], (int) size, body, 1, false, p);
			mosquitto_property_free_all(&p);
		}
		if (mosquitto_loop(m, 100, 1) != 0)
			return 1;
	}
	result(start, n);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 8 && strcmp(argv[1], "program") == 0)
		return program(argv + 2);
	if (argc == 6 && strcmp(argv[1], "kafka") == 0)
		return kafka(argv + 2);
	if (argc == 7 && strcmp(argv[1], "nats") == 0)
		return nats(argv + 2);
	if (argc == 8 && strcmp(argv[1], "amqp") == 0)
		return amqp(argv + 2);
	if (argc == 7 && strcmp(argv[1], "mqtt") == 0)
		return mqtt(argv + 2);
	fprintf(stderr, "see the head of broker.c\n");
	return 2;
}
