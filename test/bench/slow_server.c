/*
 * slow_server.c
 *	  An HTTP/1.1 server that answers 204 to every request after a fixed delay,
 *	  for many connections at once: slow_server PORT MILLISECONDS
 *
 * One thread; costs little enough that what is measured is the client.  As the
 * delay is the same for all, those who wait stand in the order in which they
 * came.  Requests must have a Content-Length, as ours and the prototype's have.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 65536
#define WAITING 65536			/* a power of two */
#define ROOM 65536

typedef struct
{
	char	   *data;
	size_t		len;
} Buffer;

typedef struct
{
	int			fd;
	double		at;
} Answer;

static Buffer buffers[CONNECTIONS];
static Answer waiting[WAITING];
static unsigned first = 0;
static unsigned last = 0;
static double delay;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/*
 * Takes whole requests out of what has come; each is answered later.
 */
static void
take(int fd, Buffer *b)
{
	char	   *end;

	while ((end = memmem(b->data, b->len, "\r\n\r\n", 4)) != NULL)
	{
		size_t		size = end + 4 - b->data;
		char	   *length;

		*end = '\0';
		length = strcasestr(b->data, "\r\ncontent-length:");
		*end = '\r';
		size += length ? strtoul(length + 17, NULL, 10) : 0;
		if (b->len < size)
			return;
		b->len -= size;
		memmove(b->data, b->data + size, b->len);
		waiting[last++ % WAITING] = (Answer) {fd, now() + delay};
	}
}

static void
receive(int fd)
{
	Buffer	   *b = &buffers[fd];
	ssize_t		n;

	if (b->data == NULL)
		b->data = malloc(ROOM);
	n = read(fd, b->data + b->len, ROOM - b->len);
	if (n <= 0)
	{
		close(fd);
		b->len = 0;
		for (unsigned i = first; i != last; i++)
			if (waiting[i % WAITING].fd == fd)
				waiting[i % WAITING].fd = -1;
		return;
	}
	b->len += n;
	take(fd, b);
}

static void
answer_due(void)
{
	static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";

	while (first != last && waiting[first % WAITING].at <= now())
	{
		int			fd = waiting[first++ % WAITING].fd;

		if (fd >= 0 && write(fd, answer, sizeof(answer) - 1) < 0)
			perror("write");
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event events[256];
	int			on = 1;
	int			listener = socket(AF_INET, SOCK_STREAM, 0);
	int			ep = epoll_create1(0);

	delay = atof(argv[2]) / 1000;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *) &address, sizeof(address)) || listen(listener, 1024))
	{
		perror("bind");
		return 1;
	}
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &(struct epoll_event) {.events = EPOLLIN, .data.fd = listener});
	for (;;)
	{
		double		left = first == last ? 1 : waiting[first % WAITING].at - now();
		struct timespec timeout = {.tv_nsec = left <= 0 ? 0 : left >= 1 ? 999999999 : (long) (left * 1e9)};
		int			n = epoll_pwait2(ep, events, 256, &timeout, NULL);

		for (int i = 0; i < n; i++)
		{
			int			fd = events[i].data.fd;

			if (fd != listener)
				receive(fd);
			else if ((fd = accept(listener, NULL, NULL)) >= 0 && fd < CONNECTIONS)
			{
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
				epoll_ctl(ep, EPOLL_CTL_ADD, fd, &(struct epoll_event) {.events = EPOLLIN, .data.fd = fd});
			}
		}
		answer_due();
	}
}
