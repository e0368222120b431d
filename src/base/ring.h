/*
 * ring.h
 *	  Rings: fixed sets of LOGGED tables <name>_0 .. <name>_<n-1>, filled one
 *	  after another and emptied by TRUNCATE.
 *
 * Readers always read all members, so the one being filled is only a hint.  A
 * writer locks the hinted member conditionally (RowExclusiveLock), else the
 * next: it never waits.  The emptier takes AccessExclusiveLock conditionally,
 * checks with a new snapshot that nothing in the member is needed, truncates
 * and commits.
 */
#ifndef OE_RING_H
#define OE_RING_H

#include "postgres.h"
#include "utils/relcache.h"

/* Any backend, in a transaction.  Oids of the members, in order: a look-up each
 * time, since DROP and CREATE EXTENSION change them. */
extern void oe_ring_members(const char *name, int n, Oid *members);

/* Any backend.  Opens a member for insertion (RowExclusiveLock until the end
 * of the transaction), starting at *hint; never waits: where no member can be
 * had conditionally it raises ERRCODE_LOCK_NOT_AVAILABLE.  *hint is set to
 * the member taken. */
extern Relation oe_ring_open(const Oid *members, int n, int *hint);

/*
 * Worker only, outside a transaction.  Empties member "i" of ring "name" in a
 * transaction of its own, unless somebody holds it or the query "needed",
 * which must be a SELECT of one boolean with the given parameters, answers
 * true (or null).  Answers whether it is empty now.
 */
extern bool oe_ring_empty(const char *name, int i, const char *needed,
						  int nargs, const Oid *types, const Datum *values,
						  const char *nulls);

#endif							/* OE_RING_H */
