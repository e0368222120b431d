/*
 * policy.c
 *	  Which addresses may be connected to, checked in connect() itself.
 *
 * This file defines connect() for the program and all its libraries, because
 * the dynamic linker prefers a program's own functions.  The look-ups of names
 * inside the C library do not come through here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/policy.h"

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))

static _Thread_local const OePolicy *oe_current;
static _Thread_local char oe_refused[160];

/* Networks that are not public. */
static const OeCidr oe_special[] = {
	{{0}, 8, false},
	{{10}, 8, false},
	{{100, 64}, 10, false},
	{{127}, 8, false},
	{{169, 254}, 16, false},
	{{172, 16}, 12, false},
	{{192, 0, 0}, 24, false},
	{{192, 88, 99}, 24, false},
	{{192, 168}, 16, false},
	{{198, 18}, 15, false},
	{{224}, 4, false},
	{{240}, 4, false},
	{{0}, 120, true},
	{{0xfc}, 7, true},
	{{0xfe, 0x80}, 10, true},
	{{0xfe, 0xc0}, 10, true},
	{{0xff}, 8, true},
	{{0x01}, 64, true},
	{{0x20, 0x01}, 23, true},
	{{0, 0x64, 0xff, 0x9b, 0, 0x01}, 48, true},
};

static bool
oe_prefix_equal(const unsigned char *a, const unsigned char *b, int bits)
{
	int			whole = bits / 8;
	int			rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* Takes the IPv4 address out of an IPv6 one that carries one. */
static void
oe_unwrap(OeCidr *a)
{
	static const unsigned char mapped[12] = {[10] = 0xff,[11] = 0xff};
	static const unsigned char translated[12] = {[8] = 0xff,[9] = 0xff};
	static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
	static const unsigned char zero[16] = {0};
	int			at = -1;

	if (memcmp(a->bytes, mapped, 12) == 0 || memcmp(a->bytes, translated, 12) == 0 || memcmp(a->bytes, nat64, 12) == 0)
		at = 12;
	else if (a->bytes[0] == 0x20 && a->bytes[1] == 0x02)
		at = 2;
	else if (memcmp(a->bytes, zero, 12) == 0 && memcmp(a->bytes, zero, 15) != 0)
		at = 12;
	if (at < 0)
		return;
	memmove(a->bytes, a->bytes + at, 4);
	a->v6 = false;
}

/*
 * Is it an address that is not public: private, loopback, link-local,
 * reserved?  Of an ISATAP address the IPv4 address in it counts, too.
 */
static bool
oe_is_special(const OeCidr *a)
{
	static const unsigned char isatap[3] = {0, 0x5e, 0xfe};

	for (size_t i = 0; i < lengthof(oe_special); i++)
		if (oe_special[i].v6 == a->v6 && oe_prefix_equal(a->bytes, oe_special[i].bytes, oe_special[i].bits))
			return true;
	if (a->v6 && (a->bytes[8] & ~0x03) == 0 && memcmp(a->bytes + 9, isatap, sizeof(isatap)) == 0)
	{
		OeCidr		inner = {{0}, 0, false};

		memcpy(inner.bytes, a->bytes + 12, 4);
		return oe_is_special(&inner);
	}
	return false;
}

/* The rule itself.  Addresses of families other than IP are never allowed. */
bool
oe_policy_allows(const OePolicy *policy, const struct sockaddr *addr)
{
	OeCidr		a = {{0}, 0, false};

	if (addr->sa_family == AF_INET)
		memcpy(a.bytes, &((const struct sockaddr_in *) addr)->sin_addr, 4);
	else if (addr->sa_family == AF_INET6)
	{
		memcpy(a.bytes, &((const struct sockaddr_in6 *) addr)->sin6_addr, 16);
		a.v6 = true;
		oe_unwrap(&a);
	}
	else
		return false;
	for (int i = 0; i < policy->n; i++)
		if (policy->networks[i].v6 == a.v6 && oe_prefix_equal(a.bytes, policy->networks[i].bytes, policy->networks[i].bits))
			return true;
	return !policy->plain && !oe_is_special(&a);
}

static bool
oe_cidr_parse(const char *text, OeCidr *net)
{
	char		address[64];
	const char *slash = strchr(text, '/');
	size_t		len = slash != NULL ? (size_t) (slash - text) : strlen(text);
	char	   *stop;
	long		bits;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	net->v6 = strchr(address, ':') != NULL;
	if (inet_pton(net->v6 ? AF_INET6 : AF_INET, address, net->bytes) != 1)
		return false;
	net->bits = net->v6 ? 128 : 32;
	if (slash == NULL)
		return true;
	bits = strtol(slash + 1, &stop, 10);
	if (stop == slash + 1 || *stop != '\0' || bits < 0 || bits > net->bits)
		return false;
	net->bits = (int) bits;
	return true;
}

bool
oe_policy_parse(OePolicy *policy, const json_t * json, bool plain)
{
	json_t	   *list = json_object_get(json, "allow_networks");
	size_t		n = json_array_size(list);

	policy->plain = plain;
	policy->n = 0;
	policy->networks = calloc(n + 1, sizeof(OeCidr));
	if (policy->networks == NULL || (list != NULL && !json_is_array(list) && !json_is_null(list)))
		return false;
	for (size_t i = 0; i < n; i++)
	{
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL || !oe_cidr_parse(text, &policy->networks[policy->n]))
			return false;
		policy->n++;
	}
	return true;
}

void
oe_policy_enter(const OePolicy *policy)
{
	oe_current = policy;
	oe_refused[0] = '\0';
}

const char *
oe_policy_refused(void)
{
	return oe_refused;
}

void
oe_policy_describe(const OePolicy *policy, const struct sockaddr *addr, char *text, size_t room)
{
	char		address[INET6_ADDRSTRLEN] = "of an unknown family";

	if (addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *) addr)->sin_addr, address, sizeof(address));
	else if (addr->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *) addr)->sin6_addr, address, sizeof(address));
	snprintf(text, room, "address %s is outside allow_networks%s", address,
			 policy != NULL && policy->plain ? ", which must list it because the connection has no TLS" : "");
}

/* The system call, which nothing replaces. */
static int
oe_real_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int) syscall(SYS_connect, fd, addr, len);
}

/* For libraries that ask before they connect; the caller gets an errno. */
int
oe_policy_connect(const OePolicy *policy, int fd, const struct sockaddr *addr, socklen_t len)
{
	if (!oe_policy_allows(policy, addr))
		return EACCES;
	return oe_real_connect(fd, addr, len) == 0 ? 0 : errno;
}

/*
 * Limits how long a blocking connect() may take; 0 ends that.
 */
static void
oe_limit_connect(int fd, int timeout)
{
	struct timeval limit = {timeout / 1000, timeout % 1000 * 1000};

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/*
 * connect() of this program.  Sockets of this machine's own services (name
 * service, log) are let through.
 */
int
connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int			rc;

	if (addr->sa_family == AF_UNIX || addr->sa_family == AF_UNSPEC)
		return oe_real_connect(fd, addr, len);
	if (oe_current != NULL && oe_policy_allows(oe_current, addr))
	{
		oe_limit_connect(fd, oe_current->timeout);
		rc = oe_real_connect(fd, addr, len);
		if (rc != 0 && errno == EINPROGRESS && !(fcntl(fd, F_GETFL) & O_NONBLOCK))
			errno = ETIMEDOUT;
		else if (rc == 0)
			oe_limit_connect(fd, 0);
		return rc;
	}
	oe_policy_describe(oe_current, addr, oe_refused, sizeof(oe_refused));
	errno = EACCES;
	return -1;
}
