/*
 * filter.h
 *	  Which events a subscription wants: types, filter, companies,
 *	  warehouses.
 */
#ifndef OE_DELIVER_QUEUE_FILTER_H
#define OE_DELIVER_QUEUE_FILTER_H

#include "postgres.h"

#include "lib/ilist.h"
#include "utils/jsonpath.h"

typedef struct OeOutboxRow OeOutboxRow;
typedef struct OeSub OeSub;

typedef enum OeVerdict
{
	OE_REFUSED,
	OE_WANTED,
	OE_UNJUDGED					/* it cannot be said */
} OeVerdict;

#define OE_UNJUDGED_TEXT "the filter could not be judged: "

/* What a filter says of an event. */
typedef struct OeJudgement
{
	OeVerdict	verdict;
	bool		unknown;		/* neither true nor false: refused */
	bool		slow;			/* its time was over */
	char		reason[256];	/* why it cannot be said */
} OeJudgement;

/* A filter, shared by all subscriptions that have the same one; the event that
 * it judged last, since an event never changes. */
typedef struct OeFilter
{
	dlist_node	node;
	int			refs;
	JsonPath   *path;
	int64		position;
	OeJudgement judgement;
} OeFilter;

extern OeVerdict oe_sub_judges(OeSub *sub, OeOutboxRow *row);
extern void oe_row_dies(OeSub *sub, const OeOutboxRow *row);
extern OeFilter *oe_filter_get(const JsonPath *path);
extern void oe_filter_release(OeFilter *filter);
extern void oe_outbox_row_done(OeOutboxRow *row);
extern void oe_filter_judge(JsonPath *filter, OeOutboxRow *row, OeJudgement *j);

#endif							/* OE_DELIVER_QUEUE_FILTER_H */
