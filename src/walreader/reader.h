/*
 * reader.h
 *	  Capture from the WAL: a reader that decodes and a recorder that writes
 *	  the journal, one pair per database.
 *
 * The reader (reader.c) owns the replication slot and keeps one decoding
 * context open, outside any transaction.  It runs no transaction of its own,
 * because what the caches hold while it decodes belongs to another moment.
 * The recorder (recorder.c) gets the net changes through a queue in dynamic
 * shared memory and writes each of Odoo's transactions to the journal in one
 * transaction of its trusted transaction, together with how far it is: the progress of a
 * replication origin, which PostgreSQL keeps in the commit record.  So every
 * change is written once, also when it is decoded twice.
 *
 * The worker starts the recorder, the recorder the reader; each goes when
 * the one before it has gone.
 */
#ifndef OE_READER_H
#define OE_READER_H

#include "postgres.h"
#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"

#define OE_QUEUE_SIZE (1024 * 1024)
/* The reader sends what it has when it is so much. */
#define OE_CHUNK_SIZE (64 * 1024)

/* Name of the slot and of the origin. */
#define OE_WAL_NAME "odoo_events_%u"

/* At the beginning of the dynamic shared memory; the queue follows. */
typedef struct OeReaderShared
{
	XLogRecPtr	start;			/* all before it is in the journal */
	pg_atomic_uint64 durable;	/* the same, and on disk, as it goes on */
} OeReaderShared;

/* Records of the queue, several in a message, unaligned.  A transaction is
 * BEGIN, CHANGEs, COMMIT; it may go over several messages. */
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
	bool		partial;		/* the WAL does not give all of it */
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

/* Worker, outside a transaction: one step of what capture from the WAL needs.
 * A copy, which is not armed and has no slot, does not capture that way.
 * Answers after how many milliseconds the next is due, 0 for never. */
extern int	oe_reader_step(bool armed);

/* Worker, outside a transaction, before it leaves: if it does so because the
 * extension is gone, slot and origin go too. */
extern void oe_reader_forget(void);

/* Worker, when it ends. */
extern void oe_reader_stop(void);

#endif							/* OE_READER_H */
