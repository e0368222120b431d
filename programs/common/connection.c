/*
 * connection.c
 *	  A connection of the worker's: its queue, its messages under way, its
 *	  thread.
 *
 *	  state of a message	then
 *	  queued				oe_connection_take(): under way
 *	  under way				oe_connection_claim(): the caller's alone
 *	  under way, claimed	oe_acknowledge(), oe_refuse(), oe_retry(): gone
 *	  queued, under way		oe_connection_fail(): gone
 *
 * A connection is closed in two steps, since its thread may sit in a call of the
 * library: oe_connection_close() sets "closing" and leaves; the thread, when it
 * returns from run(), answers what is left and frees the connection.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/answer.h"
#include "common/connection.h"
#include "common/program.h"
#include "deliver/transport/program/frame.h"

#define OE_BYTES_MAX (64u * 1024 * 1024)	/* of one connection */
#define OE_BACK_OFF_MAX 5000	/* ms */

int64_t
oe_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
oe_list_append(OeList *list, OeMessage *m)
{
	m->previous = list->last;
	m->next = NULL;
	if (list->last != NULL)
		list->last->next = m;
	else
		list->first = m;
	list->last = m;
}

static void
oe_list_remove(OeList *list, OeMessage *m)
{
	if (m->previous != NULL)
		m->previous->next = m->next;
	else
		list->first = m->next;
	if (m->next != NULL)
		m->next->previous = m->previous;
	else
		list->last = m->previous;
}

static void
oe_connection_free(OeConnection *c)
{
	close(c->wake);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->room);
	oe_config_free(c->config);
	free(c->text);
	free(c);
}

/*
 * The thread of a connection.  It owns the connection and frees it when run()
 * has returned, whoever else has forgotten it by then.
 */
static void *
oe_connection_thread(void *argument)
{
	OeConnection *c = argument;

	oe_policy_enter(&c->config->policy);
	c->library->run(c);
	oe_connection_fail(c, "the connection was closed");
	oe_connection_free(c);
	return NULL;
}

/*
 * Opens a connection; answers NULL and tells the worker if that is impossible.
 */
OeConnection *
oe_connection_open(const OeLibrary *library, uint32_t id, const char *text)
{
	char		why[200] = "out of memory";
	OeConnection *c = calloc(1, sizeof(OeConnection));
	pthread_t	thread;
	pthread_condattr_t monotonic;

	if (c == NULL)
	{
		oe_answer_state(id, false, why);
		return NULL;
	}
	c->id = id;
	c->library = library;
	c->text = strdup(text);
	c->config = oe_config_parse(library, text, why, sizeof(why));
	c->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->room, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (c->config == NULL || c->text == NULL || c->wake < 0 ||
		pthread_create(&thread, NULL, oe_connection_thread, c) != 0)
	{
		oe_answer_state(id, false, why);
		oe_connection_free(c);
		return NULL;
	}
	pthread_detach(thread);
	return c;
}

void
oe_connection_wake(OeConnection *c)
{
	uint64_t	one = 1;

	if (write(c->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		_exit(1);
}

/*
 * Answers with 'T' what waits or is under way.  Messages that the library still
 * refers to must not be answered by it afterwards.
 */
static void
oe_fail_locked(OeConnection *c, const char *text)
{
	for (int round = 0; round < 2; round++)
	{
		OeList	   *list = round == 0 ? &c->under_way : &c->queue;
		OeMessage  *m;

		while ((m = list->first) != NULL)
		{
			oe_list_remove(list, m);
			c->pending--;
			c->pending_bytes -= m->size;
			if (!m->abandoned)
				oe_answer_item(OE_FRAME_RETRY, m->item, m->sent, text);
			free(m->headers);
			free(m);
		}
	}
	c->n_under_way = 0;
	pthread_cond_broadcast(&c->room);
}

/*
 * Answers with "retry" all that waits or is under way; for the thread of the
 * connection when its session is over.
 */
void
oe_connection_fail(OeConnection *c, const char *format,...)
{
	char		text[600];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&c->lock);
	oe_fail_locked(c, text);
	pthread_mutex_unlock(&c->lock);
}

/*
 * Has the thread of the connection end.  The caller forgets the connection.
 */
void
oe_connection_close(OeConnection *c, const char *why)
{
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	snprintf(c->state, sizeof(c->state), "%s", why);
	oe_connection_wake(c);
	pthread_mutex_unlock(&c->lock);
}

/* Is the thread to return from run()? */
bool
oe_connection_closing(OeConnection *c)
{
	bool		closing;

	pthread_mutex_lock(&c->lock);
	closing = c->closing;
	pthread_mutex_unlock(&c->lock);
	return closing;
}

/*
 * Waits for up to 100 ms for room for another message; answers whether there
 * still is none.
 */
bool
oe_connection_full(OeConnection *c)
{
	struct timespec until;
	bool		full;

	pthread_mutex_lock(&c->lock);
	full = c->pending >= c->config->max_pending || c->pending_bytes >= OE_BYTES_MAX;
	if (full)
	{
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 100000000;
		if (until.tv_nsec >= 1000000000)
		{
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&c->room, &c->lock, &until);
	}
	full = c->pending >= c->config->max_pending || c->pending_bytes >= OE_BYTES_MAX;
	pthread_mutex_unlock(&c->lock);
	return full;
}

/*
 * Takes a message over from the reading thread, and wakes the thread of the
 * connection if it waits.
 */
void
oe_connection_queue(OeConnection *c, OeMessage *m)
{
	m->connection = c;
	m->deadline = oe_now() + c->config->send_timeout;
	pthread_mutex_lock(&c->lock);
	oe_list_append(&c->queue, m);
	c->pending++;
	c->pending_bytes += m->size;
	if (c->asleep)
		oe_connection_wake(c);
	pthread_mutex_unlock(&c->lock);
}

/*
 * Forgets an item: one that waits is removed, one under way gets no answer.
 */
bool
oe_connection_abandon(OeConnection *c, uint64_t item)
{
	OeMessage  *m;

	pthread_mutex_lock(&c->lock);
	for (m = c->under_way.first; m != NULL && m->item != item; m = m->next)
		;
	if (m != NULL)
		m->abandoned = true;
	else
	{
		for (m = c->queue.first; m != NULL && m->item != item; m = m->next)
			;
		if (m != NULL)
		{
			oe_list_remove(&c->queue, m);
			c->pending--;
			c->pending_bytes -= m->size;
			free(m->headers);
			free(m);
		}
	}
	pthread_mutex_unlock(&c->lock);
	return m != NULL;
}

/*
 * Waits until something was queued, the connection is to be closed, the
 * descriptor is ready (fd < 0: there is none) or ms have passed (-1: without
 * end).  Answers whether the descriptor is ready.
 */
bool
oe_connection_wait(OeConnection *c, int fd, short events, int timeout)
{
	struct pollfd fds[2] = {{c->wake, POLLIN, 0}, {fd, events, 0}};
	uint64_t	count;
	bool		now;

	pthread_mutex_lock(&c->lock);
	now = c->closing || c->queue.first != NULL;
	c->asleep = true;
	pthread_mutex_unlock(&c->lock);
	if (poll(fds, fd < 0 ? 1 : 2, now ? 0 : timeout) < 0)
		fds[0].revents = fds[1].revents = 0;
	pthread_mutex_lock(&c->lock);
	c->asleep = false;
	pthread_mutex_unlock(&c->lock);
	if (fds[0].revents != 0 && read(c->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return false;
	return fd >= 0 && fds[1].revents != 0;
}

/*
 * The next message that waits, which is under way from now on; NULL if there is
 * none.
 */
OeMessage *
oe_connection_take(OeConnection *c)
{
	OeMessage  *m;

	pthread_mutex_lock(&c->lock);
	m = c->closing ? NULL : c->queue.first;
	if (m != NULL)
	{
		oe_list_remove(&c->queue, m);
		oe_list_append(&c->under_way, m);
		c->n_under_way++;
	}
	pthread_mutex_unlock(&c->lock);
	return m;
}

/* Takes a message off the list; the caller holds the lock. */
static OeMessage *
oe_claim_locked(OeConnection *c, OeMessage *m)
{
	if (m != NULL)
	{
		oe_list_remove(&c->under_way, m);
		c->n_under_way--;
		m->claimed = true;
	}
	return m;
}

/*
 * The message under way that the library calls by this number, for the caller
 * to answer; NULL if it has an answer already.  Answers mostly come in order,
 * so it is found at the beginning of the list.
 */
OeMessage *
oe_connection_claim(OeConnection *c, uint64_t number)
{
	OeMessage  *m;

	pthread_mutex_lock(&c->lock);
	for (m = c->under_way.first; m != NULL && m->number != number; m = m->next)
		;
	m = oe_claim_locked(c, m);
	pthread_mutex_unlock(&c->lock);
	return m;
}

/*
 * The oldest message under way that fits, likewise.  Messages that the library
 * has not got yet have no number and do not fit.
 */
OeMessage *
oe_connection_claim_first(OeConnection *c, bool (*fits) (const OeMessage *m, const void *argument), const void *argument)
{
	OeMessage  *m;

	pthread_mutex_lock(&c->lock);
	for (m = c->under_way.first; m != NULL && (m->number == 0 || !fits(m, argument)); m = m->next)
		;
	m = oe_claim_locked(c, m);
	pthread_mutex_unlock(&c->lock);
	return m;
}

/*
 * The largest message under way, likewise.
 */
OeMessage *
oe_connection_claim_largest(OeConnection *c)
{
	OeMessage  *largest;

	pthread_mutex_lock(&c->lock);
	largest = c->under_way.first;
	for (OeMessage *m = largest; m != NULL; m = m->next)
		if (m->size > largest->size)
			largest = m;
	largest = oe_claim_locked(c, largest);
	pthread_mutex_unlock(&c->lock);
	return largest;
}

/*
 * How many messages are under way?
 */
unsigned
oe_connection_count(OeConnection *c)
{
	unsigned	n;

	pthread_mutex_lock(&c->lock);
	n = c->n_under_way;
	pthread_mutex_unlock(&c->lock);
	return n;
}

/*
 * Has the oldest message under way been without an answer for too long?
 */
bool
oe_connection_overdue(OeConnection *c)
{
	bool		overdue;

	pthread_mutex_lock(&c->lock);
	overdue = c->under_way.first != NULL && c->under_way.first->deadline <= oe_now();
	pthread_mutex_unlock(&c->lock);
	return overdue;
}

/*
 * Has the oldest message that waits, not yet under way, done so for too long?
 */
bool
oe_connection_stale(OeConnection *c)
{
	bool		stale;

	pthread_mutex_lock(&c->lock);
	stale = c->queue.first != NULL && c->queue.first->deadline <= oe_now();
	pthread_mutex_unlock(&c->lock);
	return stale;
}

/*
 * Tells the worker that the connection is up or down, if that is news.
 */
void
oe_connection_state(OeConnection *c, bool up, const char *format,...)
{
	char		text[sizeof(c->state)];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&c->lock);
	if (!c->closing && (!c->said || c->up != up || strcmp(c->state, text) != 0))
	{
		oe_answer_state(c->id, up, text);
		snprintf(c->state, sizeof(c->state), "%s", text);
		c->said = true;
		c->up = up;
	}
	pthread_mutex_unlock(&c->lock);
}

/*
 * After a failed attempt: waits before the next one, longer after each failure,
 * and answers what arrives meanwhile.  A ping ends the wait.
 */
void
oe_connection_back_off(OeConnection *c, int failures, const char *why)
{
	int			pause = 100 << (failures < 6 ? failures : 6);
	int64_t		until = oe_now() + (pause < OE_BACK_OFF_MAX ? pause : OE_BACK_OFF_MAX);
	bool		ping = false;

	oe_connection_state(c, false, "%s", why);
	oe_connection_fail(c, "%s", why);
	while (!ping && oe_now() < until && !oe_connection_closing(c))
	{
		oe_connection_wait(c, -1, 0, (int) (until - oe_now()) + 1);
		pthread_mutex_lock(&c->lock);
		ping = c->queue.first != NULL && (c->queue.first->flags & OE_MESSAGE_PING);
		if (!ping)
			oe_fail_locked(c, why);
		pthread_mutex_unlock(&c->lock);
	}
}

/* Sends the answer, with the item's state taken along under the lock. */
static void
oe_finish(OeMessage *m, char kind, bool persisted, const char *text)
{
	OeConnection *c = m->connection;

	pthread_mutex_lock(&c->lock);
	if (!m->claimed)
		oe_claim_locked(c, m);
	c->pending--;
	c->pending_bytes -= m->size;
	pthread_cond_signal(&c->room);
	if (!m->abandoned)
		oe_answer_item(kind, m->item, persisted, text);
	pthread_mutex_unlock(&c->lock);
	free(m->headers);
	free(m);
}

void
oe_acknowledge(OeMessage *m)
{
	oe_finish(m, OE_FRAME_ACKNOWLEDGED, false, "");
}

void
oe_refuse(OeMessage *m, const char *format,...)
{
	char		text[600];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	oe_finish(m, OE_FRAME_REFUSED, false, text);
}

void
oe_retry(OeMessage *m, bool persisted, const char *format,...)
{
	char		text[600];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	oe_finish(m, OE_FRAME_RETRY, persisted, text);
}
