/*
 * line.c
 *	  Lines of the output plugin, and at which positions of the WAL they are
 *	  sent (stream.h).
 *
 * A consumer confirms the position of the last line that it has.  So the last
 * line of a transaction is sent at the end of its commit record, and all
 * others before the commit record: who confirms one of those gets the
 * transaction again, and who confirms the last one does not.  For that the
 * last line so far is always held back.
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
 * A new line, empty, to be filled by the caller; the one before goes out.
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
 * The head of a line: the members that were asked for.
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
 * A published event, byte for byte, wrapped only where the consumer asked for
 * more.
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
 * The transaction has given all its lines: the last one goes out at "end".
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
