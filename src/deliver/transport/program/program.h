/*
 * program.h
 *	  Brokers as endpoints: a transport whose work a helper program does.
 *
 * Worker only.  One process per kind of broker, each subscription a connection
 * in it.  Its socket is in the transports' one wait.
 */
#ifndef OE_DELIVER_TRANSPORT_PROGRAM_PROGRAM_H
#define OE_DELIVER_TRANSPORT_PROGRAM_PROGRAM_H

#include "postgres.h"

typedef struct OeTransport OeTransport;

extern OeTransport oe_program_transport;

#endif							/* OE_DELIVER_TRANSPORT_PROGRAM_PROGRAM_H */
