/*
 * address.c
 *	  The address policy, and the check of a URL when it is configured.
 *
 * The policy runs inside curl's callbacks in the worker (no ereport, no
 * palloc), and in oe_sql_check_url() in a backend.  An IPv6 address that
 * contains an IPv4 address (mapped, compatible, NAT64, 6to4) is judged as that
 * one, so that the policy cannot be circumvented.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inet.h"

#include "deliver/transport/http/address.h"

#define OE_URL_MAX 2048

/* An address in network byte order. */
typedef struct OeAddress
{
	unsigned char bytes[16];
	bool		v6;
} OeAddress;

/* Networks that are not public. */
static const struct
{
	unsigned char bytes[4];
	int			bits;
}			oe_special_v4[] = {
	{{0, 0, 0, 0}, 8}, {{10, 0, 0, 0}, 8}, {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
	{{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12}, {{192, 0, 0, 0}, 24}, {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16},
	{{198, 18, 0, 0}, 15}, {{224, 0, 0, 0}, 4}, {{240, 0, 0, 0}, 4},
};
static const struct
{
	unsigned char bytes[16];
	int			bits;
}			oe_special_v6[] = {
	{{0}, 120},					/* unspecified, loopback, and 0.0.0.x */
	{{0xfc}, 7},				/* unique local */
	{{0xfe, 0x80}, 10}, {{0xfe, 0xc0}, 10}, /* link and site local */
	{{0xff}, 8},				/* multicast */
	{{0x01}, 64},				/* discard only */
	{{0x20, 0x01, 0, 0}, 23},	/* Teredo, which embeds any IPv4 address, and
								 * others that are no host's */
	{{0, 0x64, 0xff, 0x9b, 0, 0x01}, 48},	/* NAT64 of a site's own: likewise */
};

/*
 * _check_url(url, allow_networks, argument): raises if the URL is not usable,
 * or if no address of its host is allowed.  When an event is sent the address is
 * checked again.
 */
extern PGDLLEXPORT Datum oe_sql_check_url(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum oe_sql_check_host(PG_FUNCTION_ARGS);

/*
 * _check_url(url, allow_networks, argument): raises if the URL is not usable,
 * or if no address of its host is allowed.  When an event is sent the address is
 * checked again.
 */
PG_FUNCTION_INFO_V1(oe_sql_check_url);
PG_FUNCTION_INFO_V1(oe_sql_check_host);

static bool
oe_prefix_equal(const unsigned char *a, const unsigned char *b, int bits)
{
	int			whole = bits / 8;
	int			rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/*
 * Takes the IPv4 address out of an IPv6 one that carries one.
 */
static void
oe_address_unwrap(OeAddress *a)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const unsigned char translated[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
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

static bool
oe_address_from(const struct sockaddr *addr, OeAddress *a)
{
	memset(a, 0, sizeof(*a));
	if (addr->sa_family == AF_INET)
		memcpy(a->bytes, &((const struct sockaddr_in *) addr)->sin_addr, 4);
	else if (addr->sa_family == AF_INET6)
	{
		memcpy(a->bytes, &((const struct sockaddr_in6 *) addr)->sin6_addr, 16);
		a->v6 = true;
		oe_address_unwrap(a);
	}
	else
		return false;
	return true;
}

/*
 * Does it lead to an IPv4 address through a tunnel (ISATAP), whatever its
 * prefix is?  Then both count.
 */
static bool
oe_address_tunnel(const OeAddress *a, OeAddress *inner)
{
	static const unsigned char isatap[3] = {0, 0x5e, 0xfe};

	memset(inner, 0, sizeof(*inner));
	memcpy(inner->bytes, a->bytes + 12, 4);
	return (a->bytes[8] & ~0x03) == 0 && memcmp(a->bytes + 9, isatap, sizeof(isatap)) == 0;
}

static bool
oe_address_special(const OeAddress *a)
{
	OeAddress	inner;

	if (a->v6)
	{
		for (int i = 0; i < lengthof(oe_special_v6); i++)
			if (oe_prefix_equal(a->bytes, oe_special_v6[i].bytes, oe_special_v6[i].bits))
				return true;
		return oe_address_tunnel(a, &inner) && oe_address_special(&inner);
	}
	for (int i = 0; i < lengthof(oe_special_v4); i++)
		if (oe_prefix_equal(a->bytes, oe_special_v4[i].bytes, oe_special_v4[i].bits))
			return true;
	return false;
}

static bool
oe_address_listed(const OeAddress *a, const OeNetwork *nets, int n)
{
	for (int i = 0; i < n; i++)
		if (nets[i].v6 == a->v6 && oe_prefix_equal(a->bytes, nets[i].bytes, nets[i].bits))
			return true;
	return false;
}

bool
oe_address_allowed(const struct sockaddr *addr, bool plain, const OeNetwork *nets, int n)
{
	OeAddress	a;

	if (!oe_address_from(addr, &a))
		return false;
	if (oe_address_listed(&a, nets, n))
		return true;
	return !plain && !oe_address_special(&a);
}

/*
 * A numeric address in text; false if it is none.
 */
static bool
oe_address_parse(const char *text, struct sockaddr_storage *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->ss_family = AF_INET;
	if (inet_pton(AF_INET, text, &((struct sockaddr_in *) addr)->sin_addr) == 1)
		return true;
	addr->ss_family = AF_INET6;
	return inet_pton(AF_INET6, text, &((struct sockaddr_in6 *) addr)->sin6_addr) == 1;
}

bool
oe_address_text_allowed(const char *text, bool plain, const OeNetwork *nets, int n)
{
	struct sockaddr_storage addr;

	return oe_address_parse(text, &addr) && oe_address_allowed((struct sockaddr *) &addr, plain, nets, n);
}

bool
oe_address_resident(const struct sockaddr *addr, const OeNetwork *nets, int n)
{
	OeAddress	a;

	return n == 0 || (oe_address_from(addr, &a) && oe_address_listed(&a, nets, n));
}

bool
oe_address_text_resident(const char *text, const OeNetwork *nets, int n)
{
	struct sockaddr_storage addr;

	return n == 0 || (oe_address_parse(text, &addr) && oe_address_resident((struct sockaddr *) &addr, nets, n));
}

OeNetwork *
oe_networks_from_array(ArrayType *array, int *n)
{
	OeNetwork  *nets;
	ArrayIterator it = array_create_iterator(array, 0, NULL);
	Datum		value;
	bool		isnull;

	*n = 0;
	nets = palloc0(sizeof(OeNetwork) * Max(1, ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))));
	while (array_iterate(it, &value, &isnull))
	{
		inet	   *net = isnull ? NULL : DatumGetInetPP(value);

		if (net == NULL)
			continue;
		nets[*n].v6 = ip_family(net) == PGSQL_AF_INET6;
		nets[*n].bits = ip_bits(net);
		memcpy(nets[*n].bytes, ip_addr(net), nets[*n].v6 ? 16 : 4);
		(*n)++;
	}
	array_free_iterator(it);
	return nets;
}

static void
oe_url_refused(const char *argument, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" is not a usable URL", argument),
			 errdetail("%s", detail),
			 errhint("A URL looks like https://wms.example.com/hooks/odoo; credentials go into the arguments \"auth\" and \"headers\".")));
}

/*
 * What is wrong with a URL that curl does not parse.
 */
static const char *
oe_url_fault(const char *url, CURLUcode rc)
{
	if (*url == '\0')
		return "It is empty.";
	if (strstr(url, "://") == NULL)
		return "It does not begin with https://.";
	if (rc == CURLUE_UNSUPPORTED_SCHEME)
		return "Its scheme is neither https nor http.";
	if (rc == CURLUE_BAD_PORT_NUMBER)
		return "Its port is not a number from 1 to 65535.";
	if (rc == CURLUE_NO_HOST || strstr(url, "://")[3] == '\0')
		return "It names no host.";
	return "It cannot be parsed.";
}

/*
 * Takes the URL apart with curl's own parser, so that what is checked here is
 * what is called later; answers the host and whether it is plain http.
 */
static char *
oe_url_host(const char *url, bool *plain, const char *argument)
{
	CURLU	   *u;
	CURLUcode	rc;
	char	   *scheme = NULL;
	char	   *host = NULL;
	char	   *zone = NULL;
	char	   *result = NULL;
	bool		known = false;
	bool		zoned;

	if (strlen(url) > OE_URL_MAX)
		oe_url_refused(argument, "It is longer than 2048 bytes.");
	for (const unsigned char *s = (const unsigned char *) url; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			oe_url_refused(argument, "It contains a space, a control character or one beyond ASCII; write those as %XX.");
	u = curl_url();
	if (u == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	rc = curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (rc == CURLUE_OK && curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
	{
		*plain = strcmp(scheme, "http") == 0;
		known = *plain || strcmp(scheme, "https") == 0;
		result = pstrdup(host);
	}
	zoned = rc == CURLUE_OK && curl_url_get(u, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK;
	curl_free(scheme);
	curl_free(host);
	curl_free(zone);
	curl_url_cleanup(u);
	if (rc == CURLUE_USER_NOT_ALLOWED)
		oe_url_refused(argument, "It contains a user name or a password.");
	if (result == NULL)
		oe_url_refused(argument, oe_url_fault(url, rc));
	if (!known)
		oe_url_refused(argument, "Its scheme is neither https nor http.");
	if (zoned)
		oe_url_refused(argument, "Its host has a zone or an escaped character.");
	for (const unsigned char *s = (const unsigned char *) result; *s; s++)
		if (*s == '%' || *s <= ' ' || *s >= 0x7f)	/* curl has resolved %XX */
			oe_url_refused(argument, "Its host has a zone or an escaped character.");
	return result;
}

/*
 * Appends the network that allow_networks would have to contain for this
 * address.
 */
static void
oe_suggest_network(StringInfo buf, const struct sockaddr *addr)
{
	OeAddress	a;
	char		text[INET6_ADDRSTRLEN];
	const char *net;

	if (!oe_address_from(addr, &a) ||
		inet_ntop(a.v6 ? AF_INET6 : AF_INET, a.bytes, text, sizeof(text)) == NULL)
		return;
	net = !a.v6 && a.bytes[0] == 127 ? "127.0.0.0/8" :
		psprintf("%s/%d", text, a.v6 ? 128 : 32);
	if (strstr(buf->data, net) == NULL)
		appendStringInfo(buf, "%s%s", buf->len > 0 ? "," : "", net);
}

/*
 * Raises if no address of a host is allowed.
 */
static void
oe_check_host(char *host, bool plain, ArrayType *allow_networks, const char *argument, const char *protocol)
{
	int			n;
	OeNetwork  *nets = oe_networks_from_array(allow_networks, &n);
	struct addrinfo hints;
	struct addrinfo *list = NULL;
	bool		allowed = false;
	StringInfoData suggest;

	if (host[0] == '[')
	{
		host++;
		host[strlen(host) - 1] = '\0';
	}
	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	if (getaddrinfo(host, NULL, &hints, &list) != 0)
	{
		ereport(WARNING,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("host \"%s\" does not resolve to an address at present", host),
				 errhint("Events wait and are retried until it does; addresses are checked when a connection is made.")));
		return;
	}
	initStringInfo(&suggest);
	for (struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next)
	{
		if (oe_address_allowed(ai->ai_addr, plain, nets, n))
			allowed = true;
		else
			oe_suggest_network(&suggest, ai->ai_addr);
	}
	freeaddrinfo(list);
	if (!allowed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 plain ? errmsg("argument \"%s\" is plain %s to host \"%s\" outside \"allow_networks\"", argument, protocol, host) :
				 errmsg("argument \"%s\" leads to a private address of host \"%s\" outside \"allow_networks\"", argument, host),
				 errdetail(plain ? "Without TLS, events and their signatures can be read on the way." :
						   "Loopback, link-local, private, metadata and multicast addresses are called only where they are listed."),
				 errhint("allow_networks => '{%s}'", suggest.data)));
}

/*
 * _check_url(url, allow_networks, argument): raises if the URL is not usable,
 * or if no address of its host is allowed.  When an event is sent the address is
 * checked again.
 */
Datum
oe_sql_check_url(PG_FUNCTION_ARGS)
{
	char	   *url = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *argument = text_to_cstring(PG_GETARG_TEXT_PP(2));
	bool		plain = false;
	char	   *host = oe_url_host(url, &plain, argument);

	oe_check_host(host, plain, PG_GETARG_ARRAYTYPE_P(1), argument, "http");
	PG_RETURN_VOID();
}

/*
 * _check_host(host, protocol, tls, allow_networks): the same for a host of a
 * broker.
 */
Datum
oe_sql_check_host(PG_FUNCTION_ARGS)
{
	oe_check_host(text_to_cstring(PG_GETARG_TEXT_PP(0)), !PG_GETARG_BOOL(2), PG_GETARG_ARRAYTYPE_P(3), "url",
				  text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}
