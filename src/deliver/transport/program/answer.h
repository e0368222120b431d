/*
 * answer.h
 *	  The frames that come from a helper program.
 */
#ifndef OE_DELIVER_TRANSPORT_PROGRAM_ANSWER_H
#define OE_DELIVER_TRANSPORT_PROGRAM_ANSWER_H

#include "postgres.h"

typedef struct OeProgram OeProgram;

/* A frame from a program, as far as it is read. */
typedef struct OeAnswer
{
	char		kind;
	const char *p;
	const char *end;
	bool		broken;			/* it is shorter than it should be */
} OeAnswer;

extern bool oe_answer_next(OeProgram *program, OeAnswer *a, const char **why);
extern uint64 oe_answer_number(OeAnswer *a, int size);
extern void oe_answer_text(OeAnswer *a, char *text, Size size);
extern bool oe_answer_ready(OeAnswer *a);

#endif							/* OE_DELIVER_TRANSPORT_PROGRAM_ANSWER_H */
