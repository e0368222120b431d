/*
 * process.h
 *	  A helper program as a process: started, spoken to by frames, ended.
 *
 * Worker only.  Nothing here waits, and only lack of memory raises.
 */
#ifndef OE_DELIVER_TRANSPORT_PROGRAM_PROCESS_H
#define OE_DELIVER_TRANSPORT_PROGRAM_PROCESS_H

#include "postgres.h"

#include <sys/types.h>

#include "lib/ilist.h"
#include "lib/stringinfo.h"

#define OE_PROGRAM_KIND_LEN 16

/* One kind of broker; made when first needed, never freed. */
typedef struct OeProgram
{
	dlist_node	node;			/* in oe_programs */
	char		kind[OE_PROGRAM_KIND_LEN];	/* kafka, nats, mqtt, amqp */
	pid_t		pid;			/* 0: it does not run */
	int			fd;				/* our end of its socket */
	int			run;			/* counts its starts */
	int64		started_at;		/* us, monotonic; 0: never */
	int64		heard_at;		/* when the latest bytes came from it */
	int64		check_at;		/* when the next message could be overdue; 0:
								 * none */
	bool		readable;		/* what the one wait has said */
	bool		full;			/* its socket takes no more at present */
	StringInfoData out;			/* frames for it; "sent" bytes are gone */
	int			sent;
	StringInfoData in;			/* what came from it; "taken" bytes are done */
	int			taken;
	dlist_head	requests;		/* OeProgramRequest.link: handed over to it */
	int		   *connections;	/* ids of subscriptions configured in it */
	int			nconnections;
	char		ended[256];		/* why it does not run, or is not to go on */
} OeProgram;

extern OeProgram *oe_program_of(const char *kind);
extern char *oe_program_path(const char *kind);
extern bool oe_program_start(OeProgram *program);
extern bool oe_program_write(OeProgram *program);
extern bool oe_program_read(OeProgram *program);
extern void oe_program_end(OeProgram *program, const char *reason);
extern void oe_program_leave(OeProgram *program);
extern bool oe_program_reap(void);

/* Bytes that wait for it. */
static inline int
oe_program_unsent(const OeProgram *program)
{
	return program->out.len - program->sent;
}

extern dlist_head oe_programs;

#endif							/* OE_DELIVER_TRANSPORT_PROGRAM_PROCESS_H */
