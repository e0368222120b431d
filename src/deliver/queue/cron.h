/*
 * cron.h
 *	  When a schedule fires (cron.h).
 */
#ifndef OE_DELIVER_QUEUE_CRON_H
#define OE_DELIVER_QUEUE_CRON_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

typedef struct OeCron
{
	uint64		fields[5];		/* bits: minute, hour, day, month, weekday */
	bool		any_day;		/* the field said "*" */
	bool		any_weekday;
	pg_tz	   *zone;			/* whose clock it goes by; NULL: UTC.  Cached
								 * by PostgreSQL for the life of the process */
} OeCron;

/* Answers NULL, or what is wrong with the text (palloc'd). */
extern char *oe_cron_parse(const char *text, OeCron *cron);

/* The zone of that name; NULL if there is none. */
extern pg_tz *oe_cron_zone(const char *name);

/* The first time after "after"; PG_INT64_MAX if there is none. */
extern TimestampTz oe_cron_next(const OeCron *cron, TimestampTz after);

#endif							/* OE_DELIVER_QUEUE_CRON_H */
