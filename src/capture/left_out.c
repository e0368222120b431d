/*
 * left_out.c
 *	  Writes to the audit log how many changes a transaction left out because it had
 *	  set odoo_events.capture to off, or had called quiet().
 *
 * Odoo's backend, just before commit, in a subtransaction of its own.  Locks
 * the table and its sequence conditionally.  Sets all columns itself.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/insert.h"
#include "base/oe.h"
#include "capture/journal.h"
#include "capture/log.h"

/* Columns of audit, in their order. */
enum
{
	OE_A_ID, OE_A_AT, OE_A_WHO, OE_A_CLIENT, OE_A_WHAT, OE_A_OBJECT, OE_A_OLD, OE_A_NEW,
	OE_A_COLUMNS
};

static Oid
oe_audit_lock(const char *name)
{
	Oid			relid = get_relname_relid(name, get_namespace_oid(OE_SCHEMA, false));

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", OE_SCHEMA, name)));
	if (!ConditionalLockRelationOid(relid, RowExclusiveLock))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("relation \"%s.%s\" is locked", OE_SCHEMA, name)));
	return relid;
}

static Datum
oe_client(bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum		client;

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	client = inet_client_addr(fcinfo);
	*isnull = fcinfo->isnull;
	return client;
}

static void
oe_audit_target(OeInserter *ins, Oid sequence, OeTarget *t)
{
	TupleTableSlot *slot = oe_insert_slot(ins);
	Datum	   *v = slot->tts_values;
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"changes\": " INT64_FORMAT, t->left_out);
	if (oe_quiet_reason() != NULL)
	{
		appendStringInfoString(&detail, ", \"reason\": ");
		escape_json(&detail, oe_quiet_reason());
	}
	appendStringInfoChar(&detail, '}');
	memset(slot->tts_isnull, false, OE_A_COLUMNS * sizeof(bool));
	v[OE_A_ID] = Int64GetDatum(nextval_internal(sequence, false));
	v[OE_A_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	v[OE_A_WHO] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
	v[OE_A_CLIENT] = oe_client(&slot->tts_isnull[OE_A_CLIENT]);
	v[OE_A_WHAT] = CStringGetTextDatum("leave out");
	v[OE_A_OBJECT] = CStringGetTextDatum(t->rule);
	slot->tts_isnull[OE_A_OLD] = true;
	v[OE_A_NEW] = DirectFunctionCall1(jsonb_in, CStringGetDatum(detail.data));
	(void) oe_insert_row(ins, slot);
}

void
oe_left_out_write(void *arg)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events left out",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Oid			sequence = oe_audit_lock("audit_id_seq");
	OeInserter	ins;

	XactReadOnly = false;
	PushActiveSnapshot(GetTransactionSnapshot());
	oe_insert_begin(&ins, table_open(oe_audit_lock("audit"), NoLock), false);
	for (OeTarget *t = oe_log->targets; t != NULL; t = t->next)
		if (t->left_out > 0)
			oe_audit_target(&ins, sequence, t);
	oe_insert_end(&ins);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
