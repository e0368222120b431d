/*
 * image.c
 *	  Row versions in change records (image.h).
 *
 * A change record contains the row version as the table stores it.  The layout keeps
 * the tuple descriptor, so that it stays readable after ALTER TABLE.  Values in
 * TOAST are fetched at once, but of captured columns only: at commit they may be
 * gone.  Copying a whole version is far cheaper than picking columns out of it, and
 * most rows are changed once per transaction.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"

#include "base/compat.h"
#include "capture/image.h"

/*
 * Compares values whose bytes differ.  Numerics may differ in scale only, varlena
 * values in compression only.
 */
static bool
oe_same_slow(const OeLayoutColumn *col, Datum a, Datum b)
{
	if (datum_image_eq(a, b, col->byval, col->len))
		return true;
	return col->type == NUMERICOID &&
		DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
}

static bool
oe_same_varlena(const OeLayoutColumn *col, char *a, char *b)
{
	/* equal bytes: also the same value in TOAST, which is not fetched then */
	if (VARSIZE_ANY(a) == VARSIZE_ANY(b) && memcmp(a, b, VARSIZE_ANY(a)) == 0)
		return true;
	if (VARATT_IS_SHORT(a) && VARATT_IS_SHORT(b) && col->type != NUMERICOID)
		return false;
	return oe_same_slow(col, PointerGetDatum(a), PointerGetDatum(b));
}

bool
oe_column_same(const OeLayoutColumn *col, Datum a, bool a_null, Datum b, bool b_null)
{
	if (a_null || b_null)
		return a_null == b_null;
	if (col->byval)
		return a == b;
	if (col->len > 0)
		return memcmp(DatumGetPointer(a), DatumGetPointer(b), col->len) == 0;
	return oe_same_varlena(col, DatumGetPointer(a), DatumGetPointer(b));
}

/*
 * Compares two stored values of a column; neither is null.
 */
static inline bool
oe_same_stored(const OeLayoutColumn *col, char *a, char *b)
{
	switch (col->len)
	{
		case -1:
			return oe_same_varlena(col, a, b);
		case 1:
			return *a == *b;
		case 2:
			return *(int16 *) a == *(int16 *) b;
		case 4:
			return *(int32 *) a == *(int32 *) b;
		case 8:
			return memcmp(a, b, 8) == 0;
		default:
			return memcmp(a, b, col->len) == 0;
	}
}

/*
 * Walks over the stored attributes of a row version.
 */
typedef struct OeWalker
{
	char	   *data;
	uint8	   *bits;			/* NULL: no nulls */
	Size		off;			/* behind the attribute last visited */
} OeWalker;

static inline void
oe_walk_begin(OeWalker *w, HeapTuple tup)
{
	w->data = (char *) tup->t_data + tup->t_data->t_hoff;
	w->bits = HeapTupleHasNulls(tup) ? tup->t_data->t_bits : NULL;
	w->off = 0;
}

/*
 * Where the value of the next attribute stands; NULL if it is null.
 */
static inline char *
oe_walk_next(OeWalker *w, int attr, int len, Size align_mask)
{
	char	   *at;

	if (w->bits && att_isnull(attr, w->bits))
		return NULL;
	if (len > 0)
	{
		w->off = (w->off + align_mask) & ~align_mask;
		at = w->data + w->off;
		w->off += len;
		return at;
	}
	/* short varlena values are not aligned; padding is zero */
	if (w->data[w->off] == 0)
		w->off = (w->off + align_mask) & ~align_mask;
	at = w->data + w->off;
	w->off += VARSIZE_ANY(at);
	return at;
}

/*
 * The general comparison, for row versions that are older than a column of the
 * table.
 */
static bool
oe_tuples_differ_slow(const OeRowLayout *layout, HeapTuple old, HeapTuple new,
					  uint64 *changed)
{
	bool		differ = false;

	for (int i = 0; i < layout->ncols; i++)
	{
		const OeLayoutColumn *col = &layout->cols[i];
		bool		old_null,
					new_null;
		Datum		old_value = heap_getattr(old, col->attnum, layout->desc, &old_null);
		Datum		new_value = heap_getattr(new, col->attnum, layout->desc, &new_null);

		if (oe_column_same(col, old_value, old_null, new_value, new_null))
			continue;
		oe_bit_set(changed, i);
		differ = true;
	}
	return differ;
}

bool
oe_significant(const OeRowLayout *layout, const uint64 *changed)
{
	bool		fresh = unlikely(layout->fresh != NULL) && layout->fresh_xid == GetTopTransactionIdIfAny();

	for (int i = 0; i < oe_nwords(layout->ncols); i++)
		if (changed[i] & layout->significant[i] & ~(fresh ? layout->fresh[i] : 0))
			return true;
	return false;
}

bool
oe_tuples_differ(const OeRowLayout *layout, HeapTuple old, HeapTuple new, uint64 *changed)
{
	bool		differ = false;
	OeWalker	a,
				b;

	memset(changed, 0, oe_nwords(layout->ncols) * sizeof(uint64));
	if (layout->steps == NULL ||
		HeapTupleHeaderGetNatts(old->t_data) < layout->maxatt ||
		HeapTupleHeaderGetNatts(new->t_data) < layout->maxatt)
		return oe_tuples_differ_slow(layout, old, new, changed);

	oe_walk_begin(&a, old);
	oe_walk_begin(&b, new);
	for (int attr = 0; attr < layout->maxatt; attr++)
	{
		const OeLayoutStep *step = &layout->steps[attr];
		char	   *was = oe_walk_next(&a, attr, step->len, step->align_mask);
		char	   *is = oe_walk_next(&b, attr, step->len, step->align_mask);

		if (step->col < 0)
			continue;
		if (was == NULL || is == NULL ? was == is :
			oe_same_stored(&layout->cols[step->col], was, is))
			continue;
		oe_bit_set(changed, step->col);
		differ = true;
	}
	return differ;
}

bool
oe_column_fresh(const OeRowLayout *layout, int column)
{
	return unlikely(layout->fresh != NULL) && layout->fresh_xid == GetTopTransactionIdIfAny() &&
		oe_bit_test(layout->fresh, column);
}

bool
oe_tuple_id(const OeRowLayout *layout, HeapTuple tup, int64 *id)
{
	const OeLayoutColumn *col = &layout->cols[0];
	bool		isnull;
	Datum		value = heap_getattr(tup, col->attnum, layout->desc, &isnull);

	if (isnull)
		return false;
	*id = col->len == sizeof(int64) ? DatumGetInt64(value) : DatumGetInt32(value);
	return true;
}

/*
 * Is the value missing in the WAL?  It is where it did not change and is in TOAST,
 * which cannot be read while decoding.
 */
bool
oe_unavailable(const OeLayoutColumn *col, Datum value, bool isnull)
{
	return !isnull && col->len == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

HeapTuple
oe_tuple_complete(const OeRowLayout *layout, HeapTuple new, HeapTuple old)
{
	int			natts = layout->desc->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));

	heap_deform_tuple(new, layout->desc, values, nulls);
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(layout->desc, i);

		if (nulls[i] || att->attlen != -1 || !VARATT_IS_EXTERNAL(DatumGetPointer(values[i])))
			continue;
		if (!VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(values[i])))
			values[i] = PointerGetDatum(detoast_external_attr((struct varlena *)
															  DatumGetPointer(values[i])));
		else if (old)
			values[i] = heap_getattr(old, i + 1, layout->desc, &nulls[i]);
	}
	return heap_form_tuple(layout->desc, values, nulls);
}

/*
 * Replaces TOAST pointers of captured columns by their values, and those of other
 * columns by null.  Needs the snapshot of the statement, and is therefore called
 * when the change is recorded.
 */
static HeapTuple
oe_flatten(const OeRowLayout *layout, HeapTuple tup, const uint64 *wanted)
{
	int			natts = layout->desc->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc(natts * sizeof(bool));
	bool	   *keep = palloc0(natts * sizeof(bool));

	for (int i = 0; i < layout->ncols; i++)
		if (wanted == NULL || oe_bit_test(wanted, i))
			keep[layout->cols[i].attnum - 1] = true;
	heap_deform_tuple(tup, layout->desc, values, nulls);
	for (int i = 0; i < natts; i++)
	{
		if (nulls[i] || TupleDescAttr(layout->desc, i)->attlen != -1 ||
			!VARATT_IS_EXTERNAL(DatumGetPointer(values[i])))
			continue;
		if (keep[i])
			values[i] = PointerGetDatum(detoast_external_attr((struct varlena *)
															  DatumGetPointer(values[i])));
		else
			nulls[i] = true;
	}
	return heap_form_tuple(layout->desc, values, nulls);
}

static bool
oe_only_holds(const OeOnly *only, Datum value)
{
	struct varlena *text = (struct varlena *) DatumGetPointer(value);
	int			len = strlen(only->value);

	if (only->type == BOOLOID)
		return DatumGetBool(value) == (only->value[0] == 't');
	if (only->type != TEXTOID && only->type != VARCHAROID)
		return false;
	/* a value in TOAST is longer than any that a rule compares with */
	return !VARATT_IS_EXTERNAL(text) && !VARATT_IS_COMPRESSED(text) &&
		VARSIZE_ANY_EXHDR(text) == len && memcmp(VARDATA_ANY(text), only->value, len) == 0;
}

/* Does the rule capture rows with these values? */
static bool
oe_tuple_wanted(const OeRowLayout *layout, HeapTuple tup)
{
	for (int i = 0; i < layout->nonly; i++)
	{
		bool		isnull;
		Datum		value = heap_getattr(tup, layout->only[i].attnum, layout->desc, &isnull);

		if (!isnull && oe_only_holds(&layout->only[i], value))
			return true;
	}
	return layout->nonly == 0;
}

/*
 * The same for the old or the new version of a change record; true where that
 * version is not known.
 */
bool
oe_record_wanted(const OeChangeRecord *record, bool old)
{
	HeapTupleData tup = {0};
	uint32		at = old ? record->old_image : record->new_image;

	if (record->layout->nonly == 0 || at == 0)
		return true;
	tup.t_len = old ? record->old_len : record->new_len;
	tup.t_data = (HeapTupleHeader) ((char *) record + at);
	return oe_tuple_wanted(record->layout, &tup);
}

bool
oe_record_change(OeRowLayout *layout, char op, CommandId cid, bool foreign, int64 id,
				 HeapTuple old, HeapTuple new, const uint64 *changed)
{
	Size		bits = changed ? oe_nwords(layout->ncols) * sizeof(uint64) : 0;
	uint32		old_at,
				new_at;
	Size		size;
	OeChangeRecord *record;

	if (old && HeapTupleHasExternal(old) && !oe_log->decoding)
		old = oe_flatten(layout, old, changed);
	if (new && HeapTupleHasExternal(new) && !oe_log->decoding)
		new = oe_flatten(layout, new, NULL);
	old_at = MAXALIGN(sizeof(OeChangeRecord)) + MAXALIGN(bits);
	new_at = old_at + (old ? MAXALIGN(old->t_len) : 0);
	size = new_at + (new ? MAXALIGN(new->t_len) : 0);

	record = oe_log_reserve(size);
	if (record == NULL)
		return false;
	record->size = size;
	record->cid = cid;
	record->id = id;
	record->layout = layout;
	record->op = op;
	record->foreign = foreign;
	record->old_image = old ? old_at : 0;
	record->old_len = old ? old->t_len : 0;
	record->new_image = new ? new_at : 0;
	record->new_len = new ? new->t_len : 0;
	if (changed)
	{
		memcpy((char *) record + MAXALIGN(sizeof(OeChangeRecord)), changed, bits);
		oe_log->matters |= oe_significant(layout, changed) && (oe_tuple_wanted(layout, new) || oe_tuple_wanted(layout, old));
	}
	else						/* what was, if that is not known, may count */
		oe_log->matters |= (op != 'I' && old == NULL) || (old && oe_tuple_wanted(layout, old)) || (new && oe_tuple_wanted(layout, new));
	if (old)
		memcpy((char *) record + old_at, old->t_data, old->t_len);
	if (new)
		memcpy((char *) record + new_at, new->t_data, new->t_len);
	oe_log_append(record);
	return true;
}

static void
oe_image_read(const OeChangeRecord *record, uint32 offset, uint32 len, OeRowValues *row)
{
	HeapTupleData tup = {0};

	tup.t_len = len;
	tup.t_data = (HeapTupleHeader) ((char *) record + offset);
	heap_deform_tuple(&tup, record->layout->desc, row->values, row->nulls);
}

static OeRowValues
oe_row_alloc(const OeRowLayout *layout)
{
	OeRowValues row;

	row.values = palloc(layout->desc->natts * sizeof(Datum));
	row.nulls = palloc(layout->desc->natts * sizeof(bool));
	return row;
}

void
oe_image_new(const OeChangeRecord *record, OeRowValues *row)
{
	*row = oe_row_alloc(record->layout);
	oe_image_read(record, record->new_image, record->new_len, row);
}

/*
 * In a record of U the old version may lack unchanged values in TOAST; they are
 * taken from the new version.
 */
void
oe_image_old(const OeChangeRecord *record, OeRowValues *row)
{
	const OeRowLayout *layout = record->layout;
	OeRowValues after;

	*row = oe_row_alloc(layout);
	oe_image_read(record, record->old_image, record->old_len, row);
	if (record->op != 'U')
		return;
	oe_image_new(record, &after);
	for (int i = 0; i < layout->ncols; i++)
		if (!oe_bit_test(oe_record_changed(record), i))
		{
			oe_column_value(row, &layout->cols[i]) = oe_column_value(&after, &layout->cols[i]);
			oe_column_null(row, &layout->cols[i]) = oe_column_null(&after, &layout->cols[i]);
		}
}
