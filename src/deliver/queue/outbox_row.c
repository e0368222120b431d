/*
 * outbox_row.c
 *	  Takes a row of the outbox apart.
 *
 * Worker only, within the trusted transaction that read the row.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/compat.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/queue/outbox_row.h"

#define OE_ROW_COLUMNS 11

static const char *
oe_text_of(Datum d, int *len)
{
	text	   *t = DatumGetTextPP(d);

	*len = VARSIZE_ANY_EXHDR(t);
	return VARDATA_ANY(t);
}

/*
 * Takes a row apart; "first" columns precede the event's.  What the result
 * points to is valid as long as the tuple or the memory context.
 */
void
oe_outbox_row_read(OeOutboxRow *row, HeapTuple tup, TupleDesc desc, int first)
{
	Datum		values[OE_ROW_COLUMNS + 1];
	bool		nulls[OE_ROW_COLUMNS + 1];
	Datum	   *v = values + first;

	if (desc->natts > OE_ROW_COLUMNS + 1)
		elog(ERROR, "an event was read with %d columns", desc->natts);
	heap_deform_tuple(tup, desc, values, nulls);
	memset(row, 0, sizeof(*row));
	row->position = DatumGetInt64(v[0]);
	row->id = DatumGetUUIDP(v[1]);
	row->type = oe_text_of(v[2], &row->type_len);
	row->subject = oe_text_of(v[3], &row->subject_len);
	row->key = oe_text_of(v[4], &row->key_len);
	row->has_company = !nulls[first + 5];
	row->company = row->has_company ? DatumGetInt32(v[5]) : 0;
	row->has_warehouse = !nulls[first + 6];
	row->warehouse = row->has_warehouse ? DatumGetInt32(v[6]) : 0;
	row->body = oe_text_of(v[7], &row->body_len);
	row->classes = nulls[first + 8] ? NULL : oe_text_of(v[8], &row->classes_len);
	/* a replay of an extension of 0.1.0 does not read it */
	row->time = desc->natts > first + 9 ? DatumGetTimestampTz(v[9]) : 0;
}

/*
 * How many items of one key may be in memory.
 */
int
oe_key_items_max(const OeConfiguration *conf)
{
	return Max(OE_KEY_ITEMS_MAX, 2 * conf->batch_size);
}
