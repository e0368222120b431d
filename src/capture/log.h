/*
 * log.h
 *	  Append-only log of the change records of one transaction.
 *
 * In Odoo's backend it belongs to the current transaction, in a process that
 * decodes WAL to the transaction that is being decoded (stream/tables.c).  A
 * position is an offset in bytes since the transaction began.  Positions below
 * "spilled" are in a temporary file, the rest in memory.  Subtransactions nest, so
 * that the abort of one always cuts the tail of the log.
 */
#ifndef OE_LOG_H
#define OE_LOG_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "storage/fd.h"

#include "base/shmem.h"
#include "capture/layout.h"

#define OE_NOWHERE PG_UINT64_MAX

/*
 * Counters of one captured table in one transaction.  Also the unit of merging:
 * the partitions of a table share one target.  In the memory of the log.
 */
typedef struct OeTarget
{
	Oid			relid;			/* root of a partitioned table */
	char		rule[NAMEDATALEN];
	uint32		number;			/* in the order of the targets' first changes */
	int64		recorded;		/* change records, also those cut off since */
	int64		lost;			/* changes that could not be recorded */
	int64		written;		/* rows written to the journal */
	int64		left_out;		/* changes while odoo_events.capture was off */
	const char *reason;			/* of the first loss; NULL: none */
	struct OeTarget *next;
} OeTarget;

/*
 * A change record: one change of one row.  Behind the header stand, for U, a bitmap
 * of the columns that differ (uint64 words), then the old and the new version of
 * the row.
 */
typedef struct OeChangeRecord
{
	uint32		size;			/* bytes of the whole record, a multiple of
								 * MAXALIGN */
	CommandId	cid;			/* orders the changes of one row */
	int64		id;				/* of Odoo's row */
	OeRowLayout *layout;		/* kept until the transaction ends */
	char		op;				/* I, U, D; T truncated; E a ready-made event,
								 * S one to be made of the row: the new
								 * version is a text */
	bool		foreign;		/* the old version is not of this transaction */
	uint32		old_image;		/* the old version: offset in the record; 0:
								 * none, or, for U and D of the output plugin,
								 * not known */
	uint32		old_len;		/* bytes */
	uint32		new_image;		/* the new version likewise; 0: none */
	uint32		new_len;
} OeChangeRecord;

/* A TRUNCATE: change records of the relation that stand before it are void. */
typedef struct OeTruncation
{
	uint64		pos;
	OeTarget   *target;
	Oid			relid;
} OeTruncation;

/* The position of the first change record of a subtransaction that is still open. */
typedef struct OeMark
{
	SubTransactionId sub;
	uint64		pos;
} OeMark;

/* The log itself.  One lives as long as the process, others as long as a decoding
 * context. */
typedef struct OeLog
{
	MemoryContext parent;		/* of cxt; NULL: TopTransactionContext */
	bool		decoding;		/* a change that cannot be kept is an error,
								 * not a gap; TOAST cannot be read */
	void		(*alive) (void *arg);	/* called from time to time during a
										 * long merge; NULL: nothing to call */
	void	   *alive_arg;
	MemoryContext cxt;			/* NULL: no change record in this transaction */
	bool		matters;		/* there is a change that makes a journal row
								 * by itself: not only updates of carried
								 * columns */
	uint64		tx;				/* number of the transaction in this backend */
	uint64		spilled;		/* bytes in the file */
	Size		used;			/* bytes in memory */
	bool		failed;			/* the log is lost: changes are only counted */
	OeTarget   *targets;
	uint32		ntargets;
	OeTruncation *truncations;
	int			ntruncations;
	int			maxtruncations;
	char	   *memory;			/* the records from position "spilled" on */
	Size		size;			/* bytes allocated for it */
	File		file;			/* 0: none */
	char	   *window;			/* read buffer: window_len bytes of the file
								 * from window_pos on; NULL: none */
	uint64		window_pos;
	Size		window_len;
	OeMark	   *marks;			/* open subtransactions, outermost first */
	int			nmarks;
	int			maxmarks;
} OeLog;

/* The log that change records are appended to: that of the current transaction, but
 * during calls of the output plugin the plugin's. */
extern OeLog *oe_log;

/* Switches back to the log of the current transaction, also after an error in the
 * plugin. */
extern void oe_log_mine(void);

#define oe_log_end() (oe_log->spilled + oe_log->used)

extern OeTarget *oe_log_target(Oid relid, const char *rule);
extern OeTarget *oe_log_layout_target(OeRowLayout *layout);

/* Room for a change record at the end of the log; NULL when the log has failed.  The
 * record is part of the log once oe_log_append() is called. */
extern OeChangeRecord *oe_log_reserve(Size size);
extern void oe_log_append(OeChangeRecord *record);

/* The change record at a position.  One that is in the file is read into "buf". */
extern const OeChangeRecord *oe_log_read(uint64 pos, StringInfo buf);

/* Gives the log up: all its change records are counted as lost. */
extern void oe_log_fail(const char *reason);

extern void oe_log_sub_commit(SubTransactionId sub, SubTransactionId parent);
extern void oe_log_sub_abort(SubTransactionId sub);

/* Before a commit: closes the file. */
extern void oe_log_close(void);
extern void oe_log_reset(void);

#endif							/* OE_LOG_H */
