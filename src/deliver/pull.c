/*
 * pull.c
 *	  What fetch() has in common with sending: filters and rendering.
 *
 * Any backend, in the caller's transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/fault.h"
#include "deliver/internal.h"

PG_FUNCTION_INFO_V1(oe_sql_filter_passes);
PG_FUNCTION_INFO_V1(oe_sql_rendered);

/*
 * _filter_passes(event, filter): a filter that is null lets all pass.
 */
Datum
oe_sql_filter_passes(PG_FUNCTION_ARGS)
{
	OeRow		row;
	text	   *event;
	bool		failed = false;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(!PG_ARGISNULL(0));
	event = PG_GETARG_TEXT_PP(0);
	memset(&row, 0, sizeof(row));
	row.body = VARDATA_ANY(event);
	row.body_len = VARSIZE_ANY_EXHDR(event);
	PG_RETURN_BOOL(oe_filter_matches(PG_GETARG_JSONPATH_P(1), &row, &failed));
}

/*
 * _rendered(event, classes, payload, clearance)
 */
Datum
oe_sql_rendered(PG_FUNCTION_ARGS)
{
	OeConf		conf;
	OeEvent		event;
	StringInfoData out;
	Datum	   *names;
	bool	   *nulls;
	char	  **cleared;
	int			n;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	/* what the worker's memory is to it */
	if (oe_deliver_cxt == NULL)
		oe_deliver_cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events rendering", ALLOCSET_DEFAULT_SIZES);
	memset(&conf, 0, sizeof(conf));
	memset(&event, 0, sizeof(event));
	conf.format = 's';
	conf.thin = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(2)), "thin") == 0;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	cleared = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		cleared[i] = nulls[i] ? "" : TextDatumGetCString(names[i]);
	conf.clearance = oe_clearance_of(cleared, n);
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
