/*
 * line.c
 *	  Lines of the output plugin, and the WAL positions with which they are sent
 *	  (stream.h).
 *
 * A consumer confirms the position of the last line that it has.  A consumer that
 * has confirmed only a part of a transaction must get all of it again.  So the last
 * line of a transaction has the position of the end of its commit record, and all
 * others have the beginning of it.  Which line is the last one is known at the end
 * only; the latest line is therefore held back until the next one is made.
 */
#include "postgres.h"

#include "replication/output_plugin.h"

#include "base/compat.h"
#include "base/json.h"
#include "stream/stream.h"

static void
oe_stream_line_out(LogicalDecodingContext *ctx)
{
	OeStream   *s = ctx->output_plugin_private;

	if (s->line.len == 0)
		return;
	OutputPluginPrepareWrite(ctx, true);
	appendBinaryStringInfo(ctx->out, s->line.data, s->line.len);
	OutputPluginWrite(ctx, true);
	resetStringInfo(&s->line);
}

/*
 * Sends the line that was held back, and returns an empty one to be filled.
 */
StringInfo
oe_stream_line(LogicalDecodingContext *ctx)
{
	OeStream   *s = ctx->output_plugin_private;

	oe_stream_line_out(ctx);
	s->wrote = true;
	return &s->line;
}

/*
 * Appends the members that the consumer's options ask for.
 */
void
oe_stream_head(OeStream *s, ReorderBufferTXN *txn, StringInfo out)
{
	appendStringInfoChar(out, '{');
	if (s->lsn)
		appendStringInfo(out, "\"lsn\":\"%X/%X\",", LSN_FORMAT_ARGS(txn->end_lsn));
	if (s->xid)
		appendStringInfo(out, "\"xid\":%u,", txn->xid);
	if (s->timestamp)
	{
		appendStringInfoString(out, "\"timestamp\":");
		oe_json_timestamptz(out, oe_commit_time(txn));
		appendStringInfoChar(out, ',');
	}
}

/*
 * Makes the line of a published event: its bytes alone, or, where the consumer asked
 * for further members, an object around them.
 */
void
oe_stream_event_line(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, const char *event)
{
	OeStream   *s = ctx->output_plugin_private;
	StringInfo	out = oe_stream_line(ctx);
	bool		bare = !s->lsn && !s->xid && !s->timestamp;

	if (!bare)
	{
		oe_stream_head(s, txn, out);
		appendStringInfoString(out, "\"event\":");
	}
	appendStringInfoString(out, event);
	if (!bare)
		appendStringInfoChar(out, '}');
}

/*
 * After all lines of a transaction: sends the last one with the position "end".
 */
void
oe_stream_lines_end(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr end)
{
	OeStream   *s = ctx->output_plugin_private;

	if (!s->wrote && !s->skip_empty)
	{
		StringInfo	out = oe_stream_line(ctx);

		oe_stream_head(s, txn, out);
		appendStringInfoString(out, "\"empty\":true}");
	}
	ctx->write_location = end;
	oe_stream_line_out(ctx);
}
