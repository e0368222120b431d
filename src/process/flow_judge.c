/*
 * flow_judge.c
 *	  Is what came in a bucket unusual (flow_judge.h)?  Plain arithmetic.
 *
 * Expected is the median of the same five minutes of the last eight weeks and of
 * their neighbours, spread is 1.4826 times the median of the distances from it,
 * which is the standard deviation where the distances are normal.  Neither minds
 * a holiday or an outage in one of the weeks.  Something is unusual when two
 * buckets in a row are, in the same direction; of flows that are too thin for
 * that, when an hour is.
 */
#include "postgres.h"

#include <math.h>

#include "process/flow_judge.h"

#define OE_MAD_TO_SIGMA 1.4826
/* Half of the buckets that are compared with must be known. */
#define OE_LEAST_SAMPLES 12
#define OE_MOST_SAMPLES (OE_JUDGE_WEEKS * 3)
/* An hour is one look at many, and not confirmed by a second one. */
#define OE_HOUR_SCORE 2
/* Fewer events than these mean nothing. */
#define OE_LEAST_EXPECTED 10
#define OE_LEAST_MORE 10
#define OE_LEAST_REQUESTS 5
/* Seconds, and share of failures, that somebody would notice. */
#define OE_LEAST_SLOWER 0.5
#define OE_LEAST_FAILING 0.2

typedef double (*OeMeasure) (const OeFlowHistory *flow, int week, int at, int width, bool *known);

static int
oe_double_cmp(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static double
oe_median(double *values, int n)
{
	qsort(values, n, sizeof(double), oe_double_cmp);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/*
 * Events of "width" buckets that end with "at".
 */
static double
oe_count_of(const OeFlowHistory *flow, int week, int at, int width, bool *known)
{
	double		n = 0;

	for (int i = at - width + 1; i <= at; i++)
	{
		*known &= flow->cells[week][i].known;
		n += flow->cells[week][i].n;
	}
	return n;
}

static double
oe_duration_of(const OeFlowHistory *flow, int week, int at, int width, bool *known)
{
	const OeFlowCell *cell = &flow->cells[week][at];

	*known &= cell->known && cell->requests >= OE_LEAST_REQUESTS;
	return cell->p95;
}

static double
oe_failing_of(const OeFlowHistory *flow, int week, int at, int width, bool *known)
{
	const OeFlowCell *cell = &flow->cells[week][at];

	*known &= cell->known && cell->requests >= OE_LEAST_REQUESTS;
	return cell->requests > 0 ? (double) cell->failures / cell->requests : 0;
}

/*
 * Compares "width" buckets that end with "at" with those of the weeks before and
 * their neighbours.  "floor" is the least spread, as a share of what is expected
 * and by itself.  *zeros: how many of those compared with had nothing.
 */
static OeFlowVerdict
oe_compare(const OeFlowHistory *flow, OeMeasure measure, int at, int width, double share, double floor, int *zeros, int *nsamples)
{
	double		samples[OE_MOST_SAMPLES];
	OeFlowVerdict v = {0};
	bool		known = true;
	int			n = 0;

	*zeros = 0;
	v.n = measure(flow, 0, at, width, &known);
	for (int week = 1; known && week <= OE_JUDGE_WEEKS; week++)
		for (int i = at - 1; i <= at + 1; i++)
		{
			bool		there = true;
			double		x = measure(flow, week, i, width, &there);

			if (!there)
				continue;
			samples[n++] = x;
			*zeros += x == 0;
		}
	*nsamples = n;
	if (!known || n < OE_LEAST_SAMPLES)
		return v;
	v.judged = true;
	v.expected = oe_median(samples, n);
	for (int i = 0; i < n; i++)
		samples[i] = fabs(samples[i] - v.expected);
	v.spread = Max(OE_MAD_TO_SIGMA * oe_median(samples, n), Max(share * v.expected, floor));
	v.score = (v.n - v.expected) / v.spread;
	return v;
}

static OeFlowVerdict
oe_judge_counts(const OeFlowHistory *flow, int at, int width, double score, double factor)
{
	int			zeros;
	int			nsamples;
	OeFlowVerdict v = oe_compare(flow, oe_count_of, at, width, 0, width == 1 ? 1 : 2, &zeros, &nsamples);

	if (!v.judged)
		return v;
	/* what comes by itself varies by its root */
	v.spread = Max(v.spread, sqrt(v.expected));
	v.score = (v.n - v.expected) / v.spread;
	v.low = Max(Min(v.expected - score * v.spread, v.expected / factor), 0);
	v.high = Max(v.expected + score * v.spread, Max(v.expected * factor, v.expected + OE_LEAST_MORE));
	if (v.n == 0 && v.expected >= OE_LEAST_EXPECTED && zeros * 8 <= nsamples)
		v.kind = "silence";
	else if (v.score <= -score && v.n <= v.low)
		v.kind = v.n == 0 ? "silence" : "drop";
	else if (v.score >= score && v.n >= v.high)
		v.kind = "spike";
	return v;
}

OeFlowVerdict
oe_judge_count(const OeFlowHistory *flow, double score, double factor)
{
	OeFlowVerdict v = oe_judge_counts(flow, OE_JUDGE_NOW, 1, score, factor);
	OeFlowVerdict before = oe_judge_counts(flow, OE_JUDGE_NOW - 1, 1, score, factor);
	OeFlowVerdict hour;

	v.since = 2;
	if (v.kind != NULL && before.kind != NULL && (v.score > 0) == (before.score > 0))
		return v;
	v.kind = NULL;
	hour = oe_judge_counts(flow, OE_JUDGE_NOW, OE_JUDGE_HOUR, score * OE_HOUR_SCORE, factor);
	hour.since = OE_JUDGE_HOUR;
	return hour.kind != NULL ? hour : v;
}

/*
 * A figure that is unusual only when it is high, twice in a row.
 */
static OeFlowVerdict
oe_judge_high(const OeFlowHistory *flow, OeMeasure measure, const char *kind, double score, double factor, double share, double floor, double more)
{
	OeFlowVerdict v = {0};

	for (int at = OE_JUDGE_NOW - 1; at <= OE_JUDGE_NOW; at++)
	{
		int			unused;

		v = oe_compare(flow, measure, at, 1, share, floor, &unused, &unused);
		v.high = Max(v.expected + score * v.spread, Max(v.expected * factor, v.expected + more));
		if (!v.judged || v.n < v.high)
			return v;
	}
	v.since = 2;
	v.kind = kind;
	return v;
}

OeFlowVerdict
oe_judge_duration(const OeFlowHistory *flow, double score, double factor)
{
	return oe_judge_high(flow, oe_duration_of, "slow", score, factor, 0.1, 0.05, OE_LEAST_SLOWER);
}

OeFlowVerdict
oe_judge_failures(const OeFlowHistory *flow, double score)
{
	return oe_judge_high(flow, oe_failing_of, "failing", score, 1, 0, 0.05, OE_LEAST_FAILING);
}
