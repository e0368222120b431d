/*
 * answer.c
 *	  Takes the frames that come from a helper program apart.
 *
 * Worker only; no memory, no errors.  Nothing that a program sends is trusted.
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "deliver/transport/program/answer.h"
#include "deliver/transport/program/frame.h"
#include "deliver/transport/program/process.h"

#define OE_ANSWER_MAX (1024 * 1024) /* bytes of one frame */
#define OE_READY_MAX 400

uint64
oe_answer_number(OeAnswer *a, int size)
{
	uint64		n = 0;

	if (a->end - a->p < size)
	{
		a->broken = true;
		return 0;
	}
	for (int i = 0; i < size; i++)
		n = n << 8 | (unsigned char) *a->p++;
	return n;
}

/*
 * A string, cut to the size of "text".
 */
void
oe_answer_text(OeAnswer *a, char *text, Size size)
{
	uint64		len = oe_answer_number(a, sizeof(uint32));

	text[0] = '\0';
	if (a->broken || len == OE_FRAME_NULL)
		return;
	if (len > a->end - a->p)
	{
		a->broken = true;
		return;
	}
	strlcpy(text, a->p, Min(len + 1, size));
	a->p += len;
}

/*
 * What a program says about itself.  One that speaks another protocol is not
 * the one that belongs to this library.
 */
bool
oe_answer_ready(OeAnswer *a)
{
	char		text[OE_READY_MAX];
	char		protocol[32];

	oe_answer_text(a, text, sizeof(text));
	snprintf(protocol, sizeof(protocol), "\"protocol\":%d", OE_PROGRAM_PROTOCOL);
	for (char *c = text; *c; c++)
		if (*c == ' ')
			memmove(c, c + 1, strlen(c));
	return !a->broken && strstr(text, protocol) != NULL;
}

/*
 * The next frame that has come whole; false if there is none.  Then *why is
 * NULL, or says what is wrong with what has come.
 */
bool
oe_answer_next(OeProgram *program, OeAnswer *a, const char **why)
{
	uint32		len;
	const char *at = program->in.data + program->taken;
	int			there = program->in.len - program->taken;

	*why = NULL;
	if (there < (int) sizeof(len))
		return false;
	memcpy(&len, at, sizeof(len));
	len = pg_ntoh32(len);
	if (len == 0 || len > OE_ANSWER_MAX)
	{
		*why = "sent a frame of an impossible length";
		return false;
	}
	if (there - sizeof(len) < len)
		return false;
	a->kind = at[sizeof(len)];
	a->p = at + sizeof(len) + 1;
	a->end = at + sizeof(len) + len;
	a->broken = false;
	program->taken += sizeof(len) + len;
	return true;
}
