/*
 * answer.c
 *	  Frames to the worker.
 *
 * Answers are gathered while the thread that writes them is at work.  Where the
 * worker does not read, whoever answers waits, which bounds the memory.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/answer.h"
#include "deliver/transport/program/frame.h"

#define OE_BUFFER (1024 * 1024)
#define OE_TEXT_MAX 2000		/* bytes of a text; longer ones are cut */

static pthread_mutex_t oe_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t oe_filled = PTHREAD_COND_INITIALIZER;
static pthread_cond_t oe_emptied = PTHREAD_COND_INITIALIZER;
static char oe_buffers[2][OE_BUFFER];
static char *oe_buffer = oe_buffers[0];
static size_t oe_used;

/*
 * The thread that writes.  It sends one buffer while others fill the second
 * one.
 */
static void *
oe_write_answers(void *unused)
{
	(void) unused;
	for (;;)
	{
		char	   *from;
		size_t		len;

		pthread_mutex_lock(&oe_lock);
		while (oe_used == 0)
			pthread_cond_wait(&oe_filled, &oe_lock);
		from = oe_buffer;
		len = oe_used;
		oe_buffer = from == oe_buffers[0] ? oe_buffers[1] : oe_buffers[0];
		oe_used = 0;
		pthread_cond_broadcast(&oe_emptied);
		pthread_mutex_unlock(&oe_lock);
		while (len > 0)
		{
			ssize_t		n = send(OE_PROGRAM_FD, from, len, MSG_NOSIGNAL);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				_exit(0);		/* the worker is gone */
			from += n;
			len -= n;
		}
	}
	return NULL;
}

/* Starts the thread that writes; without it the program cannot work. */
void
oe_answer_start(void)
{
	pthread_t	thread;

	if (pthread_create(&thread, NULL, oe_write_answers, NULL) != 0)
		_exit(1);
}

/* A frame under construction; the longest has a kind, 9 bytes and a text. */
typedef struct OeFrame
{
	unsigned char bytes[5 + 9 + 4 + OE_TEXT_MAX];
	size_t		len;
} OeFrame;

static void
oe_put_integer(OeFrame *f, uint64_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		f->bytes[f->len++] = (unsigned char) (value >> (8 * i));
}

/* Appends a text, cut before a character of UTF-8 where it is too long; control
 * characters become spaces. */
static void
oe_put_text(OeFrame *f, const char *text)
{
	size_t		len = strlen(text);

	if (len > OE_TEXT_MAX)
		for (len = OE_TEXT_MAX; len > 0 && ((unsigned char) text[len] & 0xC0) == 0x80; len--)
			;
	oe_put_integer(f, len, 4);
	for (size_t i = 0; i < len; i++)
		f->bytes[f->len++] = (unsigned char) text[i] < ' ' ? ' ' : text[i];
}

/*
 * Completes a frame and hands it to the thread that writes; waits while the
 * buffer is full.
 */
static void
oe_send(OeFrame *f)
{
	size_t		len = f->len - 4;

	for (int i = 0; i < 4; i++)
		f->bytes[i] = (unsigned char) (len >> (8 * (3 - i)));
	pthread_mutex_lock(&oe_lock);
	while (oe_used + f->len > OE_BUFFER)
		pthread_cond_wait(&oe_emptied, &oe_lock);
	memcpy(oe_buffer + oe_used, f->bytes, f->len);
	if (oe_used == 0)
		pthread_cond_signal(&oe_filled);
	oe_used += f->len;
	pthread_mutex_unlock(&oe_lock);
}

static void
oe_begin(OeFrame *f, char kind)
{
	f->len = 4;
	oe_put_integer(f, (unsigned char) kind, 1);
}

void
oe_answer_ready(const char *json)
{
	OeFrame		f;

	oe_begin(&f, OE_FRAME_READY);
	oe_put_text(&f, json);
	oe_send(&f);
}

void
oe_answer_state(uint32_t connection, bool up, const char *text)
{
	OeFrame		f;

	oe_begin(&f, OE_FRAME_STATE);
	oe_put_integer(&f, connection, 4);
	oe_put_integer(&f, up, 1);
	oe_put_text(&f, text);
	oe_send(&f);
}

/* The answer to a message: K, F or T of frame.h. */
void
oe_answer_item(char kind, uint64_t item, bool persisted, const char *text)
{
	OeFrame		f;

	oe_begin(&f, kind);
	oe_put_integer(&f, item, 8);
	if (kind == OE_FRAME_RETRY)
		oe_put_integer(&f, persisted, 1);
	if (kind != OE_FRAME_ACKNOWLEDGED)
		oe_put_text(&f, text);
	oe_send(&f);
}
