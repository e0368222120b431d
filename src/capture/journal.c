/*
 * journal.c
 *	  Writes the net changes of a transaction to the journal, just before it
 *	  commits or is prepared.
 *
 * Odoo's backend.  Runs in a subtransaction of its own: where it fails, that
 * is rolled back, the loss is logged and noted as a gap, and Odoo's commit
 * goes on, unless odoo_events.strict is set.  Takes RowExclusiveLock on one
 * member of the journal ring and on the sequence, both conditionally: it never
 * waits for a lock that anybody but a superuser could hold.  Runs no
 * user-defined code.  Sets all columns of the journal itself.
 *
 * A row is written if it came, went, or differs in a significant column.
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
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/guc.h"
#include "base/json.h"
#include "base/oe.h"
#include "base/ring.h"
#include "base/shmem.h"
#include "capture/capture.h"
#include "capture/image.h"
#include "capture/journal.h"
#include "capture/merge.h"

/* Columns of journal_<n>, in their order. */
enum
{
	OE_J_XID, OE_J_ID, OE_J_AT, OE_J_RULE, OE_J_RELID, OE_J_OP, OE_J_RECORD,
	OE_J_OLD, OE_J_NEW, OE_J_TRACEPARENT, OE_J_COLUMNS
};

typedef struct OeWriter
{
	OeInserter	ins;
	Oid			sequence;
	Datum		xid;
	Datum		at;
	Datum		traceparent;
	bool		traceparent_null;
	OeTarget   *rule_of;		/* whose name "rule" is */
	Datum		rule;
	MemoryContext row_cxt;		/* reset after each row */
	StringInfoData note_buf[2]; /* notes read from the file */
	StringInfoData old;			/* text values, header first */
	StringInfoData new;
} OeWriter;

static void
oe_text_begin(StringInfo text)
{
	resetStringInfo(text);
	text->len = VARHDRSZ;
}

static Datum
oe_text_end(StringInfo text)
{
	SET_VARSIZE(text->data, text->len);
	return PointerGetDatum(text->data);
}

static inline void
oe_append(StringInfo buf, const char *data, int len)
{
	if (unlikely(buf->len + len >= buf->maxlen))
		enlargeStringInfo(buf, len);
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
}

/*
 * Appends "name":value, with a comma where it is not the first.
 */
static inline void
oe_json_member(StringInfo buf, OeColumn *col, Datum value, bool isnull)
{
	int			skip = buf->data[buf->len - 1] == '{' ? 1 : 0;

	oe_append(buf, col->key + skip, col->keylen + (isnull ? 4 : 0) - skip);
	if (!isnull)
		oe_json_datum(buf, col->type, &col->out, value);
}

static void
oe_json_row(StringInfo buf, OeShape *shape, const OeRow *row)
{
	appendStringInfoCharMacro(buf, '{');
	for (int i = 0; i < shape->ncols; i++)
	{
		OeColumn   *col = &shape->cols[i];

		oe_json_member(buf, col, oe_value(row, col), oe_null(row, col));
	}
	appendStringInfoCharMacro(buf, '}');
}

/*
 * Compares columns of two shapes of one table (it was altered in between): by
 * their values if the type is the same, else by what would be written.
 */
static bool
oe_same_across(OeColumn *a, Datum va, bool na, OeColumn *b, Datum vb, bool nb)
{
	StringInfoData ta,
				tb;

	if (na || nb)
		return na == nb;
	if (a->type == b->type)
		return oe_same(a, va, na, vb, nb);
	initStringInfo(&ta);
	initStringInfo(&tb);
	oe_json_datum(&ta, a->type, &a->out, va);
	oe_json_datum(&tb, b->type, &b->out, vb);
	return strcmp(ta.data, tb.data) == 0;
}

static int
oe_column_like(const OeShape *shape, const OeColumn *col)
{
	for (int i = 0; i < shape->ncols; i++)
		if (strcmp(shape->cols[i].key, col->key) == 0)
			return i;
	return -1;
}

/*
 * Writes the columns that differ as JSON; answers whether a significant one
 * is among them.  A column that the table did not have before was null.
 */
static bool
oe_json_difference(StringInfo buf, OeShape *was, const OeRow *before,
				   OeShape *is, const OeRow *after)
{
	bool		significant = false;

	appendStringInfoCharMacro(buf, '{');
	for (int i = 0; i < is->ncols; i++)
	{
		OeColumn   *col = &is->cols[i];
		int			j = was == is ? i : oe_column_like(was, col);
		OeColumn   *old = j < 0 ? col : &was->cols[j];
		Datum		value = j < 0 ? (Datum) 0 : oe_value(before, old);
		bool		isnull = j < 0 || oe_null(before, old);

		if (oe_same_across(old, value, isnull, col, oe_value(after, col), oe_null(after, col)))
			continue;
		oe_json_member(buf, old, value, isnull);
		significant |= col->significant;
	}
	appendStringInfoCharMacro(buf, '}');
	return significant;
}

/*
 * The usual case of an update: one note, which knows what differs.
 */
static bool
oe_json_noted_difference(StringInfo buf, const OeNote *note)
{
	OeShape    *shape = note->shape;
	const uint64 *changed = oe_note_changed(note);
	bool		significant = false;
	HeapTupleData old = {0};

	for (int i = 0; i < shape->ncols; i++)
		significant |= shape->cols[i].significant && oe_bit_test(changed, i);
	if (!significant)
		return false;
	old.t_len = note->old_len;
	old.t_data = (HeapTupleHeader) ((char *) note + note->old_image);
	appendStringInfoCharMacro(buf, '{');
	for (int i = 0; i < shape->ncols; i++)
		if (oe_bit_test(changed, i))
		{
			bool		isnull;
			Datum		value = heap_getattr(&old, shape->cols[i].attnum, shape->desc, &isnull);

			oe_json_member(buf, &shape->cols[i], value, isnull);
		}
	appendStringInfoCharMacro(buf, '}');
	return true;
}

/*
 * Fills the texts of one net change; answers its operation, or 0 if it is
 * none that matters.
 */
static char
oe_net_texts(OeWriter *w, const OeNote *before, const OeNote *after)
{
	OeRow		was,
				is;

	oe_text_begin(&w->old);
	oe_text_begin(&w->new);
	if (after && after->op == 'E')
	{
		oe_append(&w->new, (const char *) after + after->new_image, after->new_len);
		return 'E';
	}
	if (before && before == after)
	{
		if (!oe_json_noted_difference(&w->old, before))
			return 0;
	}
	else if (before)
	{
		oe_image_old(before, &was);
		if (after == NULL)
		{
			oe_json_row(&w->old, before->shape, &was);
			return 'D';
		}
	}
	oe_image_new(after, &is);
	if (before && before != after &&
		!oe_json_difference(&w->old, before->shape, &was, after->shape, &is))
		return 0;
	oe_json_row(&w->new, after->shape, &is);
	return before ? 'U' : 'I';
}

/*
 * Stores one journal row.
 */
static void
oe_write_row(OeWriter *w, OeTarget *target, char op, int64 record_id)
{
	TupleTableSlot *slot = oe_insert_slot(&w->ins);
	Datum	   *v = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;

	if (w->rule_of != target)
	{
		w->rule = PointerGetDatum(cstring_to_text(target->rule));
		w->rule_of = target;
	}
	memset(nulls, false, OE_J_COLUMNS * sizeof(bool));
	v[OE_J_XID] = w->xid;
	v[OE_J_ID] = Int64GetDatum(nextval_internal(w->sequence, false));
	v[OE_J_AT] = w->at;
	v[OE_J_RULE] = w->rule;
	v[OE_J_RELID] = ObjectIdGetDatum(target->relid);
	v[OE_J_OP] = CharGetDatum(op);
	v[OE_J_RECORD] = Int64GetDatum(record_id);
	nulls[OE_J_RECORD] = op == 'T' || op == 'E';
	v[OE_J_OLD] = oe_text_end(&w->old);
	nulls[OE_J_OLD] = op == 'I' || op == 'T' || op == 'E';
	v[OE_J_NEW] = oe_text_end(&w->new);
	nulls[OE_J_NEW] = op == 'D' || op == 'T';
	v[OE_J_TRACEPARENT] = w->traceparent;
	nulls[OE_J_TRACEPARENT] = w->traceparent_null;
	oe_insert_row(&w->ins, slot);
	target->written++;
}

static void
oe_write_net(OeWriter *w, const OeNet *net)
{
	MemoryContext old = MemoryContextSwitchTo(w->row_cxt);
	const OeNote *before = NULL;
	const OeNote *after = NULL;
	const OeNote *any;
	char		op = 'T';

	if (net->before != OE_NOWHERE)
		before = oe_log_read(net->before, &w->note_buf[0]);
	if (net->after != OE_NOWHERE)
		after = net->after == net->before ? before : oe_log_read(net->after, &w->note_buf[1]);
	if (before || after)
	{
		any = after ? after : before;
		op = oe_net_texts(w, before, after);
	}
	else
		any = oe_log_read(net->first, &w->note_buf[0]);
	MemoryContextSwitchTo(old);
	if (op != 0)
		oe_write_row(w, oe_log_shape_target(any->shape), op, any->id);
	MemoryContextReset(w->row_cxt);
}

/*
 * Opens the member of the ring that the hint points to, or the next one.
 */
static Relation
oe_journal_open(void)
{
	Oid			members[OE_JOURNAL_MEMBERS];
	OeSlot	   *slot = oe_slot_mine();
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

/*
 * Merges the log and writes all of it; in the subtransaction.
 */
static void
oe_journal_write(void)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events journal",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	OeWriter	w = {0};
	OeMerge    *merge;
	OeNet		net;

	/* a transaction may have become read only after it wrote; undone with us */
	XactReadOnly = false;
	PushActiveSnapshot(GetTransactionSnapshot());
	w.row_cxt = AllocSetContextCreate(cxt, "odoo_events row", ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&w.note_buf[0]);
	initStringInfo(&w.note_buf[1]);
	initStringInfo(&w.old);
	initStringInfo(&w.new);
	merge = oe_merge_begin();
	w.sequence = oe_journal_sequence();
	w.xid = FullTransactionIdGetDatum(GetTopFullTransactionId());
	w.at = TimestampTzGetDatum(GetCurrentTimestamp());
	w.traceparent_null = oe_guc_traceparent == NULL || oe_guc_traceparent[0] == '\0';
	if (!w.traceparent_null)
		w.traceparent = PointerGetDatum(cstring_to_text(oe_guc_traceparent));
	oe_insert_begin(&w.ins, oe_journal_open());
	while (oe_merge_next(merge, &net))
	{
		CHECK_FOR_INTERRUPTS();
		oe_write_net(&w, &net);
	}
	oe_insert_end(&w.ins);
	oe_merge_end(merge);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/*
 * Runs "step" in a subtransaction.  Where it fails and that may be, answers
 * the error as text in the log's memory; else NULL.
 */
static const char *
oe_try(void (*step) (void), const char *what)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	const char *volatile failure = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		step();
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(oe_log.cxt);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (oe_guc_strict || !oe_error_is_ours(edata->sqlerrcode))
			ReThrowError(edata);
		ereport(LOG_SERVER_ONLY,
				(errcode(edata->sqlerrcode),
				 errmsg("odoo_events could not write %s: %s", what, edata->message)));
		failure = edata->message;
	}
	PG_END_TRY();
	return failure;
}

/*
 * What the transaction did, for the views.
 */
static void
oe_count(void)
{
	OeSlot	   *slot = oe_slot_mine();
	TimestampTz now = GetCurrentTimestamp();

	for (OeTarget *t = oe_log.targets; t != NULL; t = t->next)
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
	}
}

static bool
oe_log_has(bool lost)
{
	for (OeTarget *t = oe_log.targets; t != NULL; t = t->next)
		if (lost ? t->lost > 0 : t->written > 0)
			return true;
	return false;
}

void
oe_journal_flush(void)
{
	const char *failure;

	if (oe_log.cxt == NULL)
		return;
	if (oe_log_end() > 0)
	{
		failure = oe_try(oe_journal_write, "the journal");
		if (failure)
		{
			for (OeTarget *t = oe_log.targets; t != NULL; t = t->next)
				t->written = 0;
			oe_log_fail(failure);
		}
	}
	if (oe_log_has(true))
		(void) oe_try(oe_gaps_write, "the table of capture errors");
	oe_count();
	if (oe_log_has(false))
		oe_wake_at_commit(OE_WAKE_CHANGES);
	oe_log_close();
}
