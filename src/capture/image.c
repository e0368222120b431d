/*
 * image.c
 *	  Images of rows in notes (image.h).
 *
 * An image is a minimal tuple of the shape's own descriptor, values flat and
 * out of TOAST: it stays readable after ALTER TABLE, and after the old heap is
 * gone.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"

#include "base/compat.h"
#include "capture/image.h"

/*
 * Values that look different: numerics may differ in scale only, and varlena
 * values in how they are stored.
 */
static bool
oe_same_slow(const OeColumn *col, Datum a, Datum b)
{
	if (datum_image_eq(a, b, col->byval, col->len))
		return true;
	return col->type == NUMERICOID &&
		DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
}

bool
oe_same(const OeColumn *col, Datum a, bool a_null, Datum b, bool b_null)
{
	Pointer		pa,
				pb;

	if (a_null || b_null)
		return a_null == b_null;
	if (col->byval)
		return a == b;
	pa = DatumGetPointer(a);
	pb = DatumGetPointer(b);
	if (col->len > 0)
		return memcmp(pa, pb, col->len) == 0;
	/* equal bytes: also the same value in TOAST, which is not fetched then */
	if (VARSIZE_ANY(pa) == VARSIZE_ANY(pb) && memcmp(pa, pb, VARSIZE_ANY(pa)) == 0)
		return true;
	if (VARATT_IS_SHORT(pa) && VARATT_IS_SHORT(pb) && col->type != NUMERICOID)
		return false;
	return oe_same_slow(col, a, b);
}

/*
 * Brings values out of TOAST.  Needs the snapshot of the statement, which is
 * why it is done when noting.
 */
static void
oe_row_flatten(const OeShape *shape, OeRow *row)
{
	for (int i = 0; i < shape->ncols; i++)
		if (!row->nulls[i] && shape->cols[i].len == -1 &&
			VARATT_IS_EXTERNAL(DatumGetPointer(row->values[i])))
			row->values[i] = PointerGetDatum(detoast_external_attr((struct varlena *)
																   DatumGetPointer(row->values[i])));
}

static Size
oe_image_size(const OeShape *shape, OeRow *row, Size *data_size)
{
	oe_row_flatten(shape, row);
	*data_size = heap_compute_data_size(shape->desc, row->values, row->nulls);
	/* always with a null bitmap: simpler, and old images of U need it anyway */
	return MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(shape->ncols)) -
		MINIMAL_TUPLE_OFFSET + *data_size;
}

static void
oe_image_pack(const OeShape *shape, OeRow *row, char *to, Size size, Size data_size)
{
	MinimalTuple tup = (MinimalTuple) to;

	memset(tup, 0, size);
	tup->t_len = size;
	HeapTupleHeaderSetNatts(tup, shape->ncols);
	tup->t_hoff = size - data_size + MINIMAL_TUPLE_OFFSET;
	tup->t_infomask = HEAP_HASNULL;
	heap_fill_tuple(shape->desc, row->values, row->nulls, to + (size - data_size),
					data_size, &tup->t_infomask, tup->t_bits);
}

static void
oe_image_unpack(const OeNote *note, uint32 offset, OeRow *row)
{
	MinimalTuple mtup = (MinimalTuple) ((char *) note + offset);
	HeapTupleData tup;

	tup.t_len = mtup->t_len + MINIMAL_TUPLE_OFFSET;
	tup.t_data = (HeapTupleHeader) ((char *) mtup - MINIMAL_TUPLE_OFFSET);
	heap_deform_tuple(&tup, note->shape->desc, row->values, row->nulls);
}

void
oe_image_new(const OeNote *note, OeRow *row)
{
	oe_image_unpack(note, note->new_image, row);
}

/*
 * The old image of U is laid over the new one.
 */
void
oe_image_old(const OeNote *note, OeRow *row)
{
	int			ncols = note->shape->ncols;
	const uint64 *changed = oe_note_changed(note);
	OeRow		after;

	oe_image_unpack(note, note->old_image, row);
	if (note->op != 'U')
		return;
	after.values = palloc(ncols * sizeof(Datum));
	after.nulls = palloc(ncols * sizeof(bool));
	oe_image_new(note, &after);
	for (int i = 0; i < ncols; i++)
		if (!oe_bit_test(changed, i))
		{
			row->values[i] = after.values[i];
			row->nulls[i] = after.nulls[i];
		}
}

bool
oe_note(OeShape *shape, char op, CommandId cid, bool foreign, int64 id,
		OeRow *old, OeRow *new, const uint64 *changed)
{
	Size		size = MAXALIGN(sizeof(OeNote));
	Size		old_size = 0,
				old_data = 0,
				new_size = 0,
				new_data = 0;
	uint32		old_at,
				new_at;
	OeNote	   *note;

	if (changed)
	{
		for (int i = 0; i < shape->ncols; i++)
			if (!oe_bit_test(changed, i))
				old->nulls[i] = true;
		size += MAXALIGN(oe_nwords(shape->ncols) * sizeof(uint64));
	}
	old_at = size;
	if (old)
		size += MAXALIGN(old_size = oe_image_size(shape, old, &old_data));
	new_at = size;
	if (new)
		size += MAXALIGN(new_size = oe_image_size(shape, new, &new_data));

	note = oe_log_reserve(size);
	if (note == NULL)
		return false;
	note->size = size;
	note->cid = cid;
	note->id = id;
	note->shape = shape;
	note->op = op;
	note->foreign = foreign;
	note->old_image = old ? old_at : 0;
	note->new_image = new ? new_at : 0;
	if (changed)
		memcpy((char *) note + MAXALIGN(sizeof(OeNote)), changed,
			   oe_nwords(shape->ncols) * sizeof(uint64));
	if (old)
		oe_image_pack(shape, old, (char *) note + old_at, old_size, old_data);
	if (new)
		oe_image_pack(shape, new, (char *) note + new_at, new_size, new_data);
	oe_log_append(note);
	return true;
}
