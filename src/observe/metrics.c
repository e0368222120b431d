/*
 * metrics.c
 *	  What metrics() reads from shared memory.
 *
 * Any backend; no tables.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/shmem.h"

PG_FUNCTION_INFO_V1(oe_sql_type_stats);
PG_FUNCTION_INFO_V1(oe_sql_histogram_stats);
PG_FUNCTION_INFO_V1(oe_sql_requests_in_flight);
PG_FUNCTION_INFO_V1(oe_sql_span_stats);

/*
 * _type_stats(OUT type, OUT published, OUT last_at): events by type since the
 * server started.
 */
Datum
oe_sql_type_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OeSlot	   *slot = oe_slot_mine(false);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; slot != NULL && i < OE_MAX_TYPES; i++)
	{
		OeTypeStats *s = &slot->metrics.types[i];
		char		type[OE_TYPE_LEN];
		TimestampTz last = (TimestampTz) pg_atomic_read_u64(&s->last_at);
		Datum		values[3];
		bool		nulls[3] = {false};

		oe_slots_lock(false);
		strlcpy(type, s->type, sizeof(type));
		oe_slots_unlock();
		if (type[0] == '\0')
			continue;
		values[0] = CStringGetTextDatum(type);
		values[1] = Int64GetDatum((int64) pg_atomic_read_u64(&s->published));
		values[2] = TimestampTzGetDatum(last);
		nulls[2] = last == 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * One histogram as Prometheus wants it: each bucket holds those before it.
 */
static void
oe_histogram_rows(ReturnSetInfo *rsinfo, const char *name, OeHistogram *h)
{
	int64		count = 0;

	for (int i = 0; i <= OE_BUCKETS; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		count += (int64) pg_atomic_read_u64(&h->counts[i]);
		values[0] = CStringGetTextDatum(name);
		values[1] = Float8GetDatum(i < OE_BUCKETS ? oe_bucket_us[i] / 1e6 : 0);
		nulls[1] = i == OE_BUCKETS;
		values[2] = Int64GetDatum(count);
		values[3] = Float8GetDatum((double) pg_atomic_read_u64(&h->sum_us) / 1e6);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/*
 * _histogram_stats(OUT name, OUT le, OUT count, OUT sum): le is null in the
 * last bucket, whose count is that of all.
 */
Datum
oe_sql_histogram_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OeSlot	   *slot = oe_slot_mine(false);

	InitMaterializedSRF(fcinfo, 0);
	if (slot != NULL)
	{
		oe_histogram_rows(rsinfo, "delivery_duration_seconds", &slot->metrics.delivery_duration);
		oe_histogram_rows(rsinfo, "commit_to_ack_seconds", &slot->metrics.commit_to_ack);
	}
	return (Datum) 0;
}

Datum
oe_sql_requests_in_flight(PG_FUNCTION_ARGS)
{
	OeSlot	   *slot = oe_slot_mine(false);

	PG_RETURN_INT64(slot ? (int64) pg_atomic_read_u32(&slot->metrics.in_flight) : 0);
}

/*
 * _span_stats(OUT exported, OUT lost)
 */
Datum
oe_sql_span_stats(PG_FUNCTION_ARGS)
{
	OeSlot	   *slot = oe_slot_mine(false);
	Datum		values[2];
	bool		nulls[2] = {false};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Int64GetDatum(slot ? (int64) pg_atomic_read_u64(&slot->metrics.spans_exported) : 0);
	values[1] = Int64GetDatum(slot ? (int64) pg_atomic_read_u64(&slot->metrics.spans_lost) : 0);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
