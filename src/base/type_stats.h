/*
 * type_stats.h
 *	  Counts the published events of each type, and what policies refuse to
 *	  each role.
 */
#ifndef OE_TYPE_STATS_H
#define OE_TYPE_STATS_H

#include "postgres.h"

#include "base/metrics.h"

/* Whoever publishes, once the events are written. */
extern void oe_metrics_published(OeMetrics *m, const char *type, TimestampTz at);

/* Any backend, when a policy refuses a call of this role. */
extern void oe_metrics_denied(OeMetrics *m, const char *role);

#endif							/* OE_TYPE_STATS_H */
