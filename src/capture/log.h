/*
 * log.h
 *	  Append-only log of noted changes of one transaction.
 *
 * Odoo's backend: of its current transaction.  A process that decodes: of the
 * transaction that is being decoded (decode.c).  A position is an offset in
 * bytes since the transaction began; positions below "spilled" are in a
 * temporary file, the rest in memory.  Ids of subtransactions only grow, so
 * that the abort of one cuts the log's tail and nothing else.
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
 * What is counted per captured table in one transaction: also the unit of
 * merging, so that partitions of one table are one target.
 */
typedef struct OeTarget
{
	Oid			relid;			/* root of a partitioned table */
	char		rule[NAMEDATALEN];
	uint32		number;
	int64		recorded;		/* notes in the log, before any is cut */
	int64		lost;			/* changes that could not be noted */
	int64		written;		/* rows written to the journal */
	int64		left_out;		/* changes while odoo_events.capture was off */
	const char *reason;			/* of the loss */
	struct OeTarget *next;
} OeTarget;

/*
 * One noted change.  After the header: for U a bitmap of the columns that
 * differ (uint64 words), then the old and the new version of the row.
 */
typedef struct OeChangeRecord
{
	uint32		size;			/* of it all, a multiple of MAXALIGN */
	CommandId	cid;			/* orders the changes of one row */
	int64		id;
	OeRowLayout *layout;
	char		op;				/* I, U, D; T truncated; E a ready-made event,
								 * S one to be made of the row: the new
								 * version is a text */
	bool		foreign;		/* the old version is not of this transaction */
	uint32		old_image;		/* offset in the note; 0: none, or, for U and
								 * D of the output plugin, not known */
	uint32		old_len;
	uint32		new_image;
	uint32		new_len;
} OeChangeRecord;

/* A TRUNCATE: voids the notes of the relation that stand before it. */
typedef struct OeTruncation
{
	uint64		pos;
	OeTarget   *target;
	Oid			relid;
} OeTruncation;

/* Where the first note of a subtransaction that is still open stands. */
typedef struct OeMark
{
	SubTransactionId sub;
	uint64		pos;
} OeMark;

typedef struct OeLog
{
	MemoryContext parent;		/* of cxt; NULL: the transaction's */
	bool		decoding;		/* where it cannot be kept: not a gap, an
								 * error; TOAST cannot be read */
	void		(*alive) (void *arg);	/* called while much is merged */
	void	   *alive_arg;
	MemoryContext cxt;			/* NULL: nothing noted in this transaction */
	bool		matters;		/* a note that alone would matter: not just
								 * updates of carried columns */
	uint64		tx;				/* number of the transaction in this backend */
	uint64		spilled;		/* bytes in the file */
	Size		used;			/* bytes in memory */
	bool		failed;			/* the log is lost: changes are only counted */
	OeTarget   *targets;
	uint32		ntargets;
	OeTruncation *truncations;
	int			ntruncations;
	int			maxtruncations;
	char	   *memory;
	Size		size;			/* of memory */
	File		file;			/* 0: none */
	char	   *window;			/* part of the file, for reading */
	uint64		window_pos;
	Size		window_len;
	OeMark	   *marks;
	int			nmarks;
	int			maxmarks;
} OeLog;

/* The log that notes go to: the current transaction's, but in calls of the
 * output plugin. */
extern OeLog *oe_log;

/* Back to the current transaction's, also after an error in the plugin. */
extern void oe_log_mine(void);

#define oe_log_end() (oe_log->spilled + oe_log->used)

extern OeTarget *oe_log_target(Oid relid, const char *rule);
extern OeTarget *oe_log_layout_target(OeRowLayout *layout);

/* Room for a note at the end of the log; NULL when the log has failed.  The
 * note counts once oe_log_append() is called. */
extern OeChangeRecord *oe_log_reserve(Size size);
extern void oe_log_append(OeChangeRecord *record);

/* The note at a position; "buf" holds it where it comes from the file. */
extern const OeChangeRecord *oe_log_read(uint64 pos, StringInfo buf);

/* Gives the log up: what was noted is counted as lost. */
extern void oe_log_fail(const char *reason);

extern void oe_log_sub_commit(SubTransactionId sub, SubTransactionId parent);
extern void oe_log_sub_abort(SubTransactionId sub);

/* Before the transaction ends well: closes the file. */
extern void oe_log_close(void);
extern void oe_log_reset(void);

#endif							/* OE_LOG_H */
