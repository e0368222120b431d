/*
 * message.h
 *	  The frames that carry a subscription's configuration and its events to a
 *	  helper program.
 */
#ifndef OE_DELIVER_TRANSPORT_PROGRAM_MESSAGE_H
#define OE_DELIVER_TRANSPORT_PROGRAM_MESSAGE_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct OeConfiguration OeConfiguration;
typedef struct OeOutboxEvent OeOutboxEvent;

/* Where the item's number is in a message's frame. */
#define OE_FRAME_ITEM_AT 9

extern void oe_frame_configure(StringInfo out, uint32 connection, const OeConfiguration *conf);
extern void oe_frame_close(StringInfo out, uint32 connection);
extern void oe_frame_abandon(StringInfo out, uint64 item);
extern void oe_frame_message(StringInfo out, uint32 connection, uint64 item, const OeConfiguration *conf, const OeOutboxEvent *event,
							 bool tombstone);
extern const char *oe_message_body(const OeConfiguration *conf, const OeOutboxEvent *event, StringInfo scratch, StringInfo headers,
								   Size *len);
extern bool oe_message_deletes(const OeOutboxEvent *event);

#endif							/* OE_DELIVER_TRANSPORT_PROGRAM_MESSAGE_H */
