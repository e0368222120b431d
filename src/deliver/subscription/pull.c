/*
 * pull.c
 *	  Filters and rendering for fetch(), the same as for sending.
 *
 * Any backend, in the caller's transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/watch.h"
#include "deliver/message/body.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/queue/filter.h"

#define OE_SLOW_TRIES 2			/* of judgements in a statement */

PG_FUNCTION_INFO_V1(oe_sql_filter_passes);
PG_FUNCTION_INFO_V1(oe_sql_filter_verdict);
PG_FUNCTION_INFO_V1(oe_sql_rendered);

/*
 * The judgement of one event's text, as the worker would make it.
 */
static void
oe_judge_text(text * event, JsonPath *filter, OeJudgement *j)
{
	OeOutboxRow row;
	bool		watched;

	memset(&row, 0, sizeof(row));
	row.body = VARDATA_ANY(event);
	row.body_len = VARSIZE_ANY_EXHDR(event);
	watched = oe_watch_on();
	PG_TRY();
	{
		oe_filter_judge(filter, &row, j);
	}
	PG_FINALLY();
	{
		oe_watch_off(watched);
	}
	PG_END_TRY();
}

/*
 * _filter_verdict(event, filter): null where the event passes, "false" or
 * "unknown" where it does not, else why that cannot be said.  A filter that is
 * null lets all pass.
 */
Datum
oe_sql_filter_verdict(PG_FUNCTION_ARGS)
{
	static TimestampTz statement = 0;
	static int	slow = 0;
	OeJudgement j;

	/* of an event that nothing is to be seen of nobody gets anything */
	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text("false"));
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	/* a statement that looks at many events is over in a bounded time, too */
	if (statement != GetCurrentStatementStartTimestamp())
	{
		statement = GetCurrentStatementStartTimestamp();
		slow = 0;
	}
	if (slow > OE_SLOW_TRIES)
		PG_RETURN_TEXT_P(cstring_to_text(psprintf(OE_UNJUDGED_TEXT "it took more than %d ms of processor time for others", oe_guc_filter_timeout)));
	oe_judge_text(PG_GETARG_TEXT_PP(0), PG_GETARG_JSONPATH_P(1), &j);
	slow += j.slow;
	if (j.verdict == OE_WANTED)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(j.verdict == OE_UNJUDGED ? j.reason : j.unknown ? "unknown" : "false"));
}

/*
 * _filter_passes(event, filter) of version 0.1.0, which an update script may
 * still have to find.
 */
Datum
oe_sql_filter_passes(PG_FUNCTION_ARGS)
{
	OeJudgement j;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(!PG_ARGISNULL(0));
	oe_judge_text(PG_GETARG_TEXT_PP(0), PG_GETARG_JSONPATH_P(1), &j);
	PG_RETURN_BOOL(j.verdict == OE_WANTED);
}

static char **
oe_texts(ArrayType *array, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	char	  **texts;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, n);
	texts = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		texts[i] = nulls[i] ? "" : TextDatumGetCString(values[i]);
	return texts;
}

/*
 * _rendered(event, classes, payload, clearance), or with fields behind them
 */
Datum
oe_sql_rendered(PG_FUNCTION_ARGS)
{
	OeConfiguration conf;
	OeOutboxEvent event;
	StringInfoData out;
	char	  **cleared;
	int			n;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	/* what the worker's memory is to it */
	if (oe_delivery.cxt == NULL)
		oe_delivery.cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events rendering", ALLOCSET_DEFAULT_SIZES);
	memset(&conf, 0, sizeof(conf));
	memset(&event, 0, sizeof(event));
	conf.format = 's';
	conf.thin = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(2)), "thin") == 0;
	cleared = oe_texts(PG_GETARG_ARRAYTYPE_P(3), &n);
	conf.clearance = oe_clearance_of(cleared, n);
	if (PG_NARGS() > 4 && !PG_ARGISNULL(4))
		conf.fields = oe_texts(PG_GETARG_ARRAYTYPE_P(4), &conf.nfields);
	OE_FAULT("pull-rendered");
	event.body = text_to_cstring(PG_GETARG_TEXT_PP(0));
	event.body_len = strlen(event.body);
	event.classes = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (oe_body_as_is(&conf, &event))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	initStringInfo(&out);
	(void) oe_body_write(&conf, &event, 's', &out, NULL);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
