/*
 * stream.h
 *	  Declarations that the files of the output plugin share.
 *
 * A walsender, or a backend in pg_logical_slot_get_changes().  All memory is
 * below the decoding context's.  Catalogs are read with the historic snapshot
 * of the transaction that is being decoded, and no other tables but those
 * declared user_catalog_table.  Takes no locks of its own.
 */
#ifndef OE_STREAM_H
#define OE_STREAM_H

#include "postgres.h"
#include "lib/ilist.h"
#include "replication/logical.h"
#include "utils/hsearch.h"
#include "utils/relcache.h"

#include "capture/log.h"
#include "capture/text.h"

typedef enum OeStreamSource
{
	OE_SOURCE_OUTBOX,			/* published events */
	OE_SOURCE_TABLES			/* net changes of Odoo's tables */
} OeStreamSource;

/*
 * The WAL reader's callbacks, to which the plugin gives net changes instead of writing
 * lines.  It then decodes only tables of rules that wal_rule names as captured from
 * the WAL.
 */
typedef struct OeStreamSink
{
	void	   *arg;

	/*
	 * One net change, whose texts "t" holds; "compare": it is captured by
	 * triggers too.
	 */
	void		(*change) (void *arg, ReorderBufferTXN *txn, OeTexts *t, bool compare);

	/* The end of a transaction that had net changes. */
	void		(*commit) (void *arg, ReorderBufferTXN *txn);
} OeStreamSink;

/* A relation as the plugin sees it at this point of the WAL.  Memory of
 * OeStream.rels. */
typedef struct OeStreamRel
{
	Oid			relid;			/* hash key */
	bool		valid;			/* false: look again */
	bool		full;			/* REPLICA IDENTITY FULL: old rows are known */
	bool		compare;		/* captured by triggers too */
	AttrNumber	event;			/* outbox member: its columns; 0: none */
	AttrNumber	type;
	OeRowLayout *layout;		/* captured table; else NULL */
	char	   *name;			/* of the table, or of its topmost partitioned
								 * one, as JSON */
} OeStreamRel;

/* Events of a transaction that is not committed yet (pieces.c). */
typedef struct OePieces OePieces;

typedef struct OeStream
{
	MemoryContext cxt;
	MemoryContext change_cxt;	/* reset after each change */
	/* options */
	OeStreamSource source;
	char	  **names;			/* entities, or patterns of types; NULL: all */
	int			nnames;
	bool		lsn;
	bool		xid;
	bool		timestamp;
	bool		skip_empty;
	OeStreamSink *sink;			/* NULL: lines */
	/* state */
	HTAB	   *rels;
	Oid			rule_table;
	Oid			odoo_schema;	/* that the entries were made for */
	bool		schema_doubtful;	/* to be looked up again */
	Oid			wal_table;		/* wal_rule, where there is a sink */
	MemoryContext retired;		/* layouts that change records may still refer
								 * to */
	OeLog		log;			/* of the transaction that is decoded */
	OeTexts		texts;			/* of its net change at hand */
	CommandId	changes;		/* counts its changes, and orders them */
	bool		wrote;			/* it has made a line */
	int			silent;			/* changes since the latest keepalive */
	StringInfoData line;		/* its latest line, which is held back */
	dlist_head	pieces;			/* transactions that come in pieces */
} OeStream;

/* options.c */
extern void oe_stream_options(OeStream *s, List *options);

/* relation.c */
extern void oe_stream_rels_init(OeStream *s);
extern void oe_stream_entities_check(OeStream *s);
extern OeStreamRel *oe_stream_rel(OeStream *s, Relation rel);
extern void oe_stream_rels_flush(OeStream *s);

/* tables.c */
extern void oe_stream_table_change(OeStream *s, OeStreamRel *r, ReorderBufferChange *change);
extern void oe_stream_table_truncate(OeStream *s, OeStreamRel *r);
extern void oe_stream_table_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn);

/* pieces.c */
extern void oe_pieces_init(OeStream *s);
extern void oe_piece_keep(OeStream *s, ReorderBufferTXN *top, TransactionId xid, char *event);
extern void oe_pieces_cut(ReorderBufferTXN *top, TransactionId xid);
extern void oe_pieces_forget(ReorderBufferTXN *top);
extern void oe_pieces_send(LogicalDecodingContext *ctx, ReorderBufferTXN *top);

/* line.c */
extern StringInfo oe_stream_line(LogicalDecodingContext *ctx);
extern void oe_stream_head(OeStream *s, ReorderBufferTXN *txn, StringInfo out);
extern void oe_stream_event_line(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, const char *event);
extern void oe_stream_lines_end(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr end);

/* plugin.c: the reader, right after CreateDecodingContext() */
extern void oe_stream_divert(LogicalDecodingContext *ctx, OeStreamSink *sink);

#endif							/* OE_STREAM_H */
