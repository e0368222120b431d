/*
 * selection.c
 *	  The changes that a retry unit is about.
 *
 * Memory only.  A retry unit covers whole transactions, or, after an error,
 * some of the ordering keys of one transaction (retry_unit.c).
 */
#include "postgres.h"

#include "publish/model/cycle.h"
#include "publish/model/transaction.h"
#include "publish/transform/selection.h"

/*
 * Is this change one of those that the attempt is about?
 */
bool
oe_selection_has(OeCycle *cy, OeChange *c)
{
	OeRetryUnit *a = cy->attempt;

	return !c->quarantined && (a->high == 0 || (c->key_number >= a->low && c->key_number < a->high));
}

/*
 * How many changes of a transaction an attempt looks at, and the i-th of them;
 * they are all of it, or those of some of its keys.
 */
int
oe_selection_size(OeCycle *cy, OeTx *tx)
{
	OeRetryUnit *a = cy->attempt;

	return a->high == 0 ? tx->n : tx->key_start[a->high] - tx->key_start[a->low];
}

OeChange *
oe_selection_change(OeCycle *cy, OeTx *tx, int i)
{
	OeRetryUnit *a = cy->attempt;

	return &tx->changes[a->high == 0 ? i : tx->by_key[tx->key_start[a->low] + i]];
}
