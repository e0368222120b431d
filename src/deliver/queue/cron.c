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

TimestampTz
oe_cron_next(const OeCron *cron, TimestampTz after)
{
	int64		first = after / USECS_PER_MINUTE + 1;	/* times are after 2000 */
	int			day = (int) (first / (24 * 60));
	int			minute = (int) (first % (24 * 60));

	for (int d = day; d < day + OE_DAYS_AHEAD; d++, minute = 0)
	{
		if (!oe_cron_day(cron, POSTGRES_EPOCH_JDATE + d))
			continue;
		for (; minute < 24 * 60; minute++)
			if ((cron->fields[1] >> (minute / 60) & 1) != 0 && (cron->fields[0] >> (minute % 60) & 1) != 0)
				return ((int64) d * 24 * 60 + minute) * USECS_PER_MINUTE;
	}
	return PG_INT64_MAX;
}

PG_FUNCTION_INFO_V1(oe_sql_schedule_next);

/*
 * _schedule_next(schedule, after): raises if the schedule is none.
 */
Datum
oe_sql_schedule_next(PG_FUNCTION_ARGS)
{
	char	   *schedule = text_to_cstring(PG_GETARG_TEXT_PP(0));
	OeCron		cron;
	char	   *wrong = oe_cron_parse(schedule, &cron);
	TimestampTz next = wrong ? 0 : oe_cron_next(&cron, Max(PG_GETARG_TIMESTAMPTZ(1), 0));

	if (wrong == NULL && next == PG_INT64_MAX)
		wrong = "No such day comes.";
	if (wrong)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"schedule\" is \"%s\"", schedule),
				 errdetail("%s", wrong),
				 errhint("schedule => '*/15 * * * *' is every quarter of an hour, '0 2 * * 1-5' at 02:00 UTC from Monday to Friday.")));
	PG_RETURN_TIMESTAMPTZ(next);
}
