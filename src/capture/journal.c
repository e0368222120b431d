/*
 * journal.c
 *	  Writes the net changes of a transaction to the journal, just before it
 *	  commits or is prepared.
 *
 * Odoo's backend.  Runs in a subtransaction of its own.  Where that fails it is
 * rolled back, the loss is logged and becomes a gap, and Odoo's commit goes on,
 * unless odoo_events.strict is set.  Takes RowExclusiveLock on one member of the
 * journal ring and on the sequence, both conditionally, so that it never waits.
 * Runs no user-defined code.  Sets all columns of the journal itself.
 *
 * A row of Odoo's gets a journal row if the transaction inserted it, deleted it, or
 * changed a significant column of it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/fault.h"
#include "base/guc.h"
#include "base/oe.h"
#include "base/ring.h"
#include "base/shmem.h"
#include "capture/gap.h"
#include "capture/journal.h"
#include "capture/merge.h"
#include "capture/subtransaction.h"
#include "capture/text.h"

/* Columns of journal_<n>, in their order. */
enum
{
	OE_J_XID, OE_J_ID, OE_J_AT, OE_J_RULE, OE_J_RELID, OE_J_OP, OE_J_RECORD,
	OE_J_OLD, OE_J_NEW, OE_J_TRACEPARENT, OE_J_SOURCE_XID, OE_J_COLUMNS
};

static Datum
oe_text_datum(StringInfo text)
{
	if (text == NULL)
		return (Datum) 0;
	SET_VARSIZE(text->data, text->len);
	return PointerGetDatum(text->data);
}

void
oe_journal_row(OeJournal *j, const char *rule, Oid relid, char op, int64 record,
			   StringInfo old, StringInfo new)
{
	TupleTableSlot *slot = oe_insert_slot(&j->ins);
	Datum	   *v = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;

	if (j->rule_name == NULL || strcmp(j->rule_name, rule) != 0)
	{
		j->rule_name = pstrdup(rule);
		j->rule = PointerGetDatum(cstring_to_text(rule));
	}
	memset(nulls, false, OE_J_COLUMNS * sizeof(bool));
	v[OE_J_XID] = j->xid;
	v[OE_J_ID] = Int64GetDatum(j->next_id ? j->next_id++ : nextval_internal(j->sequence, false));
	v[OE_J_AT] = TimestampTzGetDatum(j->at);
	v[OE_J_RULE] = j->rule;
	v[OE_J_RELID] = ObjectIdGetDatum(relid);
	v[OE_J_OP] = CharGetDatum(op);
	v[OE_J_RECORD] = Int64GetDatum(record);
	nulls[OE_J_RECORD] = op == 'T' || op == 'E';
	v[OE_J_OLD] = oe_text_datum(old);
	nulls[OE_J_OLD] = old == NULL;
	v[OE_J_NEW] = oe_text_datum(new);
	nulls[OE_J_NEW] = new == NULL;
	v[OE_J_TRACEPARENT] = j->traceparent;
	nulls[OE_J_TRACEPARENT] = j->traceparent_null;
	v[OE_J_SOURCE_XID] = FullTransactionIdGetDatum(FullTransactionIdFromU64(j->source_xid));
	nulls[OE_J_SOURCE_XID] = j->source_xid == 0;
	(void) oe_insert_row(&j->ins, slot);
}

/*
 * Opens the member of the ring that the hint points to, or the next one.
 */
static Relation
oe_journal_open(void)
{
	Oid			members[OE_JOURNAL_MEMBERS];
	OeSlot	   *slot = oe_slot_mine(true);
	int			hint = slot ? (int) pg_atomic_read_u32(&slot->journal_hint) : 0;

	oe_ring_members("journal", OE_JOURNAL_MEMBERS, members);
	return oe_ring_open(members, OE_JOURNAL_MEMBERS, &hint);
}

static Oid
oe_journal_sequence(void)
{
	Oid			seq = get_relname_relid("journal_id_seq", get_namespace_oid(OE_SCHEMA, false));

	if (!OidIsValid(seq))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("sequence \"%s.journal_id_seq\" does not exist", OE_SCHEMA)));
	if (!ConditionalLockRelationOid(seq, RowExclusiveLock))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("sequence \"%s.journal_id_seq\" is locked", OE_SCHEMA)));
	return seq;
}

void
oe_journal_begin(OeJournal *j)
{
	j->sequence = oe_journal_sequence();
	j->xid = FullTransactionIdGetDatum(GetTopFullTransactionId());
	if (j->at == 0)
		j->at = GetCurrentTimestamp();
	j->traceparent_null = oe_traceparent_here()[0] == '\0';
	if (!j->traceparent_null)
		j->traceparent = PointerGetDatum(cstring_to_text(oe_traceparent_here()));
	oe_insert_begin(&j->ins, oe_journal_open(), false);
}

void
oe_journal_end(OeJournal *j)
{
	oe_insert_end(&j->ins);
}

/*
 * Merges the log and writes all of it; in the subtransaction.
 */
static void
oe_journal_write(void *arg)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events journal",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	OeJournal	j = {0};
	OeTexts		texts;
	OeMerge    *merge;
	OeNetChange net;

	OE_FAULT("journal-begin");

	/*
	 * a transaction may have become read only after it wrote; the end of the
	 * subtransaction restores this
	 */
	XactReadOnly = false;
	PushActiveSnapshot(GetTransactionSnapshot());
	oe_texts_init(&texts, VARHDRSZ);
	merge = oe_merge_begin();
	oe_journal_begin(&j);
	while (oe_merge_next(merge, &net))
	{
		CHECK_FOR_INTERRUPTS();
		if (!oe_texts_of(&texts, &net))
			continue;
		oe_journal_row(&j, texts.target->rule, texts.target->relid, texts.op, texts.id,
					   oe_texts_old(&texts), oe_texts_new(&texts));
		texts.target->written++;
	}
	oe_journal_end(&j);
	OE_FAULT("journal-written");
	oe_merge_end(merge);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/*
 * Adds the counts of the transaction to the statistics in shared memory.  With
 * "unnoted" also the losses whose gap could not be written, for the worker.
 */
static void
oe_count(bool unnoted)
{
	OeSlot	   *slot = oe_slot_mine(true);
	TimestampTz now = GetCurrentTimestamp();

	for (OeTarget *t = oe_log->targets; t != NULL; t = t->next)
	{
		OeRuleStats *stats = oe_rule_stats(slot, t->rule);

		if (stats == NULL)
			continue;
		if (t->written > 0)
		{
			pg_atomic_fetch_add_u64(&stats->captured, t->written);
			pg_atomic_write_u64(&stats->last_change_at, (uint64) now);
		}
		if (t->lost > 0)
			pg_atomic_fetch_add_u64(&stats->errors, t->lost);
		if (t->lost > 0 && unnoted)
		{
			pg_atomic_write_u32(&stats->unnoted_relid, t->relid);
			pg_atomic_write_u64(&stats->unnoted_at, (uint64) now);
			pg_atomic_fetch_add_u64(&stats->unnoted, t->lost);
		}
	}
}

typedef struct OeTally
{
	int64		written;
	int64		lost;
	int64		left_out;
} OeTally;

static OeTally
oe_tally(void)
{
	OeTally		sum = {0};

	for (OeTarget *t = oe_log->targets; t != NULL; t = t->next)
	{
		sum.written += t->written;
		sum.lost += t->lost;
		sum.left_out += t->left_out;
	}
	return sum;
}

void
oe_journal_flush(void)
{
	const char *failure;
	OeTally		sum;
	bool		unnoted = false;

	if (oe_log->cxt == NULL)
		return;
	if (oe_log_end() > 0 && oe_log->matters)
	{
		failure = oe_subtransaction_run(oe_journal_write, NULL, "write the journal");
		if (failure)
		{
			for (OeTarget *t = oe_log->targets; t != NULL; t = t->next)
				t->written = 0;
			oe_log_fail(failure);
		}
	}
	sum = oe_tally();
	if (sum.lost > 0)
		unnoted = oe_subtransaction_run(oe_gaps_write, NULL, "write the table of capture errors") != NULL;
	if (sum.left_out > 0)
		(void) oe_subtransaction_run(oe_left_out_write, NULL, "write the audit log");
	oe_count(unnoted);
	if (sum.written > 0 || unnoted)
		oe_wake_at_commit(OE_WAKE_CHANGES);
	oe_log_close();
	OE_FAULT("journal-flushed");
}
