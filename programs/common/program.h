/*
 * program.h
 *	  What a helper program must offer, and what it gets for that.
 *
 * A program has one thread that reads frames of the worker (program.c), one
 * that writes answers (answer.c), and one for each connection (connection.c),
 * which runs the library's code in OeLibrary.run().
 */
#ifndef OE_PROGRAMS_COMMON_PROGRAM_H
#define OE_PROGRAMS_COMMON_PROGRAM_H

#include "common/connection.h"

/* A broker's client library; each program has one. */
typedef struct OeLibrary
{
	const char *program;		/* "odoo_events_kafka" */
	const char *library;		/* "librdkafka" */
	const char *(*version) (void);

	/*
	 * Schemes of URLs without and with TLS, each list ends with NULL, and the
	 * default ports.
	 */
	const char *plain_schemes[3];
	const char *tls_schemes[3];
	int			plain_port;
	int			tls_port;

	/* Once, before the first thread is started. */
	void		(*start) (void);

	/*
	 * The thread of a connection.  Connects, sends what oe_connection_take()
	 * gives, answers each message, and returns soon after
	 * oe_connection_closing() says so.  Messages that it has not answered by
	 * then are answered by the caller.
	 */
	void		(*run) (OeConnection *c);
} OeLibrary;

/* Serves the worker until its socket is closed; never returns. */
extern void oe_program_main(const OeLibrary *library, int argc, char **argv);

#endif							/* OE_PROGRAMS_COMMON_PROGRAM_H */
