/*
 * plugin.c
 *	  The output plugin "odoo_events": published events, or the net changes of
 *	  Odoo's tables, as lines of JSON (stream.h).
 *
 * Every transaction is sent when its commit is decoded, never earlier: there
 * are no callbacks for streaming and two-phase commit, so the server declines
 * both by itself (a prepared transaction comes at COMMIT PREPARED).
 */
#include "postgres.h"

#include <fnmatch.h>

#include "access/htup_details.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/json.h"
#include "stream/stream.h"

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *cb);

/*
 * The head of every line; the caller appends the members.  "last" as in
 * OutputPluginPrepareWrite().
 */
void
oe_stream_line_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, bool last)
{
	OeStream   *s = ctx->output_plugin_private;

	OutputPluginPrepareWrite(ctx, last);
	appendStringInfoChar(ctx->out, '{');
	if (s->lsn)
		appendStringInfo(ctx->out, "\"lsn\":\"%X/%X\",", LSN_FORMAT_ARGS(txn->end_lsn));
	if (s->xid)
		appendStringInfo(ctx->out, "\"xid\":%u,", txn->xid);
	if (s->timestamp)
	{
		appendStringInfoString(ctx->out, "\"timestamp\":");
		oe_json_timestamptz(ctx->out, oe_commit_time(txn));
		appendStringInfoChar(ctx->out, ',');
	}
}

void
oe_stream_line_end(LogicalDecodingContext *ctx, bool last)
{
	OeStream   *s = ctx->output_plugin_private;

	OutputPluginWrite(ctx, last);
	s->wrote = true;
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
	oe_texts_init(&s->texts, 0);
	oe_stream_rels_init(s);
	MemoryContextSwitchTo(old);
	ctx->output_plugin_private = s;
}

static void
oe_stream_shutdown(LogicalDecodingContext *ctx)
{
	if (ctx->output_plugin_private)
		oe_stream_rels_end(ctx->output_plugin_private);
}

static void
oe_stream_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	OeStream   *s = ctx->output_plugin_private;

	s->changes = 0;
	s->wrote = false;
}

/*
 * Before version 16 nobody else tells the receiver that we are alive while
 * everything is left out.
 */
static void
oe_stream_progress(LogicalDecodingContext *ctx)
{
#if PG_VERSION_NUM < 160000
	static int	skipped = 0;

	if (++skipped >= 100)
	{
		skipped = 0;
		OutputPluginUpdateProgress(ctx, false);
	}
#endif
}

static bool
oe_type_wanted(OeStream *s, const char *type)
{
	for (int i = 0; i < s->nnames; i++)
		if (fnmatch(s->names[i], type, 0) == 0)
			return true;
	return s->names == NULL;
}

/*
 * source=outbox: a row that came is an event.
 */
static void
oe_stream_event(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation rel,
				OeStreamRel *r, HeapTuple tup)
{
	OeStream   *s = ctx->output_plugin_private;
	MemoryContext old = MemoryContextSwitchTo(s->change_cxt);
	bool		bare = !s->lsn && !s->xid && !s->timestamp;
	bool		isnull;
	char	   *type = TextDatumGetCString(heap_getattr(tup, r->type, RelationGetDescr(rel), &isnull));

	if (oe_type_wanted(s, type))
	{
		char	   *event = TextDatumGetCString(heap_getattr(tup, r->event, RelationGetDescr(rel), &isnull));

		if (bare)
			OutputPluginPrepareWrite(ctx, true);
		else
		{
			oe_stream_line_begin(ctx, txn, true);
			appendStringInfoString(ctx->out, "\"event\":");
		}
		appendStringInfoString(ctx->out, event);
		if (!bare)
			appendStringInfoChar(ctx->out, '}');
		oe_stream_line_end(ctx, true);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(s->change_cxt);
}

static void
oe_stream_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation rel,
				 ReorderBufferChange *change)
{
	OeStream   *s = ctx->output_plugin_private;
	OeStreamRel *r = oe_stream_rel(s, rel);

	if (r->shape)
		oe_stream_table_change(s, r, change);
	else if (r->event != InvalidAttrNumber && change->action == REORDER_BUFFER_CHANGE_INSERT)
		oe_stream_event(ctx, txn, rel, r, oe_decoded_tuple(change->data.tp.newtuple));
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

		if (r->shape)
			oe_stream_table_truncate(s, r);
	}
}

static void
oe_stream_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	OeStream   *s = ctx->output_plugin_private;

	if (s->source == OE_SOURCE_TABLES)
		oe_stream_table_commit(ctx, txn);
	if (!s->wrote && !s->skip_empty)
	{
		oe_stream_line_begin(ctx, txn, true);
		appendStringInfoString(ctx->out, "\"empty\":true}");
		oe_stream_line_end(ctx, true);
	}
#if PG_VERSION_NUM < 160000
	OutputPluginUpdateProgress(ctx, !s->wrote);
#endif
}

/*
 * What another server's replication brings is not Odoo's work here; triggers
 * do not see it either.
 */
static bool
oe_stream_filter_by_origin(LogicalDecodingContext *ctx, RepOriginId origin)
{
	OeStream   *s = ctx->output_plugin_private;

	return origin != InvalidRepOriginId && s->source == OE_SOURCE_TABLES;
}

void
_PG_output_plugin_init(OutputPluginCallbacks *cb)
{
	cb->startup_cb = oe_stream_startup;
	cb->shutdown_cb = oe_stream_shutdown;
	cb->begin_cb = oe_stream_begin;
	cb->change_cb = oe_stream_change;
	cb->truncate_cb = oe_stream_truncate;
	cb->commit_cb = oe_stream_commit;
	cb->filter_by_origin_cb = oe_stream_filter_by_origin;
}
