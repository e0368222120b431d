/*
 * flow_judge.h
 *	  Is what came in a bucket unusual?  Compares each flow with the weeks
 *	  before.
 */
#ifndef OE_PROCESS_FLOW_JUDGE_H
#define OE_PROCESS_FLOW_JUDGE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Weeks that are compared with, and buckets of each: the hour that ends with the
 * bucket, one before and one after it. */
#define OE_JUDGE_WEEKS 8
#define OE_JUDGE_HOUR 12
#define OE_JUDGE_SPAN (OE_JUDGE_HOUR + 2)
#define OE_JUDGE_BUCKETS ((OE_JUDGE_WEEKS + 1) * OE_JUDGE_SPAN)
#define OE_JUDGE_NOW OE_JUDGE_HOUR	/* the bucket's own place in its week */

/* What came in one bucket. */
typedef struct OeFlowCell
{
	bool		known;			/* not: no server, an announcement, or the
								 * flow is newer */
	int			n;
	int			requests;		/* of a flow of events: n */
	int			failures;
	float		p95;			/* seconds */
} OeFlowCell;

/* A flow's week 0 is this one, week 8 the oldest. */
typedef struct OeFlowHistory
{
	int			id;
	bool		of_requests;	/* a subscription's */
	OeFlowCell	cells[OE_JUDGE_WEEKS + 1][OE_JUDGE_SPAN];
} OeFlowHistory;

/* The numbers behind a judgement. */
typedef struct OeFlowVerdict
{
	const char *kind;			/* silence drop spike slow failing; NULL:
								 * nothing is unusual */
	int			since;			/* how many buckets before the one after this
								 * it began */
	double		n;
	double		expected;
	double		spread;
	double		low;
	double		high;
	double		score;
	bool		judged;			/* there is enough to compare with */
} OeFlowVerdict;

/* How much came. */
extern OeFlowVerdict oe_judge_count(const OeFlowHistory *flow, double score, double factor);

/* How long requests took, or publication did. */
extern OeFlowVerdict oe_judge_duration(const OeFlowHistory *flow, double score, double factor);

/* Which share of the requests failed. */
extern OeFlowVerdict oe_judge_failures(const OeFlowHistory *flow, double score);

#endif							/* OE_PROCESS_FLOW_JUDGE_H */
