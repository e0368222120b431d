/*
 * bound.h
 *	  Settings that count only in the transaction that set them.
 */
#ifndef OE_BOUND_H
#define OE_BOUND_H

#include "postgres.h"
#include "storage/proc.h"
#include "utils/guc.h"

#if PG_VERSION_NUM >= 170000
#define oe_my_lxid() (MyProc->vxid.lxid)
#else
#define oe_my_lxid() (MyProc->lxid)
#endif

/* The check hook's part.  "statement": what to do instead, for the hint. */
extern bool oe_bound_check(void **extra, GucSource source, const char *name, const char *statement);

/* The assign hook's: in which transaction the value counts; Invalid: in any. */
static inline LocalTransactionId
oe_bound_to(void *extra)
{
	return extra ? *(LocalTransactionId *) extra : InvalidLocalTransactionId;
}

/* Does it count here? */
static inline bool
oe_bound_here(LocalTransactionId lxid)
{
	return lxid == InvalidLocalTransactionId || (MyProc != NULL && lxid == oe_my_lxid());
}

#endif							/* OE_BOUND_H */
