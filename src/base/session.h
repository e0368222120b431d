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
	bool		inner;			/* a trusted transaction of the worker within
								 * another one, which commits */
} OeSession;

/* True in the worker process: it has no transaction of a caller's. */
extern bool oe_session_is_worker;

/* Name of the worker's database, for messages.  It stays the same as long as the
 * worker lives: a database with sessions cannot be renamed. */
extern char oe_session_database[NAMEDATALEN];

/* Oid of the extension that the worker works for; InvalidOid elsewhere.  After
 * DROP and CREATE EXTENSION the oid differs, which tells the worker that what it
 * has in memory belongs to tables that are gone. */
extern Oid	oe_session_extension;

/* Class and keys of the advisory locks of this library; no SQL function can take
 * locks of that class. */
#define OE_LOCK_CLASS 0x4f45
#define OE_LOCK_PUBLISHER 0x6f65
#define OE_LOCK_EXTENSION 0x6f66
#define OE_LOCK_READER 0x6f67

/* In a transaction.  oe_own_begin() takes the first one; the second one is taken
 * before DROP EXTENSION (worker/hooks.c). */
extern void oe_extension_lock(OeExtension *ext);
extern void oe_extension_lock_for_drop(void);

/* Background processes, before they connect.  From then on "note" is called with
 * every error that is logged, also with one that ends the process before its own
 * handlers exist; but not when the process was asked to end. */
extern void oe_session_note_errors(void (*note) (const char *message));

extern void oe_own_begin(OeSession *s);
extern void oe_own_end(OeSession *s);	/* commits in the worker */
extern void oe_foreign_begin(OeSession *s);
extern void oe_foreign_end(OeSession *s);	/* always rolls back */

/* In the PG_CATCH around an as-owner transaction that failed, after
 * FlushErrorState(): rolls it back and restores the caller's state.  Needed
 * wherever the error does not end the caller's whole transaction: an outer handler,
 * such as EXCEPTION of PL/pgSQL, would take our subtransaction for its own. */
extern void oe_foreign_failed(OeSession *s);

/* In such a PG_CATCH, before oe_foreign_failed(): was the error caused by
 * odoo_events.read_timeout? */
extern bool oe_foreign_time_is_up(int sqlerrcode);

/* Does this table of the extension have the column?  The library also works with
 * an extension that has not been updated yet. */
extern bool oe_own_column(const char *table, const char *column);

/* Worker: logs it if library and extension are not of the same version. */
extern void oe_report_versions(void);

/* Worker, after an error in either kind of transaction and its abort: resets what
 * an abort leaves.  Returns the message that should be logged instead of the
 * error's own, or NULL. */
extern const char *oe_session_aborted(int sqlerrcode);

/* Worker, right after connecting: resets every setting that the database or a
 * role has changed, then sets those that we rely on (search_path, timeouts ...). */
extern void oe_session_reset_settings(void);

/*
 * Runs one SPI statement with a cached plan.  "slot" is a static variable of the
 * caller that keeps the plan (in trusted transactions only, since Odoo's tables may
 * change).
 * Raises on any SPI error.  Returns SPI's result code; rows are in SPI_tuptable
 * and SPI_processed.
 */
struct _SPI_plan;
extern int	oe_spi(struct _SPI_plan **slot, const char *sql, int nargs,
				   const Oid *types, const Datum *values, const char *nulls,
				   bool read_only, long limit);
extern struct _SPI_plan *oe_plan(struct _SPI_plan **slot, const char *sql, int nargs, const Oid *types);

#endif							/* OE_SESSION_H */
