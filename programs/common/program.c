/*
 * program.c
 *	  The main thread of a helper program: reads the worker's frames.
 *
 * The program ends when its socket is closed, at once and without cleaning up:
 * there is nothing on this machine that it would leave behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/answer.h"
#include "common/program.h"
#include "deliver/transport/program/frame.h"

#ifndef OE_VERSION
#define OE_VERSION "unknown"
#endif

#define OE_READ_MIN (256 * 1024)
#define OE_STACK (2 * 1024 * 1024)	/* of each thread */

static const OeLibrary *oe_library;
static OeConnection *oe_connections;

/* Bytes that were read and not yet handled. */
static unsigned char *oe_input;
static size_t oe_input_size;
static size_t oe_input_used;

/*
 * What the process must not be able to do, and with whom it ends.  The worker
 * has set most of it before it started the program, and the limit of memory,
 * which is a setting of its own; here it holds whoever starts the program.
 */
static void
oe_confine(void)
{
	struct rlimit core = {0, 0};
	int			fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	pthread_attr_t threads;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(1);
	signal(SIGPIPE, SIG_IGN);
	/* each arena reserves 64 MB of the address space, which is limited */
	mallopt(M_ARENA_MAX, 2);
	/* and each thread its stack, 8 MB by default; a library has many */
	if (pthread_attr_init(&threads) == 0)
	{
		(void) pthread_attr_setstacksize(&threads, OE_STACK);
		(void) pthread_setattr_default_np(&threads);
		(void) pthread_attr_destroy(&threads);
	}
	/* a core would contain credentials */
	setrlimit(RLIMIT_CORE, &core);
	prctl(PR_SET_DUMPABLE, 0);
	/* where memory is short this process goes before the server does */
	if (fd >= 0)
	{
		if (write(fd, "1000", 4) < 0)
			fprintf(stderr, "%s: cannot set oom_score_adj\n", oe_library->program);
		close(fd);
	}
}

/* Ends the program if the worker has closed the socket. */
static void
oe_check_worker(void)
{
	struct pollfd fd = {OE_PROGRAM_FD, POLLRDHUP, 0};

	if (poll(&fd, 1, 0) > 0 && fd.revents != 0)
		_exit(0);
}

/*
 * Ends the program: after a frame that makes no sense nothing that follows can
 * be trusted.
 */
static void
oe_protocol_error(const char *what)
{
	fprintf(stderr, "%s: the worker sent %s\n", oe_library->program, what);
	_exit(2);
}

static uint64_t
oe_get_integer(const unsigned char *at, int bytes)
{
	uint64_t	value = 0;

	for (int i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

/*
 * The place in the list that points to this connection, or the end of the
 * list.
 */
static OeConnection **
oe_find(uint32_t id)
{
	OeConnection **c = &oe_connections;

	while (*c != NULL && (*c)->id != id)
		c = &(*c)->next;
	return c;
}

static void
oe_close(uint32_t id, const char *why)
{
	OeConnection **place = oe_find(id);
	OeConnection *c = *place;

	if (c == NULL)
		return;
	*place = c->next;
	oe_connection_close(c, why);
}

/*
 * Opens a connection, or replaces one whose configuration has changed; the
 * same configuration again does nothing.
 */
static void
oe_configure(const unsigned char *payload, size_t len)
{
	uint32_t	id;
	uint32_t	text_len;
	char	   *text;
	OeConnection *c;

	if (len < 8)
		oe_protocol_error("a short configuration");
	id = (uint32_t) oe_get_integer(payload, 4);
	text_len = (uint32_t) oe_get_integer(payload + 4, 4);
	if (text_len != len - 8 || (text = strndup((const char *) payload + 8, text_len)) == NULL)
		oe_protocol_error("a configuration that cannot be read");
	c = *oe_find(id);
	if (c == NULL || strcmp(c->text, text) != 0)
	{
		oe_close(id, "the configuration was replaced");
		c = oe_connection_open(oe_library, id, text);
		if (c != NULL)
		{
			c->next = oe_connections;
			oe_connections = c;
		}
	}
	explicit_bzero(text, text_len);
	free(text);
}

/*
 * Queues a message.  While its connection is full the program reads no more,
 * which the worker sees by its socket; only the end of the worker is looked
 * for.
 */
static void
oe_message(const unsigned char *payload, size_t len)
{
	uint32_t	id;
	OeMessage  *m = oe_message_parse((const char *) payload, len, &id);
	OeConnection *c;

	if (m == NULL)
		oe_protocol_error("a message that cannot be read");
	c = *oe_find(id);
	if (c == NULL)
	{
		oe_answer_item(OE_FRAME_RETRY, m->item, false, "the program has no such connection");
		free(m->headers);
		free(m);
		return;
	}
	while (oe_connection_full(c))
		oe_check_worker();
	oe_connection_queue(c, m);
}

static void
oe_frame(unsigned char kind, const unsigned char *payload, size_t len)
{
	switch (kind)
	{
		case OE_FRAME_MESSAGE:
			oe_message(payload, len);
			break;
		case OE_FRAME_CONFIGURE:
			oe_configure(payload, len);
			break;
		case OE_FRAME_CLOSE:
			if (len != 4)
				oe_protocol_error("a broken frame 'X'");
			oe_close((uint32_t) oe_get_integer(payload, 4), "the connection was closed");
			break;
		case OE_FRAME_ABANDON:
			if (len != 8)
				oe_protocol_error("a broken frame 'A'");
			for (OeConnection *c = oe_connections; c != NULL; c = c->next)
				if (oe_connection_abandon(c, oe_get_integer(payload, 8)))
					break;
			break;
		default:
			oe_protocol_error("a frame of unknown kind");
	}
}

/* Handles the whole frames of the input; answers how many bytes must be there
 * for the next one. */
static size_t
oe_frames(void)
{
	size_t		at = 0;
	size_t		want = 4;

	while (oe_input_used - at >= 4)
	{
		size_t		len = (size_t) oe_get_integer(oe_input + at, 4);

		if (len < 1 || len > OE_FRAME_MAX)
			oe_protocol_error("a frame of impossible length");
		want = 4 + len;
		if (oe_input_used - at < want)
			break;
		oe_frame(oe_input[at + 4], oe_input + at + 5, len - 1);
		at += want;
		want = 4;
	}
	memmove(oe_input, oe_input + at, oe_input_used - at);
	oe_input_used -= at;
	return want;
}

/*
 * Reads what the worker has sent, at least one byte, and makes room for the
 * frame that is expected.
 */
static void
oe_read(size_t want)
{
	size_t		size = want > OE_READ_MIN ? want : OE_READ_MIN;
	ssize_t		n;

	if (size != oe_input_size && oe_input_used <= size)
	{
		unsigned char *input = realloc(oe_input, size);

		if (input == NULL)
			oe_protocol_error("a frame for which there is no memory");
		oe_input = input;
		oe_input_size = size;
	}
	n = recv(OE_PROGRAM_FD, oe_input + oe_input_used, oe_input_size - oe_input_used, 0);
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		_exit(0);
	oe_input_used += n;
}

/* The first frame: who we are, and which protocol we speak. */
static void
oe_hello(void)
{
	json_t	   *json = json_pack("{s:s,s:s,s:i,s:s,s:s}", "program", oe_library->program, "version", OE_VERSION,
								 "protocol", OE_PROGRAM_PROTOCOL, "library", oe_library->library, "library_version", oe_library->version());
	char	   *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

	if (text == NULL)
		_exit(1);
	oe_answer_ready(text);
	free(text);
	json_decref(json);
}

void
oe_program_main(const OeLibrary *library, int argc, char **argv)
{
	size_t		want = 4;
	int			type;
	socklen_t	len = sizeof(type);

	oe_library = library;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
	{
		printf("%s %s (%s %s)\n", library->program, OE_VERSION, library->library, library->version());
		exit(0);
	}
	if (argc != 1 || getsockopt(OE_PROGRAM_FD, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM)
	{
		fprintf(stderr, "%s is started by the worker of odoo_events, which gives it a socket as descriptor %d.\n"
				"Alone it knows only --version.\n", library->program, OE_PROGRAM_FD);
		exit(2);
	}
	oe_confine();
	/* blocking, whatever the other end set */
	fcntl(OE_PROGRAM_FD, F_SETFL, fcntl(OE_PROGRAM_FD, F_GETFL) & ~O_NONBLOCK);
	fcntl(OE_PROGRAM_FD, F_SETFD, FD_CLOEXEC);
	oe_answer_start();
	if (library->start != NULL)
		library->start();
	oe_hello();
	for (;;)
	{
		oe_read(want);
		want = oe_frames();
	}
}
