/*
 * poll.h
 *	  Asks an endpoint what became of events that it has accepted.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_POLL_H
#define OE_DELIVER_TRANSPORT_HTTP_POLL_H

#include "postgres.h"

#include "lib/ilist.h"

typedef struct OeConfiguration OeConfiguration;
typedef struct OeHttpRequest OeHttpRequest;
typedef struct OeRequest OeRequest;

/* One question.  Whoever asks makes it in the memory context of delivery, and
 * frees it when the answer was taken. */
typedef struct OePoll
{
	dlist_node	node;			/* of whoever asks */
	int			sub;			/* id of the subscription */
	char	   *location;		/* as the endpoint gave it, absolute */
	char	   *url;			/* where it is asked */
	bool		answered;
	char		outcome;		/* 'p'rocessed, 'f'ailed, 'w'aits */
	char	   *note;			/* what the answer says; NULL: nothing */
	int			wait;			/* seconds until the next question; -1: not
								 * told */
} OePoll;

/* The Location of an answer as an absolute URL, palloc'd; NULL: it cannot be
 * used, "why" says why. */
extern char *oe_poll_location(const OeConfiguration *conf, const char *location, const char **why);

/* Worker, outside of a transaction.  May raise, and then nothing was asked. */
extern void oe_poll_ask(OeConfiguration *conf, OePoll *poll);

/* "take" is called with each answer. */
extern void oe_poll_on_answer(void (*take) (OeRequest *req, OePoll *poll));

extern void oe_poll_answered(OeHttpRequest *req);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_POLL_H */
