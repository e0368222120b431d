/*
 * tables.c
 *	  source=tables: one line per record that a transaction changed, net
 *	  (stream.h).
 *
 * Changes become change records as in the trigger, are merged by the same code, and
 * written when the commit of the transaction is decoded.  They arrive in the order
 * of the WAL, without those of subtransactions that were rolled back.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/json.h"
#include "capture/image.h"
#include "stream/stream.h"

/* Bitmap of the columns that differ, for the current change. */
static uint64 *
oe_changed_of(const OeRowLayout *layout)
{
	return palloc(oe_nwords(layout->ncols) * sizeof(uint64));
}

static void
oe_decoded_update(OeStream *s, OeStreamRel *r, HeapTuple old, HeapTuple new)
{
	OeRowLayout *layout = r->layout;
	uint64	   *changed;
	int64		old_id,
				new_id;

	if (HeapTupleHasExternal(new))
		new = oe_tuple_complete(layout, new, r->full ? old : NULL);
	if (!oe_tuple_id(layout, new, &new_id))
		return;

	/*
	 * without REPLICA IDENTITY FULL the WAL has the old row only where its
	 * key changed
	 */
	old_id = new_id;
	if (old && !oe_tuple_id(layout, old, &old_id))
		return;
	if (!r->full || old == NULL)
	{
		if (old_id != new_id)
			(void) oe_record_change(layout, 'D', s->changes, false, old_id, NULL, NULL, NULL);
		(void) oe_record_change(layout, old_id != new_id ? 'I' : 'U', s->changes, false, new_id, NULL, new, NULL);
		return;
	}
	changed = oe_changed_of(layout);
	if (!oe_tuples_differ(layout, old, new, changed))
		return;
	if (old_id == new_id)
	{
		(void) oe_record_change(layout, 'U', s->changes, false, new_id, old, new, changed);
		return;
	}
	(void) oe_record_change(layout, 'D', s->changes, false, old_id, old, NULL, NULL);
	(void) oe_record_change(layout, 'I', s->changes, false, new_id, NULL, new, NULL);
}

void
oe_stream_table_change(OeStream *s, OeStreamRel *r, ReorderBufferChange *change)
{
	HeapTuple	old = oe_decoded_tuple(change->data.tp.oldtuple);
	HeapTuple	new = oe_decoded_tuple(change->data.tp.newtuple);
	MemoryContext caller = MemoryContextSwitchTo(s->change_cxt);
	int64		id;

	oe_log = &s->log;
	s->changes++;
	switch (change->action)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
			if (new && HeapTupleHasExternal(new))
				new = oe_tuple_complete(r->layout, new, NULL);
			if (new && oe_tuple_id(r->layout, new, &id))
				(void) oe_record_change(r->layout, 'I', s->changes, false, id, NULL, new, NULL);
			break;
		case REORDER_BUFFER_CHANGE_UPDATE:
			if (new)
				oe_decoded_update(s, r, old, new);
			break;
		case REORDER_BUFFER_CHANGE_DELETE:
			/* with REPLICA IDENTITY NOTHING the WAL does not even have the id */
			if (old && oe_tuple_id(r->layout, old, &id))
				(void) oe_record_change(r->layout, 'D', s->changes, false, id, r->full ? old : NULL, NULL, NULL);
			break;
		default:
			break;
	}
	oe_log_mine();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(s->change_cxt);
}

void
oe_stream_table_truncate(OeStream *s, OeStreamRel *r)
{
	oe_log = &s->log;
	(void) oe_record_change(r->layout, 'T', ++s->changes, false, 0, NULL, NULL, NULL);
	oe_log_mine();
}

/*
 * Writes a line with the net change in s->texts.
 */
static void
oe_stream_net(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	OeStream   *s = ctx->output_plugin_private;
	OeTexts    *t = &s->texts;
	Oid			relid = t->layout->relid;
	OeStreamRel *r = hash_search(s->rels, &relid, HASH_FIND, NULL);
	StringInfo	out;

	if (s->sink)
	{
		s->sink->change(s->sink->arg, txn, t, r && r->compare);
		s->wrote = true;
		return;
	}
	out = oe_stream_line(ctx);
	oe_stream_head(s, txn, out);
	appendStringInfoString(out, "\"rule\":");
	oe_json_cstring(out, t->layout->rule);
	appendStringInfo(out, ",\"relation\":%s,\"op\":\"%c\"", r->name, t->op);
	if (t->op != 'T')
		appendStringInfo(out, ",\"id\":" INT64_FORMAT, t->id);
	if (oe_texts_old(t))
	{
		appendStringInfoString(out, ",\"old\":");
		appendBinaryStringInfo(out, t->old.data + t->reserve, t->old.len - t->reserve);
	}
	if (oe_texts_new(t))
	{
		appendStringInfoString(out, ",\"new\":");
		appendBinaryStringInfo(out, t->new.data + t->reserve, t->new.len - t->reserve);
	}
	if (t->unavailable.len > 0)
	{
		/* a text without a terminator, whose first character is a comma */
		appendStringInfoString(out, ",\"unavailable\":[");
		appendBinaryStringInfo(out, t->unavailable.data + 1, t->unavailable.len - 1);
		appendStringInfoChar(out, ']');
	}
	appendStringInfoChar(out, '}');
}

static void
oe_stream_forget(void)
{
	oe_log_close();
	MemoryContextDelete(oe_log->cxt);
	oe_log_reset();
}

void
oe_stream_table_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	OeStream   *s = ctx->output_plugin_private;
	MemoryContext caller = MemoryContextSwitchTo(s->change_cxt);

	oe_log = &s->log;
	if (oe_log->cxt && !oe_log->matters)
		oe_stream_forget();
	else if (oe_log->cxt)
	{
		OeMerge    *merge = oe_merge_begin();
		OeNetChange net;

		while (oe_merge_next(merge, &net))
		{
			CHECK_FOR_INTERRUPTS();
			oe_log->alive(oe_log->alive_arg);
			if (oe_texts_of(&s->texts, &net))
				oe_stream_net(ctx, txn);
		}
		oe_merge_end(merge);
		oe_stream_forget();
	}
	oe_log_mine();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(s->change_cxt);
	oe_stream_rels_flush(s);
}
