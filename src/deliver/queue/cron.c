/*
 * cron.c
 *	  When a schedule fires (cron.h).
 *
 * Any process; pure functions, and the SQL function that checks a schedule.
 * As in crontab a day matches if its number or its weekday does where both
 * are restricted.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "deliver/queue/cron.h"

#define OE_DAYS_AHEAD (366 * 9) /* a 29th of February may be eight years away */
#define OE_MINUTES_PER_DAY (24 * 60)

static const struct
{
	const char *name;
	int			least;
	int			most;
}			oe_fields[5] = {
	{"minute", 0, 59},
	{"hour", 0, 23},
	{"day", 1, 31},
	{"month", 1, 12},
	{"weekday", 0, 7},			/* both 0 and 7 are Sunday */
};

/*
 * A number within the field's bounds; -1 if there is none.
 */
static int
oe_cron_number(const char **p, int least, int most)
{
	int			n = 0;

	if (**p < '0' || **p > '9')
		return -1;
	while (**p >= '0' && **p <= '9' && n < 1000)
		n = n * 10 + *(*p)++ - '0';
	return n >= least && n <= most ? n : -1;
}

/*
 * One item of a field's list: "*", "a", "a-b", each but "a" with "/step".
 */
static bool
oe_cron_item(const char **p, int field, uint64 *bits)
{
	int			most = oe_fields[field].most;
	int			from = oe_fields[field].least;
	int			to = field == 4 ? 6 : most;
	int			step = 1;
	bool		single = false;

	if (**p == '*')
		(*p)++;
	else
	{
		from = to = oe_cron_number(p, from, most);
		if (from < 0)
			return false;
		single = **p != '-';
		if (!single)
		{
			(*p)++;
			to = oe_cron_number(p, from, most);
			if (to < 0)
				return false;
		}
	}
	if (**p == '/' && !single)
	{
		(*p)++;
		step = oe_cron_number(p, 1, most);
		if (step < 0)
			return false;
	}
	for (int i = from; i <= to; i += step)
		*bits |= UINT64CONST(1) << (field == 4 ? i % 7 : i);
	return true;
}

static bool
oe_cron_field(const char *text, int field, uint64 *bits)
{
	const char *p = text;

	*bits = 0;
	for (;;)
	{
		if (!oe_cron_item(&p, field, bits))
			return false;
		if (*p == '\0')
			return true;
		if (*p++ != ',')
			return false;
	}
}

char *
oe_cron_parse(const char *text, OeCron *cron)
{
	char	   *copy = pstrdup(text);
	char	   *rest = copy;
	char	   *word;
	int			n = 0;

	memset(cron, 0, sizeof(*cron));
	while ((word = strsep(&rest, " \t")) != NULL)
	{
		if (*word == '\0')
			continue;
		if (n == 5)
			return pstrdup("It has more than five fields: minute, hour, day, month, weekday.");
		if (!oe_cron_field(word, n, &cron->fields[n]))
			return psprintf("Field %d (%s) is \"%s\": give *, a number from %d to %d, a range a-b, */n or a-b/n, or a list of these.",
							n + 1, oe_fields[n].name, word, oe_fields[n].least, oe_fields[n].most);
		if (n == 2)
			cron->any_day = strcmp(word, "*") == 0;
		if (n == 4)
			cron->any_weekday = strcmp(word, "*") == 0;
		n++;
	}
	pfree(copy);
	return n == 5 ? NULL : psprintf("It has %d fields of five: minute, hour, day, month, weekday.", n);
}

static bool
oe_cron_day(const OeCron *cron, int julian)
{
	int			year;
	int			month;
	int			day;
	bool		by_day;
	bool		by_weekday;

	j2date(julian, &year, &month, &day);
	if ((cron->fields[3] >> month & 1) == 0)
		return false;
	by_day = (cron->fields[2] >> day & 1) != 0;
	by_weekday = (cron->fields[4] >> j2day(julian) & 1) != 0;
	if (!cron->any_day && !cron->any_weekday)
		return by_day || by_weekday;
	return by_day && by_weekday;
}

pg_tz *
oe_cron_zone(const char *name)
{
	pg_tz	   *zone = strlen(name) > TZ_STRLEN_MAX ? NULL : pg_tzset(name);

	return zone != NULL && pg_tz_acceptable(zone) ? zone : NULL;
}

/*
 * When the zone's clock shows that minute, counted from the clock's midnight of
 * 2000-01-01.  A time that the clock skips in spring is the same time after the
 * change, one that it shows twice in autumn is the second.
 */
static TimestampTz
oe_cron_instant(pg_tz *zone, int day, int minute)
{
	struct pg_tm tm;

	if (zone == NULL)
		return ((int64) day * OE_MINUTES_PER_DAY + minute) * USECS_PER_MINUTE;
	memset(&tm, 0, sizeof(tm));
	j2date(POSTGRES_EPOCH_JDATE + day, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	tm.tm_hour = minute / 60;
	tm.tm_min = minute % 60;
	return ((int64) day * OE_MINUTES_PER_DAY + minute) * USECS_PER_MINUTE +
		(int64) DetermineTimeZoneOffset(&tm, zone) * USECS_PER_SEC;
}

/*
 * The minute of the zone's clock from which times after "after" are looked for:
 * three hours early, because clocks are set back.
 */
static int64
oe_cron_first(pg_tz *zone, TimestampTz after)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset = 0;

	if (zone == NULL)
		return after / USECS_PER_MINUTE + 1;	/* times are after 2000 */
	if (timestamp2tm(after, &offset, &tm, &fsec, NULL, zone) != 0)
		offset = 0;
	return Max((after - (int64) offset * USECS_PER_SEC) / USECS_PER_MINUTE - 3 * 60, 0);
}

TimestampTz
oe_cron_next(const OeCron *cron, TimestampTz after)
{
	int64		first = oe_cron_first(cron->zone, after);
	int			day = (int) (first / OE_MINUTES_PER_DAY);
	int			minute = (int) (first % OE_MINUTES_PER_DAY);

	for (int d = day; d < day + OE_DAYS_AHEAD; d++, minute = 0)
	{
		if (!oe_cron_day(cron, POSTGRES_EPOCH_JDATE + d))
			continue;
		for (; minute < OE_MINUTES_PER_DAY; minute++)
			if ((cron->fields[1] >> (minute / 60) & 1) != 0 && (cron->fields[0] >> (minute % 60) & 1) != 0)
			{
				TimestampTz at = oe_cron_instant(cron->zone, d, minute);

				if (at > after)
					return at;
			}
	}
	return PG_INT64_MAX;
}

PG_FUNCTION_INFO_V1(oe_sql_schedule_next);
PG_FUNCTION_INFO_V1(oe_sql_schedule_next_zone);

/*
 * The next time of a schedule; raises if it is none.
 */
static TimestampTz
oe_schedule_next(const char *schedule, TimestampTz after, pg_tz *zone)
{
	OeCron		cron;
	char	   *wrong = oe_cron_parse(schedule, &cron);
	TimestampTz next = 0;

	cron.zone = zone;
	if (wrong == NULL)
		next = oe_cron_next(&cron, Max(after, 0));
	if (wrong == NULL && next == PG_INT64_MAX)
		wrong = "No such day comes.";
	if (wrong)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"schedule\" is \"%s\"", schedule),
				 errdetail("%s", wrong),
				 errhint("schedule => '*/15 * * * *' is every quarter of an hour, '0 2 * * 1-5' at 02:00 UTC from Monday to Friday.")));
	return next;
}

/*
 * _schedule_next(schedule, after), of version 0.1.0: in UTC.
 */
Datum
oe_sql_schedule_next(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(oe_schedule_next(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_TIMESTAMPTZ(1), NULL));
}

/*
 * _schedule_next(schedule, after, timezone)
 */
Datum
oe_sql_schedule_next_zone(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	pg_tz	   *zone = oe_cron_zone(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"timezone\" is \"%s\", which is no time zone", name),
				 errhint("SELECT name FROM pg_catalog.pg_timezone_names;")));
	PG_RETURN_TIMESTAMPTZ(oe_schedule_next(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_TIMESTAMPTZ(1), zone));
}
