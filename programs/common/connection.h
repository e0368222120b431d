/*
 * connection.h
 *	  A connection of the worker's: its queue, its messages under way, its
 *	  thread.
 *
 * The reading thread appends to the queue.  The thread of the connection takes
 * messages, gives them to the library and answers them.  Callbacks of the
 * library, in threads of its own, may answer too.
 */
#ifndef OE_PROGRAMS_COMMON_CONNECTION_H
#define OE_PROGRAMS_COMMON_CONNECTION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/message.h"

typedef struct OeList
{
	OeMessage  *first;
	OeMessage  *last;
} OeList;

struct OeConnection
{
	OeConnection *next;			/* of the reading thread's list */
	uint32_t	id;
	char	   *text;			/* the JSON that config was made of */
	OeConfig   *config;
	const OeLibrary *library;
	int			wake;			/* eventfd: something was queued, or the end */

	pthread_mutex_t lock;		/* protects what follows */
	pthread_cond_t room;
	OeList		queue;
	OeList		under_way;
	unsigned	pending;		/* messages in both lists, and claimed */
	unsigned	n_under_way;
	size_t		pending_bytes;
	bool		closing;
	bool		asleep;			/* the thread waits for wake */
	bool		said;			/* a state was reported */
	bool		up;
	char		state[512];
};

/* ms of a clock that is never set. */
extern int64_t oe_now(void);

/* Ends oe_connection_wait(); any thread. */
extern void oe_connection_wake(OeConnection *c);

/* For the reading thread. */
extern OeConnection *oe_connection_open(const OeLibrary *library, uint32_t id, const char *text);
extern void oe_connection_close(OeConnection *c, const char *why);
extern bool oe_connection_full(OeConnection *c);
extern void oe_connection_queue(OeConnection *c, OeMessage *m);
extern bool oe_connection_abandon(OeConnection *c, uint64_t item);

/* For the thread of the connection and the library's callbacks. */
extern bool oe_connection_closing(OeConnection *c);
extern bool oe_connection_wait(OeConnection *c, int fd, short events, int timeout);
extern OeMessage *oe_connection_take(OeConnection *c);
extern OeMessage *oe_connection_claim(OeConnection *c, uint64_t number);
extern OeMessage *oe_connection_claim_first(OeConnection *c, bool (*fits) (const OeMessage *m, const void *argument), const void *argument);
extern OeMessage *oe_connection_claim_largest(OeConnection *c);
extern unsigned oe_connection_count(OeConnection *c);
extern void oe_connection_state(OeConnection *c, bool up, const char *format,...) __attribute__((format(printf, 3, 4)));
extern bool oe_connection_overdue(OeConnection *c);
extern bool oe_connection_stale(OeConnection *c);
extern void oe_connection_fail(OeConnection *c, const char *format,...) __attribute__((format(printf, 2, 3)));
extern void oe_connection_back_off(OeConnection *c, int failures, const char *why);

/* Each answers a message that is under way or claimed, and frees it. */
extern void oe_acknowledge(OeMessage *m);
extern void oe_refuse(OeMessage *m, const char *format,...) __attribute__((format(printf, 2, 3)));
extern void oe_retry(OeMessage *m, bool persisted, const char *format,...) __attribute__((format(printf, 3, 4)));

#endif							/* OE_PROGRAMS_COMMON_CONNECTION_H */
