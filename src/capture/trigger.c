/*
 * trigger.c
 *	  The trigger functions, which append a change record for each changed row.
 *
 * Odoo's backend, in the statement that changes the row.  Takes no lock (but see
 * rules.c), reads no other row, and runs no user-defined code.  Raises no error of
 * its own unless odoo_events.strict is on.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/guc.h"
#include "capture/image.h"
#include "capture/journal.h"
#include "capture/log.h"
#include "capture/rules.h"

PG_FUNCTION_INFO_V1(oe_sql_capture);
PG_FUNCTION_INFO_V1(oe_sql_capture_truncate);

/* Bitmap of the columns that differ, for the current call.  One is enough: these
 * triggers execute no statement that could fire them again. */
static uint64 *oe_changed;
static int	oe_changed_words = 0;

static void
oe_trigger_check(FunctionCallInfo fcinfo, bool row)
{
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function of odoo_events was not called as a trigger")));
	if (!TRIGGER_FIRED_AFTER(td->tg_event) ||
		(row ? !TRIGGER_FIRED_FOR_ROW(td->tg_event) || TRIGGER_FIRED_BY_TRUNCATE(td->tg_event)
		 : !TRIGGER_FIRED_BY_TRUNCATE(td->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" must be an AFTER %s trigger",
						td->tg_trigger->tgname, row ? "ROW" : "TRUNCATE"),
				 errhint("SELECT odoo_events.attach() creates it.")));
}

/*
 * Is the change not to be captured?  Changes that odoo_events.capture leaves out are
 * counted for the audit log.
 */
static bool
oe_left_out(TriggerData *td)
{
	OeCaptureRule *rule;

	if (unlikely(SessionReplicationRole == SESSION_REPLICATION_ROLE_LOCAL))
		return true;
	if (likely(oe_capture_on()))
		return false;
	rule = oe_rule_of(td);
	oe_log_target(rule->layout ? rule->layout->root : rule->relid, rule->rule)->left_out++;
	return true;
}

static void
oe_changed_enlarge(int words)
{
	if (words <= oe_changed_words)
		return;
	oe_changed = MemoryContextAlloc(TopMemoryContext, words * sizeof(uint64));
	oe_changed_words = words;
}

/*
 * Counts a change that cannot be recorded: a gap is written before commit.
 */
static void
oe_count_lost(Oid relid, const char *rule, const char *reason)
{
	OeTarget   *t;

	if (oe_guc_strict)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a change cannot be captured by rule \"%s\": %s", rule, reason),
				 errhint("SELECT * FROM odoo_events.capture_status; or set odoo_events.strict to off.")));
	t = oe_log_target(relid, rule);
	t->lost++;
	if (t->reason == NULL)
		t->reason = MemoryContextStrdup(oe_log->cxt, reason);
}

/*
 * Was the row version there before this transaction?  Looks at the raw xmin, because
 * COPY FREEZE of this transaction hides it.
 */
static bool
oe_is_foreign(HeapTuple tup)
{
	return !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(tup->t_data));
}

/*
 * AFTER UPDATE.  Nothing is recorded if no captured column differs.  The order of
 * changes is that of the commands that made the new versions, not that of the calls:
 * triggers of a nested statement fire before those of the outer one.
 */
static bool
oe_record_update(TriggerData *td, OeRowLayout *layout)
{
	HeapTuple	old = td->tg_trigtuple;
	HeapTuple	new = td->tg_newtuple;
	CommandId	cid;
	bool		foreign;
	int64		old_id,
				new_id;

	oe_changed_enlarge(oe_nwords(layout->ncols));
	if (!oe_tuples_differ(layout, old, new, oe_changed))
		return true;
	if (!oe_tuple_id(layout, old, &old_id) || !oe_tuple_id(layout, new, &new_id))
		return false;
	cid = HeapTupleHeaderGetCmin(new->t_data);
	foreign = oe_is_foreign(old);
	if (likely(old_id == new_id))
		return oe_record_change(layout, 'U', cid, foreign, new_id, old, new, oe_changed);
	return oe_record_change(layout, 'D', cid, foreign, old_id, old, NULL, NULL) &&
		oe_record_change(layout, 'I', cid, false, new_id, NULL, new, NULL);
}

static bool
oe_record_insert(TriggerData *td, OeRowLayout *layout)
{
	HeapTuple	tup = td->tg_trigtuple;
	int64		id;

	return oe_tuple_id(layout, tup, &id) &&
		oe_record_change(layout, 'I', HeapTupleHeaderGetCmin(tup->t_data), false, id, NULL, tup, NULL);
}

static bool
oe_record_delete(TriggerData *td, OeRowLayout *layout)
{
	HeapTuple	tup = td->tg_trigtuple;
	int64		id;

	return oe_tuple_id(layout, tup, &id) &&
		oe_record_change(layout, 'D', HeapTupleHeaderGetCmax(tup->t_data), oe_is_foreign(tup), id,
						 tup, NULL, NULL);
}

/*
 * The row trigger.
 */
Datum
oe_sql_capture(PG_FUNCTION_ARGS)
{
	TriggerData *td = (TriggerData *) fcinfo->context;
	OeCaptureRule *rule;
	bool		recorded;

	oe_trigger_check(fcinfo, true);
	if (oe_left_out(td))
		return PointerGetDatum(NULL);
	rule = oe_rule_of(td);
	if (unlikely(rule->layout == NULL))
	{
		oe_count_lost(rule->relid, rule->rule, rule->reason);
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
		recorded = oe_record_update(td, rule->layout);
	else if (TRIGGER_FIRED_BY_INSERT(td->tg_event))
		recorded = oe_record_insert(td, rule->layout);
	else
		recorded = oe_record_delete(td, rule->layout);
	if (unlikely(!recorded))
		oe_count_lost(rule->layout->root, rule->rule,
					  oe_log->failed ? "the transaction's changes could not be kept" :
					  "column \"id\" is null");
	return PointerGetDatum(NULL);
}

/*
 * The statement trigger for TRUNCATE: appends a marker to the log.
 */
Datum
oe_sql_capture_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *td = (TriggerData *) fcinfo->context;
	OeCaptureRule *rule;

	oe_trigger_check(fcinfo, false);
	if (oe_left_out(td))
		return PointerGetDatum(NULL);
	rule = oe_rule_of(td);
	if (rule->layout == NULL)
		oe_count_lost(rule->relid, rule->rule, rule->reason);
	else if (!oe_record_change(rule->layout, 'T', GetCurrentCommandId(false), false, 0, NULL, NULL, NULL))
		oe_count_lost(rule->layout->root, rule->rule,
					  "the transaction's changes could not be kept");
	return PointerGetDatum(NULL);
}
