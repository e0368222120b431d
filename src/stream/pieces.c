/*
 * pieces.c
 *	  source=outbox: transactions that come in pieces before their commit
 *	  (stream.h).
 *
 * Where a transaction exceeds logical_decoding_work_mem, the server does not spill it
 * to disk, but hands over the changes so far.  Most of them are rows of Odoo's, which
 * this source ignores.  Events among them are kept in a temporary file of the
 * transaction, and sent when its commit is decoded, so that a consumer never gets an
 * event that is rolled back later.  The file is closed with the decoding context,
 * also after an error.
 */
#include "postgres.h"

#include "commands/tablespace.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "stream/stream.h"

/* Where the events of a transaction or subtransaction begin in the file. */
typedef struct OePieceMark
{
	TransactionId xid;
	int			fileno;
	off_t		offset;
	int64		events;			/* number of events before it */
} OePieceMark;

struct OePieces
{
	dlist_node	node;			/* in OeStream.pieces */
	BufFile    *file;			/* length and text of each event; its position
								 * is the end, where events are written */
	int64		events;
	OePieceMark *marks;			/* in the order of their positions */
	int			nmarks;
	int			maxmarks;
};

static void
oe_pieces_drop(OePieces *p)
{
	dlist_delete(&p->node);
	BufFileClose(p->file);
	pfree(p->marks);
	pfree(p);
}

/*
 * Callback of the decoding context's memory: it is being deleted, perhaps after an
 * error.
 */
static void
oe_pieces_drop_all(void *arg)
{
	OeStream   *s = arg;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &s->pieces)
	{
		oe_pieces_drop(dlist_container(OePieces, node, iter.cur));
	}
}

void
oe_pieces_init(OeStream *s)
{
	MemoryContextCallback *callback = MemoryContextAllocZero(s->cxt, sizeof(*callback));

	dlist_init(&s->pieces);
	callback->func = oe_pieces_drop_all;
	callback->arg = s;
	MemoryContextRegisterResetCallback(s->cxt, callback);
}

/*
 * The kept events of a transaction; made with the first event.
 */
static OePieces *
oe_pieces_of(OeStream *s, ReorderBufferTXN *top)
{
	OePieces   *p = top->output_plugin_private;
	MemoryContext caller;

	if (p)
		return p;
	caller = MemoryContextSwitchTo(s->cxt);
	p = palloc0(sizeof(OePieces));
	p->maxmarks = 8;
	p->marks = palloc(p->maxmarks * sizeof(OePieceMark));
	PrepareTempTablespaces();
	p->file = BufFileCreateTemp(true);
	dlist_push_tail(&s->pieces, &p->node);
	MemoryContextSwitchTo(caller);
	top->output_plugin_private = p;
	return p;
}

/*
 * Remembers the position at which events of a transaction or subtransaction begin.
 */
static void
oe_piece_mark(OePieces *p, TransactionId xid)
{
	OePieceMark *m;

	for (int i = 0; i < p->nmarks; i++)
		if (p->marks[i].xid == xid)
			return;
	if (p->nmarks == p->maxmarks)
	{
		p->maxmarks *= 2;
		p->marks = repalloc(p->marks, p->maxmarks * sizeof(OePieceMark));
	}
	m = &p->marks[p->nmarks++];
	m->xid = xid;
	m->events = p->events;
	BufFileTell(p->file, &m->fileno, &m->offset);
}

/*
 * Keeps an event until the commit; "xid" is that of the subtransaction which wrote it.
 */
void
oe_piece_keep(OeStream *s, ReorderBufferTXN *top, TransactionId xid, char *event)
{
	OePieces   *p = oe_pieces_of(s, top);
	int			len = strlen(event);

	oe_piece_mark(p, xid);
	BufFileWrite(p->file, &len, sizeof(len));
	BufFileWrite(p->file, event, len);
	p->events++;
}

static void
oe_piece_seek(OePieces *p, int fileno, off_t offset)
{
	if (BufFileSeek(p->file, fileno, offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in the temporary file of a transaction's events: %m")));
}

/*
 * Drops the kept events of a transaction.
 */
void
oe_pieces_forget(ReorderBufferTXN *top)
{
	if (top->output_plugin_private)
		oe_pieces_drop(top->output_plugin_private);
	top->output_plugin_private = NULL;
}

/*
 * A subtransaction was rolled back.  All events after its first one belong to it or
 * to its own subtransactions, which were rolled back with it.  So the file continues
 * at its first event.
 */
void
oe_pieces_cut(ReorderBufferTXN *top, TransactionId xid)
{
	OePieces   *p = top->output_plugin_private;

	for (int i = 0; p && i < p->nmarks; i++)
		if (p->marks[i].xid == xid)
		{
			oe_piece_seek(p, p->marks[i].fileno, p->marks[i].offset);
			p->events = p->marks[i].events;
			p->nmarks = i;
		}
}

/*
 * At the commit: sends the kept events.
 */
void
oe_pieces_send(LogicalDecodingContext *ctx, ReorderBufferTXN *top)
{
	OePieces   *p = top->output_plugin_private;
	StringInfoData event;

	if (p == NULL)
		return;
	initStringInfo(&event);
	oe_piece_seek(p, 0, 0);
	for (int64 i = 0; i < p->events; i++)
	{
		int			len;

		CHECK_FOR_INTERRUPTS();
		oe_buffile_read(p->file, &len, sizeof(len));
		resetStringInfo(&event);
		enlargeStringInfo(&event, len);
		oe_buffile_read(p->file, event.data, len);
		event.data[len] = '\0';
		oe_stream_event_line(ctx, top, event.data);
	}
	pfree(event.data);
	oe_pieces_forget(top);
}
