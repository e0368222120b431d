/*
 * answer.h
 *	  What the body of an answer says of the events that were sent.
 */
#ifndef OE_DELIVER_SETTLE_ANSWER_H
#define OE_DELIVER_SETTLE_ANSWER_H

#include "postgres.h"

typedef struct OeRequest OeRequest;

/* Lives as long as oe_answer_free() is not called. */
typedef struct OeBodyVerdict
{
	MemoryContext cxt;			/* NULL: nothing was read */
	char	   *reason;			/* why events are refused; NULL: none is */
	int			nrejected;		/* members of the batch that are refused; all
								 * of them: the whole request is */
	bool	   *rejected;		/* per member */
} OeBodyVerdict;

extern void oe_answer_read(OeRequest *req, OeBodyVerdict *answer);
extern const char *oe_answer_outcome(OeRequest *req, char *outcome);
extern void oe_answer_free(OeBodyVerdict *answer);

#endif							/* OE_DELIVER_SETTLE_ANSWER_H */
