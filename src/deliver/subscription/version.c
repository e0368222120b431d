/*
 * version.c
 *	  From which event on a subscription's configuration holds.
 *
 * Worker only, in the trusted transaction that loads the configuration.  An
 * event is judged once, by the configuration that is in memory when the event
 * is read, so only the worker knows where an alteration begins to count.
 * trace() and replay(missed => true) read that from subscription_version.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"

#include "base/oe.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/subscription/version.h"

/*
 * Writes the cursor of one subscription beside the versions that it has just
 * loaded.  "recovered": the events after the cursor are judged again, so that a
 * version that was noted further on begins here.  A row that an operator's
 * transaction has locked (unsubscribe) is left alone.
 */
static void
oe_version_note(OeSub *sub, bool recovered)
{
	static const Oid types[3] = {INT4OID, INT8OID, BOOLOID};
	Datum		values[3] = {Int32GetDatum(sub->id), Int64GetDatum(sub->cursor), BoolGetDatum(recovered)};

	(void) oe_spi(NULL, "UPDATE odoo_events.subscription_version v SET position = $2"
				  " FROM (SELECT x.subscription_id, x.version FROM odoo_events.subscription_version x"
				  "  WHERE x.subscription_id = $1 AND (x.position IS NULL OR $3 AND x.position > $2) FOR UPDATE SKIP LOCKED) l"
				  " WHERE v.subscription_id = l.subscription_id AND v.version = l.version",
				  3, types, values, NULL, false, 0);
}

void
oe_versions_note(void)
{
	dlist_iter	it;

	if (!oe_own_column("subscription_version", "position"))
		return;					/* the extension's objects are of 0.1.0 */
	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->conf == NULL || sub->version_noted == sub->conf->version)
			continue;
		oe_version_note(sub, sub->version_noted == 0);
	}
}

void
oe_versions_noted(void)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->conf != NULL)
			sub->version_noted = sub->conf->version;
	}
}
