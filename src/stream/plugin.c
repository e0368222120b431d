/*
 * plugin.c
 *	  The output plugin "odoo_events": published events, or the net changes of
 *	  Odoo's tables, as lines of JSON (stream.h).
 *
 * A transaction is sent when its commit is decoded, never earlier.  With
 * source=outbox the server may hand over large transactions in pieces before that
 * (pieces.c).  source=tables needs transactions as a whole, and declines pieces.  The
 * plugin has no callbacks for two-phase commit, so a prepared transaction is decoded
 * at COMMIT PREPARED.  A plugin that takes it at PREPARE does not get it again, not
 * even after a restart, and so would have to send it before its commit.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/glob.h"
#include "stream/stream.h"

/* After so many changes, or records of a commit, the receiver is told that the
 * process is alive. */
#define OE_PROGRESS_EVERY 100

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *cb);

/*
 * Sends a keepalive during a commit that takes long.  The server would not, because
 * it believes that the transaction is at its end; end_xact says otherwise.
 */
static void
oe_stream_commit_progress(void *arg)
{
	LogicalDecodingContext *ctx = arg;
	OeStream   *s = ctx->output_plugin_private;
	bool		end_xact = ctx->end_xact;

	if (++s->silent < OE_PROGRESS_EVERY)
		return;
	s->silent = 0;
	ctx->end_xact = false;
	OutputPluginUpdateProgress(ctx, false);
	ctx->end_xact = end_xact;
}

void
oe_stream_divert(LogicalDecodingContext *ctx, OeStreamSink *sink)
{
	OeStream   *s = ctx->output_plugin_private;

	s->sink = sink;
}

static void
oe_stream_startup(LogicalDecodingContext *ctx, OutputPluginOptions *opt, bool is_init)
{
	OeStream   *s;
	MemoryContext old;

	opt->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
	if (is_init)
		return;
	old = MemoryContextSwitchTo(ctx->context);
	s = palloc0(sizeof(OeStream));
	s->cxt = AllocSetContextCreate(ctx->context, "odoo_events stream", ALLOCSET_DEFAULT_SIZES);
	s->change_cxt = AllocSetContextCreate(s->cxt, "odoo_events decoded change", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(s->cxt);
	oe_stream_options(s, ctx->output_plugin_options);
	s->log.parent = s->cxt;
	s->log.decoding = true;
	s->log.alive = oe_stream_commit_progress;
	s->log.alive_arg = ctx;
	oe_texts_init(&s->texts, VARHDRSZ);
	oe_stream_rels_init(s);
	oe_pieces_init(s);
	initStringInfo(&s->line);
	MemoryContextSwitchTo(old);
	ctx->output_plugin_private = s;
	if (s->source == OE_SOURCE_TABLES && s->names)
		oe_stream_entities_check(s);
	/* net changes are those of the whole transaction */
	if (s->source == OE_SOURCE_TABLES)
		ctx->streaming = false;
}

static void
oe_stream_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	OeStream   *s = ctx->output_plugin_private;

	s->changes = 0;
	s->wrote = false;
	resetStringInfo(&s->line);	/* an error may have left a line there */
	OE_FAULT("hold-stream-begin");
}

/*
 * Sends keepalives while all changes are left out.  Since version 16 the server does
 * that itself.
 */
static void
oe_stream_progress(LogicalDecodingContext *ctx)
{
#if PG_VERSION_NUM < 160000
	OeStream   *s = ctx->output_plugin_private;

	if (++s->silent < OE_PROGRESS_EVERY)
		return;
	s->silent = 0;
	OutputPluginUpdateProgress(ctx, false);
#endif
}

static bool
oe_type_wanted(OeStream *s, const char *type)
{
	for (int i = 0; i < s->nnames; i++)
		if (oe_glob(s->names[i], type, strlen(type)))
			return true;
	return s->names == NULL;
}

/*
 * source=outbox: the event in an inserted row; NULL if the consumer does not want its
 * type.
 */
static char *
oe_stream_event(OeStream *s, Relation rel, OeStreamRel *r, HeapTuple tup)
{
	TupleDesc	desc = RelationGetDescr(rel);
	bool		isnull;

	if (!oe_type_wanted(s, TextDatumGetCString(heap_getattr(tup, r->type, desc, &isnull))))
		return NULL;
	return TextDatumGetCString(heap_getattr(tup, r->event, desc, &isnull));
}

/*
 * Sends an event of a transaction whose commit is being decoded; keeps one that comes
 * in a piece.
 */
static void
oe_stream_outbox_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation rel,
						OeStreamRel *r, ReorderBufferChange *change, bool piece)
{
	OeStream   *s = ctx->output_plugin_private;
	MemoryContext old;
	char	   *event;

	if (r->event == InvalidAttrNumber || change->action != REORDER_BUFFER_CHANGE_INSERT)
		return;
	old = MemoryContextSwitchTo(s->change_cxt);
	event = oe_stream_event(s, rel, r, oe_decoded_tuple(change->data.tp.newtuple));
	if (event && piece)
		oe_piece_keep(s, txn, change->txn->xid, event);
	else if (event)
		oe_stream_event_line(ctx, txn, event);
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->change_cxt);
}

static void
oe_stream_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation rel,
				 ReorderBufferChange *change)
{
	OeStream   *s = ctx->output_plugin_private;
	OeStreamRel *r = oe_stream_rel(s, rel);

	if (r->layout)
		oe_stream_table_change(s, r, change);
	else
		oe_stream_outbox_change(ctx, txn, rel, r, change, false);
	oe_stream_progress(ctx);
}

static void
oe_stream_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int n,
				   Relation rels[], ReorderBufferChange *change)
{
	OeStream   *s = ctx->output_plugin_private;

	for (int i = 0; i < n; i++)
	{
		OeStreamRel *r = oe_stream_rel(s, rels[i]);

		if (r->layout)
			oe_stream_table_truncate(s, r);
	}
}

/*
 * The commit.  Lines that are written only now have the position of the beginning of
 * the commit record, but for the last one (line.c).
 */
static void
oe_stream_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	OeStream   *s = ctx->output_plugin_private;
	XLogRecPtr	end = ctx->write_location;

	ctx->write_location = lsn;
	OE_FAULT("hold-stream-commit");
	if (s->source == OE_SOURCE_TABLES)
		oe_stream_table_commit(ctx, txn);
	if (s->sink)
	{
		if (s->wrote)
			s->sink->commit(s->sink->arg, txn);
		return;
	}
	oe_stream_lines_end(ctx, txn, end);
#if PG_VERSION_NUM < 160000
	OutputPluginUpdateProgress(ctx, !s->wrote);
#endif
}

static void
oe_stream_piece(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	/* nothing is sent before the commit */
}

static void
oe_stream_piece_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation rel,
					   ReorderBufferChange *change)
{
	oe_stream_outbox_change(ctx, txn, rel, oe_stream_rel(ctx->output_plugin_private, rel), change, true);
	oe_stream_progress(ctx);
}

/*
 * The abort of a transaction that has come in pieces, or of a subtransaction of it.
 */
static void
oe_stream_piece_abort(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	ReorderBufferTXN *top = oe_toplevel(txn);

	if (top == txn)
		oe_pieces_forget(top);
	else
		oe_pieces_cut(top, txn->xid);
}

static void
oe_stream_piece_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	XLogRecPtr	end = ctx->write_location;

	oe_stream_begin(ctx, txn);
	ctx->write_location = lsn;
	oe_pieces_send(ctx, txn);
	ctx->write_location = end;
	oe_stream_commit(ctx, txn, lsn);
}

/*
 * Leaves out changes that replication from another server applies: Odoo did not make
 * them here, and triggers do not fire for them either.
 */
static bool
oe_stream_filter_by_origin(LogicalDecodingContext *ctx, OeOriginId origin)
{
	OeStream   *s = ctx->output_plugin_private;

	return origin != OE_NO_ORIGIN && s->source == OE_SOURCE_TABLES;
}

void
_PG_output_plugin_init(OutputPluginCallbacks *cb)
{
	cb->startup_cb = oe_stream_startup;
	cb->begin_cb = oe_stream_begin;
	cb->change_cb = oe_stream_change;
	cb->truncate_cb = oe_stream_truncate;
	cb->commit_cb = oe_stream_commit;
	cb->filter_by_origin_cb = oe_stream_filter_by_origin;
	cb->stream_start_cb = oe_stream_piece;
	cb->stream_stop_cb = oe_stream_piece;
	cb->stream_change_cb = oe_stream_piece_change;
	cb->stream_abort_cb = oe_stream_piece_abort;
	cb->stream_commit_cb = oe_stream_piece_commit;
}
