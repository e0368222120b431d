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

/* For the check hook of such a setting.  "statement" is the SET LOCAL that the
 * hint of the error recommends. */
extern bool oe_bound_check(void **extra, GucSource source, const char *name, const char *statement);

/* For the assign hook: the transaction in which the value counts;
 * InvalidLocalTransactionId where it counts in every one. */
static inline LocalTransactionId
oe_bound_to(void *extra)
{
	return extra ? *(LocalTransactionId *) extra : InvalidLocalTransactionId;
}

/* Does a value that is bound to this transaction count in the current one? */
static inline bool
oe_bound_here(LocalTransactionId lxid)
{
	return lxid == InvalidLocalTransactionId || (MyProc != NULL && lxid == oe_my_lxid());
}

#endif							/* OE_BOUND_H */
