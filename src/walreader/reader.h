/*
 * reader.h
 *	  Capture from the WAL: a reader that decodes and a recorder that writes the
 *	  journal, one pair per database.
 *
 * The reader (reader.c) owns the replication slot and keeps one decoding context
 * open, outside any transaction.  It runs no transaction of its own, because while it
 * decodes its caches hold the catalogs of an earlier moment.  The recorder
 * (recorder.c) gets the net changes through a queue in dynamic shared memory.  It
 * writes each of Odoo's transactions to the journal in one trusted transaction.  The
 * commit record of that also has the progress of a replication origin.  So every
 * change is written once, also when it is decoded twice.
 *
 * The worker starts the recorder, and the recorder starts the reader.  Each of them
 * ends when the one that started it has ended.
 */
#ifndef OE_READER_H
#define OE_READER_H

#include "postgres.h"
#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"

/* Bytes of the queue, and of net changes that the reader collects before it sends
 * them. */
#define OE_QUEUE_SIZE (1024 * 1024)
#define OE_CHUNK_SIZE (64 * 1024)

/* Name of the slot and of the origin. */
#define OE_WAL_NAME "odoo_events_%u"

/* At the beginning of the dynamic shared memory; the queue follows. */
typedef struct OeReaderShared
{
	XLogRecPtr	start;			/* where to begin: all before it is in the
								 * journal */
	pg_atomic_uint64 durable;	/* up to here the journal is on disk; the
								 * recorder moves it on */
} OeReaderShared;

/* Records of the queue; a message has several of them, unaligned.  A transaction is
 * BEGIN, CHANGEs, COMMIT, and may extend over several messages. */
#define OE_REC_BEGIN 'B'
#define OE_REC_CHANGE 'R'
#define OE_REC_COMMIT 'C'

typedef struct OeRecBegin
{
	char		kind;
	uint64		xid;			/* with its epoch */
	TimestampTz committed_at;
} OeRecBegin;

typedef struct OeRecChange
{
	char		kind;
	char		op;
	bool		compare;		/* captured by triggers too */
	bool		partial;		/* the WAL does not have the whole old row */
	Oid			relid;
	int64		record;
	char		rule[NAMEDATALEN];
	int32		old_len;		/* of the texts that follow; -1: none */
	int32		new_len;
} OeRecChange;

typedef struct OeRecCommit
{
	char		kind;
	XLogRecPtr	end;			/* of the commit record */
} OeRecCommit;

/* Worker, outside a transaction: starts or ends the pair as needed.  A copy of a
 * database, which is not armed and has no slot, does not capture from the WAL.
 * Returns after how many milliseconds the next call is due; 0: never. */
extern int	oe_reader_step(bool armed);

/* Worker, outside a transaction, before it ends: drops slot and origin if the
 * extension is gone. */
extern void oe_reader_forget(void);

/* Worker, when it ends: ends recorder and reader. */
extern void oe_reader_stop(void);

#endif							/* OE_READER_H */
