/*
 * session.h
 *	  The two kinds of transaction, never mixed: ours and Odoo's.
 *
 * "Own" work reads and writes the extension's tables as the extension's
 * owner, with qualified names only; it touches no foreign object, so that no
 * user-defined code runs with those rights, and it gives the user id back
 * before it commits.  "Foreign" work reads Odoo's tables as the owner of the
 * database, in a security-restricted operation, read only, with settings in a
 * nest level that is undone, and ends by ABORT: it leaves nothing behind but
 * the plain values its caller copied out.
 *
 * Reading Odoo's tables runs what Odoo's role has attached to them (policies,
 * index expressions, even while planning), so the worker gives it
 * odoo_events.read_timeout each time, after which it is cancelled.
 *
 * In the worker each is a transaction of its own, but for own work that is
 * begun inside own work, of which it is a part.  In a backend (publish())
 * own work is part of the caller's transaction and foreign work a
 * subtransaction that is rolled back.  Both connect SPI.  Own work takes a
 * lock that DROP EXTENSION waits for (oe_extension_lock()); it raises
 * ERRCODE_UNDEFINED_OBJECT if the extension is gone, and ERRCODE_OBJECT_IN_USE
 * while it is being dropped.  It waits for no lock on the extension itself.
 *
 * After an error in own work nothing need be called: aborting the transaction
 * undoes all.  After one in foreign work see oe_foreign_failed().
 * Both switch back to the memory context they were called in when they end.
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
	bool		inner;			/* own work of the worker, part of another one */
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

/* In a transaction: what own work begins with; and before DROP EXTENSION
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

/* In the PG_CATCH of foreign work that failed, after FlushErrorState(): undoes
 * the bracket.  Needed wherever the error does not end the caller's whole
 * transaction: a handler further out, PL/pgSQL's EXCEPTION for one, would
 * take our subtransaction for its own. */
extern void oe_foreign_failed(OeSession *s);

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
 * Runs one SPI statement with a cached plan.  "slot" is a static variable of
 * the caller that keeps the plan (own work only: foreign tables change).
 * Raises on any SPI error.  Returns SPI's result code; rows are in
 * SPI_tuptable and SPI_processed.
 */
struct _SPI_plan;
extern int	oe_spi(struct _SPI_plan **slot, const char *sql, int nargs,
				   const Oid *types, const Datum *values, const char *nulls,
				   bool read_only, long limit);
extern struct _SPI_plan *oe_plan(struct _SPI_plan **slot, const char *sql, int nargs, const Oid *types);

#endif							/* OE_SESSION_H */
