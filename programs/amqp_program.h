/*
 * amqp_program.h
 *	  The parts of odoo_events_amqp.
 */
#ifndef OE_PROGRAMS_AMQP_PROGRAM_H
#define OE_PROGRAMS_AMQP_PROGRAM_H

#include <amqp.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/program.h"

#define OE_CHANNEL 1

/* A connection to a broker, of the thread of an OeConnection. */
typedef struct OeRabbit
{
	OeConnection *connection;
	amqp_connection_state_t amqp;
	const char *exchange;
	uint64_t	tag;			/* of the last message published */
	unsigned	under_way;		/* published and not confirmed */
	bool		blocked;		/* the broker takes nothing at present */
	char		shortage[100];	/* then: of what it is short */
	bool		lost;
	int			code;			/* of a channel that the broker closed */
	char		error[300];
} OeRabbit;

/* amqp_frames.c: publishes a message; handles one frame of the broker. */
extern void oe_amqp_publish(OeRabbit *r, OeMessage *m);
extern void oe_amqp_frame(OeRabbit *r, const amqp_frame_t * frame);

/* Keeps what the broker said when it closed a channel or the connection. */
extern void oe_amqp_closed(OeRabbit *r, const amqp_method_t * method);

#endif							/* OE_PROGRAMS_AMQP_PROGRAM_H */
