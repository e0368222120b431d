/*
 * explain.c
 *	  Why a change was, or was not, made into an event.
 *
 * Any backend, in the caller's transaction.  One transaction of the journal is
 * read in a trusted transaction and made into events again in an as-owner
 * transaction, as the publisher does, but nothing is stored.  Matching reports
 * to decision_log.c why it rejected a definition.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"

#include "base/session.h"
#include "base/spi_row.h"
#include "publish/catalog/catalog.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/limits.h"
#include "publish/model/transaction.h"
#include "publish/retry_unit.h"
#include "publish/source/quarantine.h"

PG_FUNCTION_INFO_V1(oe_sql_explain_change);

/*
 * Reads one transaction of the journal; trusted transaction.
 */
static void
oe_explain_read(OeCycle *cy, Datum xid)
{
	static const Oid types[] = {XID8OID};
	OeSession	s;
	OeTx	   *tx;

	oe_own_begin(&s);
	MemoryContextSwitchTo(cy->cxt);
	cy->now = GetCurrentTimestamp();
	cy->cat = oe_catalog();
	(void) oe_spi_keep_context(NULL,
							   "SELECT xid, id, at, rule, relid, op, record_id, old, new, traceparent FROM odoo_events.journal"
							   " WHERE xid = $1 ORDER BY id",
							   1, types, &xid, NULL, true, OE_CHUNK_ROWS);
	cy->ntx = 1;
	tx = cy->tx = palloc0(sizeof(OeTx));
	tx->xid = U64FromFullTransactionId(DatumGetFullTransactionId(xid));
	tx->changes = palloc0(sizeof(OeChange) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
		oe_change_read(cy, &tx->changes[tx->n++], i);
	oe_own_end(&s);
	MemoryContextSwitchTo(cy->cxt);
}

static void
oe_explain_put(ReturnSetInfo *rsinfo, const char *step, const char *verdict, const char *detail)
{
	Datum		values[3];
	bool		nulls[3] = {false, false, detail == NULL};

	values[0] = CStringGetTextDatum(step);
	values[1] = CStringGetTextDatum(verdict);
	values[2] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * _explain_change(entity, record_id, xid): what becomes of the transaction's
 * change of this record.
 */
Datum
oe_sql_explain_change(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *entity = text_to_cstring(PG_GETARG_TEXT_PP(0));
	OeCycle    *cy = palloc0(sizeof(OeCycle));
	OeExplain	explain = {0};
	char	   *failure = NULL;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	cy->cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events explain", ALLOCSET_DEFAULT_SIZES);
	oe_explain_read(cy, PG_GETARG_DATUM(2));
	explain.e = oe_entity_find(cy->cat, entity);
	explain.id = PG_GETARG_INT64(1);
	cy->explain = &explain;
	if (explain.e)
	{
		oe_retry_unit_add(cy, 0, 0, 0, 0);
		while (!oe_retry_units_make(cy, &failure))
			CHECK_FOR_INTERRUPTS();
	}
	if (failure)
		oe_explain_put(rsinfo, "publish", "error", failure);
	foreach(lc, explain.said)
	{
		OeDecision *said = lfirst(lc);

		oe_explain_put(rsinfo, said->step, said->verdict, said->detail);
	}
	foreach(lc, failure ? NIL : cy->tx->events)
	{
		OeDraftEvent *ev = lfirst(lc);

		if (ev->e && ev->e == explain.e && ev->record_id == explain.id)
			oe_explain_put(rsinfo, ev->type, "event", psprintf("subject %s, key %s", ev->subject, ev->key));
	}
	return (Datum) 0;
}
