/*
 * acknowledged.c
 *	  Events that somebody has brought to a partner by other means, and has
 *	  settled with acknowledge().
 *
 * Worker only.  Table "acknowledged" keeps them as long as the outbox does, so
 * that they are settled after a crash, too.  A subscription passes them over
 * whenever it comes to them; what is in memory already is settled by a command
 * (command.c).  A replay is an order to send again, and does not look here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/acknowledged.h"

static void
oe_acknowledged_forget(void)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->acknowledged != NULL)
			pfree(sub->acknowledged);
		sub->acknowledged = NULL;
		sub->nacknowledged = 0;
	}
}

static void
oe_acknowledged_take(OeSub *sub, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, &n);
	sub->acknowledged = MemoryContextAlloc(oe_delivery.cxt, sizeof(int64) * Max(n, 1));
	for (int i = 0; i < n; i++)
		sub->acknowledged[i] = DatumGetInt64(values[i]);
	sub->nacknowledged = n;
}

void
oe_acknowledged_load(void)
{
	/* an extension of 0.1.0 has no such table */
	if (!oe_own_column("acknowledged", "position"))
		return;
	oe_acknowledged_forget();
	(void) oe_spi(NULL, "SELECT subscription_id, array_agg(position ORDER BY position) FROM odoo_events.acknowledged GROUP BY subscription_id",
				  0, NULL, NULL, NULL, true, 0);
	for (int i = 0; i < (int) SPI_processed; i++)
	{
		OeSub	   *sub = oe_sub_find(oe_cell_int4(SPI_tuptable, i, 1));
		bool		isnull;

		if (sub != NULL)
			oe_acknowledged_take(sub, DatumGetArrayTypeP(oe_cell(SPI_tuptable, i, 2, &isnull)));
	}
	SPI_freetuptable(SPI_tuptable);
}

bool
oe_is_acknowledged(const OeSub *sub, int64 position)
{
	int			lo = 0;
	int			hi = sub->nacknowledged;

	while (lo < hi)
	{
		int			mid = lo + (hi - lo) / 2;

		if (sub->acknowledged[mid] < position)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < sub->nacknowledged && sub->acknowledged[lo] == position;
}
