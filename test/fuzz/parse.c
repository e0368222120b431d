/*
 * parse.c
 *	  libFuzzer's target: what takes apart bytes that somebody else chose, or
 *	  that a bug might have made.
 *
 * Built by fuzz.sh with clang, AddressSanitizer and UndefinedBehaviorSanitizer,
 * without a server: the sources are included, what they need of PostgreSQL
 * is below or in its library for programs, the rest is not called.  The first byte of an input chooses what gets it:
 *
 * s: JSON text, walked over by the scanner; all pieces must lie in the text.
 * b: configuration (3 bytes), classes up to a line end, an event: rendered for
 * a subscription.  What is rendered must be text that can be walked over.
 * h: what an endpoint answers: header lines, and a body after an empty line.
 * a: an address.  An IPv4 address that may not be called may not be called
 * in any IPv6 dress either.
 * c: a schedule. What is accepted has times in each field, within its bounds.
 * u: a URL.  What is accepted has a host without control characters.
 */
#include "postgres.h"

#include <setjmp.h>

/* that of the library for programs exits, and its memory is not ours */
static char *fuzz_psprintf(const char *fmt,...);

#define psprintf fuzz_psprintf

#include "../../src/base/classification.c"
#include "../../src/base/scan.c"
#include "../../src/deliver/transport/http/address.c"
#include "../../src/deliver/message/visible_data.c"
#include "../../src/deliver/message/body.c"
#include "../../src/deliver/queue/cron.c"
#include "../../src/deliver/transport/http/handle.c"

#define FUZZ_MAX_BLOCKS 4096

/* --- what the sources need of a server */

static sigjmp_buf fuzz_error;
static void *fuzz_blocks[FUZZ_MAX_BLOCKS];
static int	fuzz_nblocks;

MemoryContext CurrentMemoryContext = NULL;
OeDelivery	oe_delivery;
char	   *oe_guc_proxy = "";
char	   *oe_guc_ca_file = "";
int			oe_guc_connect_timeout = 1;
uint64		oe_bytes_read = 0;	/* connection.c counts there */

/* the certificate of a connection that is not there */
void
oe_peer_look(OeHttpRequest *req)
{
}

/* Blocks are remembered, so that what an input leaves is freed. */
static void *
fuzz_remember(void *p)
{
	for (int i = 0; i < fuzz_nblocks; i++)
		if (fuzz_blocks[i] == NULL)
		{
			fuzz_blocks[i] = p;
			return p;
		}
	if (fuzz_nblocks == FUZZ_MAX_BLOCKS)
		abort();
	return fuzz_blocks[fuzz_nblocks++] = p;
}

static void
fuzz_forget(void *p)
{
	for (int i = 0; i < fuzz_nblocks; i++)
		if (fuzz_blocks[i] == p)
		{
			fuzz_blocks[i] = NULL;
			return;
		}
	abort();
}

void *
palloc(Size size)
{
	return fuzz_remember(malloc(size));
}

void *
palloc0(Size size)
{
	return fuzz_remember(calloc(1, size));
}

void *
repalloc(void *p, Size size)
{
	fuzz_forget(p);
	return fuzz_remember(realloc(p, size));
}

void
pfree(void *p)
{
	fuzz_forget(p);
	free(p);
}

char *
pstrdup(const char *s)
{
	return fuzz_remember(strdup(s));
}

static char *
fuzz_psprintf(const char *fmt,...)
{
	va_list		args;
	char	   *text = NULL;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	return fuzz_remember(text);
}

char *
MemoryContextStrdup(MemoryContext cxt, const char *s)
{
	return strdup(s);
}

bool
errstart(int elevel, const char *domain)
{
	return elevel >= ERROR;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return elevel >= ERROR;
}

void
errfinish(const char *file, int line, const char *func)
{
	siglongjmp(fuzz_error, 1);
}

int
errcode(int code)
{
	return 0;
}

int
errmsg(const char *fmt,...)
{
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	return 0;
}

int
errdetail(const char *fmt,...)
{
	return 0;
}

int
errhint(const char *fmt,...)
{
	return 0;
}

void
ExceptionalCondition(const char *what,
#if PG_VERSION_NUM < 160000
					 const char *type,
#endif
					 const char *file, int line)
{
	abort();
}

int
GetDatabaseEncoding(void)
{
	return PG_UTF8;
}

const char *
oe_webhook_origin(void)
{
	return "plant.example.com";
}

void
ReserveExternalFD(void)
{
}

void
ReleaseExternalFD(void)
{
}

/* --- targets */

static void
fuzz_must(bool holds)
{
	if (!holds)
		abort();
}

static void
fuzz_chars(const OePiece *piece, const char *text, const char *end)
{
	const char *p = piece->s;

	fuzz_must(piece->len >= 0 && piece->s >= text && piece->s + piece->len <= end);
	while (oe_scan_char(&p, piece->s + piece->len) >= 0)
		fuzz_must(p > piece->s && p <= piece->s + piece->len);
}

static void
fuzz_walk(const char *value, const char *text, const char *end, int depth)
{
	const char *p;
	OePiece		key,
				piece;

	if (depth > 50)
		return;
	if ((p = oe_scan_open(value, '{')) != NULL)
		while (oe_scan_member(&p, &key, &piece))
		{
			fuzz_chars(&key, text, end);
			fuzz_chars(&piece, text, end);
			(void) oe_piece_is(&key, "data");
			fuzz_walk(piece.s, text, end, depth + 1);
		}
	else if ((p = oe_scan_open(value, '[')) != NULL)
		while (oe_scan_element(&p, &piece))
		{
			fuzz_chars(&piece, text, end);
			fuzz_walk(piece.s, text, end, depth + 1);
		}
	if (p != NULL)
		fuzz_must(p >= text && p <= end);
}

static void
fuzz_body(char *text, size_t len)
{
	OeConfiguration		conf = {0};
	OeOutboxEvent		event = {0};
	StringInfoData out,
				headers;
	char	   *line;

	if (len < 4)
		return;
	conf.format = "sbt"[(unsigned char) text[0] % 3];
	conf.thin = text[1] & 1;
	conf.clearance = text[2] & 15;
	event.classes = text + 3;
	line = strchr(event.classes, '\n');
	if (line == NULL)
		return;
	*line = '\0';
	/* these are the publisher's own: a digit, a sign and a name each, one blank between */
	for (char *p = event.classes; *p; p++)
		if (p == event.classes || p[-1] == ' ')
			*p = '0' + (*p & 3);
	event.body = line + 1;
	event.body_len = strlen(event.body);
	initStringInfo(&out);
	initStringInfo(&headers);
	(void) oe_body_as_is(&conf, &event);
	(void) oe_body_write(&conf, &event, conf.format, &out, &headers);
	/* a line end in a header would begin another one; JSON has none in a string that is not escaped */
	if (strpbrk(event.body, "\r\n") == NULL)
		fuzz_must(strchr(headers.data, '\r') == NULL);
	fuzz_walk(out.data, out.data, out.data + out.len, 0);
	pfree(out.data);
	pfree(headers.data);
}

static void
fuzz_answer(char *text, size_t len)
{
	OeHttpRequest *req = calloc(1, sizeof(OeHttpRequest));
	char	   *end = text + len;

	req->common.response = malloc(100);
	req->response_room = 100;
	req->kind = len & 1 ? OE_ASK_HANDSHAKE : 0;
	while (text < end)
	{
		char	   *line = memchr(text, '\n', end - text);
		size_t		n = (line ? line + 1 : end) - text;
		char	   *copy = malloc(n);	/* as long as it is, not terminated */
		size_t		taken;

		memcpy(copy, text, n);
		taken = oe_on_header(copy, 1, n, req);
		if (n == 1)
			taken = oe_on_body(text, 1, end - text, req);
		free(copy);
		if (n == 1 || taken == 0)
			break;
		text += n;
	}
	fuzz_must(req->common.retry_after >= -1 && req->common.retry_after <= 86400);
	fuzz_must(req->common.response_len <= req->response_room);
	free(req->common.response);
	free(req);
}

static void
fuzz_address(char *text)
{
	struct in_addr v4;
	char		dress[64];
	unsigned char b[4];

	(void) oe_address_text_allowed(text, false, NULL, 0);
	(void) oe_address_text_allowed(text, true, NULL, 0);
	if (inet_pton(AF_INET, text, &v4) != 1)
		return;
	memcpy(b, &v4, 4);
	if (oe_address_text_allowed(text, false, NULL, 0))
		return;
	snprintf(dress, sizeof(dress), "::ffff:%s", text);
	fuzz_must(!oe_address_text_allowed(dress, false, NULL, 0));
	snprintf(dress, sizeof(dress), "64:ff9b::%s", text);
	fuzz_must(!oe_address_text_allowed(dress, false, NULL, 0));
	snprintf(dress, sizeof(dress), "64:ff9b:1::%s", text);
	fuzz_must(!oe_address_text_allowed(dress, false, NULL, 0));
	snprintf(dress, sizeof(dress), "::%s", text);
	fuzz_must(!oe_address_text_allowed(dress, false, NULL, 0));
	snprintf(dress, sizeof(dress), "2002:%02x%02x:%02x%02x::1", b[0], b[1], b[2], b[3]);
	fuzz_must(!oe_address_text_allowed(dress, false, NULL, 0));
}

static void
fuzz_schedule(char *text)
{
	OeCron		cron;

	if (oe_cron_parse(text, &cron) != NULL)
		return;
	for (int i = 0; i < 5; i++)
		fuzz_must(cron.fields[i] != 0 && cron.fields[i] >> (oe_fields[i].most + 1) == 0);
}

static void
fuzz_url(char *text)
{
	bool		plain;
	char	   *host = oe_url_host(text, &plain, "url");

	fuzz_must(host[0] != '\0');
	for (unsigned char *s = (unsigned char *) host; *s; s++)
		fuzz_must(*s > ' ' && *s < 0x7f && *s != '@' && *s != '/');
}

/*
 * All but the buffers that body.c keeps.
 */
static void
fuzz_free_rest(void)
{
	/* first, because what is asked for the first time is made */
	void	   *kept[3] = {oe_scratch(0)->data, oe_scratch(1)->data, oe_scratch(2)->data};

	for (int i = 0; i < fuzz_nblocks; i++)
		if (fuzz_blocks[i] != kept[0] && fuzz_blocks[i] != kept[1] && fuzz_blocks[i] != kept[2])
		{
			free(fuzz_blocks[i]);
			fuzz_blocks[i] = NULL;
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text;

	if (size < 1)
		return 0;
	if (oe_used_proxy == NULL)
		(void) oe_http_settings_changed();
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (sigsetjmp(fuzz_error, 0) == 0)
		switch (data[0])
		{
			case 's':
				fuzz_walk(text, text, text + strlen(text), 0);
				break;
			case 'b':
				fuzz_body(text, size - 1);
				break;
			case 'h':
				fuzz_answer(text, size - 1);
				break;
			case 'a':
				fuzz_address(text);
				break;
			case 'c':
				fuzz_schedule(text);
				break;
			case 'u':
				fuzz_url(text);
				break;
			default:
				break;
		}
	fuzz_free_rest();
	free(text);
	return 0;
}
