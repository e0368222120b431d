/*
 * journal.h
 *	  Writing the net changes of a transaction, just before it commits.
 */
#ifndef OE_JOURNAL_H
#define OE_JOURNAL_H

#include "postgres.h"
#include "access/xact.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

#include "base/insert.h"

/*
 * The rows of one transaction for the journal.  Odoo's backend just before its
 * commit; or the recorder, for a transaction that was decoded.
 */
typedef struct OeJournal
{
	/* set by the caller before oe_journal_begin(), else zero */
	uint64		source_xid;		/* of the decoded transaction; 0: this one */
	TimestampTz at;				/* 0: now */
	int64		next_id;		/* counted up from here; 0: the sequence */
	/* private */
	OeInserter	ins;
	Oid			sequence;
	Datum		xid;
	char	   *rule_name;		/* that "rule" holds */
	Datum		rule;
	Datum		traceparent;
	bool		traceparent_null;
} OeJournal;

/* In a transaction with an active snapshot.  Locks a member of the ring, and
 * the sequence, conditionally; raises where that cannot be had.  Allocates in
 * the caller's context. */
extern void oe_journal_begin(OeJournal *j);

/* "old" and "new" are texts with VARHDRSZ bytes in front of them; NULL: none. */
extern void oe_journal_row(OeJournal *j, const char *rule, Oid relid, char op, int64 record,
						   StringInfo old, StringInfo new);
extern void oe_journal_end(OeJournal *j);

/* XACT_EVENT_PRE_COMMIT and XACT_EVENT_PRE_PREPARE. */
extern void oe_journal_flush(void);

/* Writes to the audit log which changes the transaction left out by its own choice
 * (odoo_events.capture, quiet()).  A step of oe_subtransaction_run(). */
extern void oe_left_out_write(void *arg);

/* quiet.c: the reason that this transaction gave to quiet(); NULL: none. */
extern const char *oe_quiet_reason(void);

#endif							/* OE_JOURNAL_H */
