/*
 * message.h
 *	  A message on its way to the broker.
 *
 * Made by the reading thread.  It belongs to its connection's queue, then to
 * the connection's list of messages under way, until oe_answer_...() sends the
 * worker its answer and frees it.
 */
#ifndef OE_PROGRAMS_COMMON_MESSAGE_H
#define OE_PROGRAMS_COMMON_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct OeConnection OeConnection;

/* Bytes with a zero behind them that does not count; data is NULL for none. */
typedef struct OeString
{
	char	   *data;
	size_t		len;
} OeString;

typedef struct OeHeader
{
	OeString	name;
	OeString	value;
} OeHeader;

typedef struct OeMessage
{
	struct OeMessage *previous;
	struct OeMessage *next;
	OeConnection *connection;

	uint64_t	item;
	int64_t		timestamp;		/* ms since 1970, 0: none */
	uint32_t	flags;			/* OE_MESSAGE_ */
	uint32_t	expiry;			/* seconds, 0: none */
	OeString	topic;
	OeString	key;
	OeString	body;
	OeHeader   *headers;
	uint32_t	n_headers;
	size_t		size;			/* of the frame */

	int64_t		deadline;		/* ms of oe_now() */
	bool		claimed;		/* in no list: whoever claimed it answers it */
	bool		sent;			/* the broker may have it */
	bool		abandoned;		/* the worker wants no answer */

	/* The library's name of it, for the thread of the connection. */
	uint64_t	number;

	char		bytes[];		/* what the strings point into */
} OeMessage;

/* Makes a message of a frame's payload, which is copied; NULL if the payload
 * is not well-formed or memory is short.  *connection is its first field. */
extern OeMessage *oe_message_parse(const char *payload, size_t len, uint32_t *connection);

/* The value of the header, or none.  The id of the event is found by any of
 * the names that it has in the bindings of CloudEvents. */
extern OeString oe_message_header(const OeMessage *m, const char *name);
extern OeString oe_message_event_header(const OeMessage *m, const char *attribute);

#endif							/* OE_PROGRAMS_COMMON_MESSAGE_H */
