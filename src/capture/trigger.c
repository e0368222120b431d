/*
 * trigger.c
 *	  The trigger functions: what they see of a change becomes a note.
 *
 * Odoo's backend, in the statement that changes the row.  Takes no lock of its
 * own (but see rules.c), reads no other row, runs no user-defined code, and
 * raises nothing that Odoo would not have met without it, unless the setting
 * odoo_events.strict asks for it.
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

/* Rows of the call in hand, reused: no call can nest in another. */
static OeRow oe_old_row;
static OeRow oe_new_row;
static uint64 *oe_changed;
static int	oe_row_size = 0;

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

static bool
oe_capture_is_off(void)
{
	return !oe_guc_capture || SessionReplicationRole == SESSION_REPLICATION_ROLE_LOCAL;
}

static void
oe_rows_enlarge(int ncols)
{
	if (ncols <= oe_row_size)
		return;
	oe_old_row.values = MemoryContextAlloc(TopMemoryContext, ncols * sizeof(Datum));
	oe_old_row.nulls = MemoryContextAlloc(TopMemoryContext, ncols * sizeof(bool));
	oe_new_row.values = MemoryContextAlloc(TopMemoryContext, ncols * sizeof(Datum));
	oe_new_row.nulls = MemoryContextAlloc(TopMemoryContext, ncols * sizeof(bool));
	oe_changed = MemoryContextAlloc(TopMemoryContext, oe_nwords(ncols) * sizeof(uint64));
	oe_row_size = ncols;
}

/*
 * Counts a change that cannot be noted: a gap is written before commit.
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
		t->reason = MemoryContextStrdup(oe_log.cxt, reason);
}

/*
 * Takes the noted columns out of a slot.
 */
static void
oe_row_of_slot(const OeShape *shape, TupleTableSlot *slot, OeRow *row)
{
	slot_getsomeattrs(slot, shape->maxatt);
	for (int i = 0; i < shape->ncols; i++)
	{
		int			a = shape->cols[i].attnum - 1;

		row->values[i] = slot->tts_values[a];
		row->nulls[i] = slot->tts_isnull[a];
	}
}

/*
 * Which columns differ; false if none does.
 */
static bool
oe_rows_differ(const OeShape *shape, TupleTableSlot *old, TupleTableSlot *new)
{
	bool		differ = false;

	slot_getsomeattrs(old, shape->maxatt);
	slot_getsomeattrs(new, shape->maxatt);
	memset(oe_changed, 0, oe_nwords(shape->ncols) * sizeof(uint64));
	for (int i = 0; i < shape->ncols; i++)
	{
		const OeColumn *col = &shape->cols[i];
		int			a = col->attnum - 1;

		if (oe_same(col, old->tts_values[a], old->tts_isnull[a],
					new->tts_values[a], new->tts_isnull[a]))
			continue;
		oe_bit_set(oe_changed, i);
		differ = true;
	}
	return differ;
}

static int64
oe_row_id(const OeShape *shape, const OeRow *row)
{
	return shape->cols[0].type == INT8OID ? DatumGetInt64(row->values[0]) :
		DatumGetInt32(row->values[0]);
}

/*
 * A version that was there before this transaction.  The raw xmin: a row that
 * COPY FREEZE wrote in this transaction is ours.
 */
static bool
oe_is_foreign(HeapTuple tup)
{
	return !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(tup->t_data));
}

/*
 * AFTER UPDATE.  Nothing is noted if no noted column differs.  The command is
 * that which made the new version: events of nested statements arrive earlier
 * than those of the outer one.
 */
static bool
oe_note_update(TriggerData *td, OeShape *shape)
{
	CommandId	cid;
	bool		foreign;
	int64		id;

	if (!oe_rows_differ(shape, td->tg_trigslot, td->tg_newslot))
		return true;
	cid = HeapTupleHeaderGetCmin(td->tg_newtuple->t_data);
	foreign = oe_is_foreign(td->tg_trigtuple);
	oe_row_of_slot(shape, td->tg_trigslot, &oe_old_row);
	oe_row_of_slot(shape, td->tg_newslot, &oe_new_row);
	if (oe_old_row.nulls[0] || oe_new_row.nulls[0])
		return false;
	id = oe_row_id(shape, &oe_new_row);
	if (!oe_bit_test(oe_changed, 0))
		return oe_note(shape, 'U', cid, foreign, id, &oe_old_row, &oe_new_row, oe_changed);
	return oe_note(shape, 'D', cid, foreign, oe_row_id(shape, &oe_old_row),
				   &oe_old_row, NULL, NULL) &&
		oe_note(shape, 'I', cid, false, id, NULL, &oe_new_row, NULL);
}

static bool
oe_note_insert(TriggerData *td, OeShape *shape)
{
	oe_row_of_slot(shape, td->tg_trigslot, &oe_new_row);
	if (oe_new_row.nulls[0])
		return false;
	return oe_note(shape, 'I', HeapTupleHeaderGetCmin(td->tg_trigtuple->t_data), false,
				   oe_row_id(shape, &oe_new_row), NULL, &oe_new_row, NULL);
}

static bool
oe_note_delete(TriggerData *td, OeShape *shape)
{
	oe_row_of_slot(shape, td->tg_trigslot, &oe_old_row);
	if (oe_old_row.nulls[0])
		return false;
	return oe_note(shape, 'D', HeapTupleHeaderGetCmax(td->tg_trigtuple->t_data),
				   oe_is_foreign(td->tg_trigtuple), oe_row_id(shape, &oe_old_row),
				   &oe_old_row, NULL, NULL);
}

/*
 * The row trigger.
 */
Datum
oe_sql_capture(PG_FUNCTION_ARGS)
{
	TriggerData *td = (TriggerData *) fcinfo->context;
	OeRule	   *rule;
	bool		noted;

	oe_trigger_check(fcinfo, true);
	if (oe_capture_is_off())
		return PointerGetDatum(NULL);
	rule = oe_rule_of(td);
	if (unlikely(rule->shape == NULL))
	{
		oe_count_lost(rule->relid, rule->rule, rule->reason);
		return PointerGetDatum(NULL);
	}
	oe_rows_enlarge(rule->shape->ncols);
	if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
		noted = oe_note_update(td, rule->shape);
	else if (TRIGGER_FIRED_BY_INSERT(td->tg_event))
		noted = oe_note_insert(td, rule->shape);
	else
		noted = oe_note_delete(td, rule->shape);
	if (unlikely(!noted))
		oe_count_lost(rule->shape->root, rule->rule,
					  oe_log.failed ? "the transaction's changes could not be kept" :
					  "column \"id\" is null");
	return PointerGetDatum(NULL);
}

/*
 * The statement trigger: a marker in the log.
 */
Datum
oe_sql_capture_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *td = (TriggerData *) fcinfo->context;
	OeRule	   *rule;

	oe_trigger_check(fcinfo, false);
	if (oe_capture_is_off())
		return PointerGetDatum(NULL);
	rule = oe_rule_of(td);
	if (rule->shape == NULL)
		oe_count_lost(rule->relid, rule->rule, rule->reason);
	else if (!oe_note(rule->shape, 'T', GetCurrentCommandId(false), false, 0, NULL, NULL, NULL))
		oe_count_lost(rule->shape->root, rule->rule,
					  "the transaction's changes could not be kept");
	return PointerGetDatum(NULL);
}
