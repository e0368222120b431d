/*
 * session.h
 *	  The two kinds of transaction, never mixed: trusted ("own") and as-owner
 *	  ("foreign").
 *
 * A trusted transaction reads and writes the extension's tables as the
 * extension's owner, with qualified names only.  It touches no other object, so
 * that no user-defined code runs with these rights, and it gives the user id
 * back before it commits.  An as-owner transaction reads Odoo's tables as the
 * owner of the database, in a security-restricted operation, read only, with
 * settings in a nest level that is undone.  It always rolls back: the caller
 * copies plain values out before.
 *
 * In the worker each of them is a transaction, but a trusted one that is begun
 * within another trusted one is part of that.  In a backend (publish()) a trusted
 * transaction is part of the caller's, and an as-owner transaction is a
 * subtransaction that is rolled back.  Both connect SPI.  A trusted transaction
 * takes an AccessShareLock on the extension, so that DROP EXTENSION waits for it,
 * and raises ERRCODE_UNDEFINED_OBJECT if the extension is gone.
 *
 * After an error in a trusted transaction nothing has to be called: aborting it
 * undoes everything.  After one in an as-owner transaction see
 * oe_foreign_failed().  Both switch back to the memory context of their caller
 * when they end.
 */
#ifndef OE_SESSION_H
#define OE_SESSION_H

#include "postgres.h"
#include "base/oe.h"

typedef struct OeSession
{
	Oid			save_user;
	int			save_sec;
	int			save_nest;		/* GUC nest level */
	MemoryContext save_cxt;
	void	   *save_owner;		/* ResourceOwner of the caller */
	bool		inner;			/* trusted transaction of the worker, part of
								 * another one */
} OeSession;

/* True in the worker process: it has no transaction of a caller's. */
extern bool oe_session_is_worker;

/* Name of the worker's database, for messages.  It cannot change under us: a
 * database that is renamed has no sessions. */
extern char oe_session_database[NAMEDATALEN];

/* Oid of the extension that the worker works for; InvalidOid elsewhere.  One
 * that was dropped and created again is another one: what the worker has in
 * memory belongs to the tables of the former. */
extern Oid	oe_session_extension;

/* Key and class of the advisory-style locks of this library; no SQL function
 * uses the class. */
#define OE_LOCK_CLASS 0x4f45
#define OE_LOCK_PUBLISHER 0x6f65
#define OE_LOCK_EXTENSION 0x6f66
#define OE_LOCK_READER 0x6f67

/* In a transaction: what trusted transaction begins with; and before DROP EXTENSION
 * (worker/hooks.c). */
extern void oe_extension_lock(OeExtension *ext);
extern void oe_extension_lock_for_drop(void);

/* Background processes, before they connect: from here on "note" gets every
 * error that is logged, also one that ends the process before its own handlers
 * are there.  Not that somebody asked it to end. */
extern void oe_session_note_errors(void (*note) (const char *message));

extern void oe_own_begin(OeSession *s);
extern void oe_own_end(OeSession *s);	/* commits in the worker */
extern void oe_foreign_begin(OeSession *s);
extern void oe_foreign_end(OeSession *s);	/* always rolls back */

/* In the PG_CATCH of as-owner transaction that failed, after FlushErrorState(): undoes
 * the bracket.  Needed wherever the error does not end the caller's whole
 * transaction: a handler further out, PL/pgSQL's EXCEPTION for one, would
 * take our subtransaction for its own. */
extern void oe_foreign_failed(OeSession *s);

/* In such a PG_CATCH, before that: did the transaction exceed
 * odoo_events.read_timeout? */
extern bool oe_foreign_time_is_up(int sqlerrcode);

/* Does this table of the extension's have the column?  The library also serves
 * an extension that has not been updated. */
extern bool oe_own_column(const char *table, const char *column);

/* Worker: logs it if library and extension are not of the same version. */
extern void oe_report_versions(void);

/* Worker, after an error in either kind of work and the abort of its
 * transaction: ends what outlives that.  NULL, or the message that the error
 * should have had. */
extern const char *oe_session_aborted(int sqlerrcode);

/* Worker, right after connecting: resets every setting that the database or a
 * role planted, then sets our own (search_path, timeouts ...). */
extern void oe_session_reset_settings(void);

/*
 * Runs one SPI statement with a cached plan.  "slot" is a static variable of the
 * caller that keeps the plan (trusted transaction only: foreign tables change).
 * Raises on any SPI error.  Returns SPI's result code; rows are in SPI_tuptable
 * and SPI_processed.
 */
struct _SPI_plan;
extern int	oe_spi(struct _SPI_plan **slot, const char *sql, int nargs,
				   const Oid *types, const Datum *values, const char *nulls,
				   bool read_only, long limit);
extern struct _SPI_plan *oe_plan(struct _SPI_plan **slot, const char *sql, int nargs, const Oid *types);

#endif							/* OE_SESSION_H */
