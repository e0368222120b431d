/*
 * capture.c
 *	  Capture at the end of transactions and subtransactions, and the SQL functions
 *	  behind its views.
 *
 * Odoo's backend.  The callbacks are registered once per process.  In a transaction
 * without change records they cost a few instructions.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/shmem.h"
#include "capture/capture.h"
#include "capture/journal.h"
#include "capture/log.h"
#include "capture/rules.h"

PG_FUNCTION_INFO_V1(oe_sql_rule_changed);
PG_FUNCTION_INFO_V1(oe_sql_rule_stats);

/* The transaction that is being committed has written WAL. */
static bool oe_wrote_wal = false;

static void
oe_capture_xact(XactEvent event, void *arg)
{
	oe_log_mine();
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			oe_journal_flush();
			oe_wrote_wal = XactLastRecEnd != InvalidXLogRecPtr;
			break;
		case XACT_EVENT_PRE_PREPARE:
			oe_journal_flush();
			break;
		case XACT_EVENT_COMMIT:
			if (oe_wrote_wal)
				oe_reader_wake();
			oe_wrote_wal = false;
			oe_fallthrough;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			if (oe_log->cxt)
			{
				if (event != XACT_EVENT_ABORT)
					OE_FAULT(event == XACT_EVENT_COMMIT ? "journal-committed" : "journal-prepared");
				oe_log_reset();
			}
			oe_rules_at_end();
			break;
		default:
			break;
	}
}

static void
oe_capture_subxact(SubXactEvent event, SubTransactionId sub,
				   SubTransactionId parent, void *arg)
{
	oe_log_mine();
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		oe_log_sub_commit(sub, parent);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		oe_log_sub_abort(sub);
}

void
oe_capture_init(void)
{
	RegisterXactCallback(oe_capture_xact, NULL);
	RegisterSubXactCallback(oe_capture_subxact, NULL);
}

/*
 * AFTER STATEMENT trigger of capture_rule: makes every backend read its rules
 * again once this commits.
 */
Datum
oe_sql_rule_changed(PG_FUNCTION_ARGS)
{
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function of odoo_events was not called as a trigger")));
	CacheInvalidateRelcache(td->tg_relation);
	return PointerGetDatum(NULL);
}

/*
 * Statistics of all rules since the server started.
 */
Datum
oe_sql_rule_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OeSlot	   *slot = oe_slot_mine(false);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; slot != NULL && i < (int) pg_atomic_read_u32(&slot->nrules); i++)
	{
		OeRuleStats *s = &slot->rules[i];
		TimestampTz last = (TimestampTz) pg_atomic_read_u64(&s->last_change_at);
		Datum		values[7];
		bool		nulls[7] = {false};

		values[0] = CStringGetTextDatum(s->rule);
		values[1] = Int64GetDatum((int64) pg_atomic_read_u64(&s->captured));
		values[2] = Int64GetDatum((int64) pg_atomic_read_u64(&s->errors));
		values[3] = TimestampTzGetDatum(last);
		nulls[3] = last == 0;
		values[4] = Int64GetDatum((int64) pg_atomic_read_u64(&s->unnoted));
		values[5] = TimestampTzGetDatum((TimestampTz) pg_atomic_read_u64(&s->unnoted_at));
		values[6] = ObjectIdGetDatum(pg_atomic_read_u32(&s->unnoted_relid));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
