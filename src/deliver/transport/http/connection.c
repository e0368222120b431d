/*
 * connection.c
 *	  Connections to endpoints: how old each is, and what came in on it.
 *
 * Worker only.  Called by curl's callbacks, so nothing here raises, allocates
 * or waits.  libcurl does not say which connection a request goes over, but it
 * opens sockets through us and names both ends of the connection just before
 * it sends a request.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/hashfn.h"

#include "base/clock.h"
#include "base/guc.h"
#include "deliver/model/memory.h"
#include "deliver/transport/http/connection.h"
#include "deliver/transport/http/request.h"

#define OE_SOCKETS 8192			/* what is beyond is not looked after */

/* libcurl itself closes what is idle and too old, by whole seconds. */
#define OE_AGE_MORE (2 * OE_SECOND)

/* An answer that we read whole, in pieces of one byte, is less than that. */
#define OE_RECEIVED_MAX (4 * 1024 * 1024)

typedef struct OeSocket
{
	uint64		ends;			/* hash of both ends; 0: not asked for yet */
	int64		opened;			/* us, monotonic */
	int			fd;
	bool		http1;			/* opened for a request that wants no HTTP/2 */
} OeSocket;

static OeSocket oe_sockets[OE_SOCKETS];
static int	oe_nsockets = 0;

/* Bytes of headers and bodies, over all connections. */
uint64		oe_bytes_read = 0;

void
oe_socket_opened(int fd, bool http1)
{
	OeSocket   *s = &oe_sockets[oe_nsockets];

	if (oe_nsockets == OE_SOCKETS)
		return;
	s->ends = 0;
	s->opened = oe_mono();
	s->fd = fd;
	s->http1 = http1;
	oe_nsockets++;
}

void
oe_socket_closed(int fd)
{
	for (int i = 0; i < oe_nsockets; i++)
		if (oe_sockets[i].fd == fd)
		{
			oe_sockets[i] = oe_sockets[--oe_nsockets];
			return;
		}
}

/*
 * One number for both ends of a connection; never 0.
 */
static uint64
oe_ends(const char *ip, int port, int local_port)
{
	uint64		ports = (uint64) port << 16 | (uint64) local_port;

	return hash_bytes_extended((const unsigned char *) ip, strlen(ip), ports) | 1;
}

/*
 * The same number, of a socket; 0 while it is not connected.
 */
static uint64
oe_ends_of(int fd)
{
	union
	{
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	}			local,
				peer;
	socklen_t	local_len = sizeof(local);
	socklen_t	peer_len = sizeof(peer);
	char		ip[INET6_ADDRSTRLEN] = "";
	bool		v6;

	if (getsockname(fd, &local.any, &local_len) != 0 || getpeername(fd, &peer.any, &peer_len) != 0)
		return 0;
	v6 = peer.any.sa_family == AF_INET6;
	if (inet_ntop(peer.any.sa_family, v6 ? (void *) &peer.v6.sin6_addr : (void *) &peer.v4.sin_addr, ip, sizeof(ip)) == NULL)
		return 0;
	return oe_ends(ip, ntohs(v6 ? peer.v6.sin6_port : peer.v4.sin_port), ntohs(v6 ? local.v6.sin6_port : local.v4.sin_port));
}

static OeSocket *
oe_socket_find(uint64 ends)
{
	for (int i = 0; i < oe_nsockets; i++)
		if (oe_sockets[i].ends == ends)
			return &oe_sockets[i];
	return NULL;
}

/*
 * A request is about to be sent over a connection with these ends.  May it? One
 * that has been in use for too long leads to where the name once led, so it
 * gets no more requests: what is in a request over it ends there, and what
 * comes goes over a new one.
 */
bool
oe_connection_fits(OeHttpRequest *req, const char *ip, int port, int local_port)
{
	uint64		ends = oe_ends(ip, port, local_port);
	OeSocket   *s = oe_socket_find(ends);

	if (s == NULL)
	{
		for (int i = 0; i < oe_nsockets; i++)
			if (oe_sockets[i].ends == 0)
				oe_sockets[i].ends = oe_ends_of(oe_sockets[i].fd);
		s = oe_socket_find(ends);
	}
	req->ends = ends;
	req->received = -1;
	if (s == NULL || req->fresh)
		return true;
	if (s->http1 != req->common.conf->tls.http1)
		return false;
	return oe_guc_connection_max_age == 0 ||
		oe_mono() - s->opened <= oe_guc_connection_max_age * OE_SECOND + OE_AGE_MORE;
}

/*
 * Does so much come in that it cannot be an answer?  libcurl takes some bytes
 * without showing them to us: extensions of chunks, padding, control frames.
 * Other requests of the same connection may be answered meanwhile; what is
 * read of all answers is a bound of that.
 */
bool
oe_connection_floods(OeHttpRequest *req)
{
	OeSocket   *s = req->ends == 0 ? NULL : oe_socket_find(req->ends);
	struct tcp_info info;
	socklen_t	len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (s == NULL || getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return false;
	if (req->received < 0)
	{
		req->received = info.tcpi_bytes_received;
		req->read_before = oe_bytes_read;
		return false;
	}
	return info.tcpi_bytes_received - req->received > OE_RECEIVED_MAX + 4 * (oe_bytes_read - req->read_before);
}
