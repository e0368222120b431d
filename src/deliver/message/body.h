/*
 * body.h
 *	  An event as one subscription gets it: format, thinning, redaction.
 */
#ifndef OE_DELIVER_MESSAGE_BODY_H
#define OE_DELIVER_MESSAGE_BODY_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct OeConfiguration OeConfiguration;
typedef struct OeOutboxEvent OeOutboxEvent;

#define OE_CE_HEADERS 32

extern bool oe_body_as_is(const OeConfiguration *conf, const OeOutboxEvent *event);
extern int	oe_body_write(const OeConfiguration *conf, const OeOutboxEvent *event, char format, StringInfo out, StringInfo headers);

/* Answers why the event cannot be rendered, or NULL. */
extern char *oe_body_try(const OeConfiguration *conf, const OeOutboxEvent *event, char format, StringInfo out, StringInfo headers,
						 int *nheaders);

#endif							/* OE_DELIVER_MESSAGE_BODY_H */
