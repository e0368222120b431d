/*
 * text.c
 *	  The JSON texts of a net change (text.h).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/memutils.h"

#include "base/json.h"
#include "capture/image.h"
#include "capture/text.h"

static void
oe_text_begin(OeTexts *t, StringInfo text)
{
	resetStringInfo(text);
	text->len = t->reserve;
}

static inline void
oe_append(StringInfo buf, const char *data, int len)
{
	if (unlikely(buf->len + len >= buf->maxlen))
		enlargeStringInfo(buf, len);
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
}

/*
 * Appends "name":value, with a comma where it is not the first.
 */
static inline void
oe_json_member(StringInfo buf, OeLayoutColumn *col, Datum value, bool isnull)
{
	int			skip = buf->data[buf->len - 1] == '{' ? 1 : 0;

	oe_append(buf, col->key + skip, col->keylen + (isnull ? 4 : 0) - skip);
	if (!isnull)
		oe_json_datum(buf, col->type, &col->out, value);
}

static void
oe_json_row(OeTexts *t, StringInfo buf, OeRowLayout *layout, const OeRowValues *row)
{
	appendStringInfoCharMacro(buf, '{');
	for (int i = 0; i < layout->ncols; i++)
	{
		OeLayoutColumn *col = &layout->cols[i];

		if (unlikely(oe_log->decoding) &&
			oe_unavailable(col, oe_column_value(row, col), oe_column_null(row, col)))
		{
			oe_append(&t->unavailable, col->key, col->keylen - 1);
			continue;
		}
		oe_json_member(buf, col, oe_column_value(row, col), oe_column_null(row, col));
	}
	appendStringInfoCharMacro(buf, '}');
}

/*
 * Compares columns of two layouts of one table, which was altered in between: by
 * value where the type is the same, else by the JSON that would be written.
 */
static bool
oe_same_across(OeLayoutColumn *a, Datum va, bool na, OeLayoutColumn *b, Datum vb, bool nb)
{
	StringInfoData ta,
				tb;

	if (na || nb)
		return na == nb;
	if (a->type == b->type)
		return oe_column_same(a, va, na, vb, nb);
	initStringInfo(&ta);
	initStringInfo(&tb);
	oe_json_datum(&ta, a->type, &a->out, va);
	oe_json_datum(&tb, b->type, &b->out, vb);
	return strcmp(ta.data, tb.data) == 0;
}

static int
oe_column_like(const OeRowLayout *layout, const OeLayoutColumn *col)
{
	for (int i = 0; i < layout->ncols; i++)
		if (strcmp(layout->cols[i].key, col->key) == 0)
			return i;
	return -1;
}

/*
 * Writes the columns that differ as JSON; answers whether a significant one
 * is among them.  A column that the table did not have before was null.
 */
static bool
oe_json_difference(StringInfo buf, OeRowLayout *was, const OeRowValues *before,
				   OeRowLayout *is, const OeRowValues *after)
{
	bool		significant = false;

	appendStringInfoCharMacro(buf, '{');
	for (int i = 0; i < is->ncols; i++)
	{
		OeLayoutColumn *col = &is->cols[i];
		int			j = was == is ? i : oe_column_like(was, col);
		OeLayoutColumn *old = j < 0 ? col : &was->cols[j];
		Datum		value = j < 0 ? (Datum) 0 : oe_column_value(before, old);
		bool		isnull = j < 0 || oe_column_null(before, old);

		if (oe_column_fresh(is, i) ||
			oe_same_across(old, value, isnull, col, oe_column_value(after, col), oe_column_null(after, col)))
			continue;
		oe_json_member(buf, old, value, isnull);
		significant |= col->significant;
	}
	appendStringInfoCharMacro(buf, '}');
	return significant;
}

/*
 * The usual case of an update: one change record, which has the bitmap of the columns
 * that differ.
 */
static bool
oe_json_recorded_difference(StringInfo buf, const OeChangeRecord *record)
{
	OeRowLayout *layout = record->layout;
	const uint64 *changed = oe_record_changed(record);
	HeapTupleData old = {0};

	if (!oe_significant(layout, changed))
		return false;
	old.t_len = record->old_len;
	old.t_data = (HeapTupleHeader) ((char *) record + record->old_image);
	appendStringInfoCharMacro(buf, '{');
	for (int i = 0; i < layout->ncols; i++)
		if (oe_bit_test(changed, i) && !oe_column_fresh(layout, i))
		{
			bool		isnull;
			Datum		value = heap_getattr(&old, layout->cols[i].attnum, layout->desc, &isnull);

			oe_json_member(buf, &layout->cols[i], value, isnull);
		}
	appendStringInfoCharMacro(buf, '}');
	return true;
}

/*
 * Fills the texts of one net change.  Returns its operation, or 0 if it makes no
 * journal row.
 */
static char
oe_net_texts(OeTexts *t, const OeChangeRecord *before, const OeChangeRecord *after)
{
	OeRowValues was,
				is;

	oe_text_begin(t, &t->old);
	oe_text_begin(t, &t->new);
	resetStringInfo(&t->unavailable);
	t->partial = false;
	if (after && (after->op == 'E' || after->op == 'S'))
	{
		oe_append(&t->new, (const char *) after + after->new_image, after->new_len);
		return after->op;
	}
	/* the rule captures neither the old nor the new version */
	if (!(before && oe_record_wanted(before, true)) && !(after && oe_record_wanted(after, false)))
		return 0;
	t->partial = before && before->old_image == 0;
	if (t->partial)
	{
		if (after == NULL)
		{
			appendStringInfo(&t->old, "{\"id\":" INT64_FORMAT "}", before->id);
			return 'D';
		}
	}
	else if (before && before == after)
	{
		if (!oe_json_recorded_difference(&t->old, before))
			return 0;
	}
	else if (before)
	{
		oe_image_old(before, &was);
		if (after == NULL)
		{
			oe_json_row(t, &t->old, before->layout, &was);
			return 'D';
		}
	}
	oe_image_new(after, &is);
	if (before && before != after && !t->partial &&
		!oe_json_difference(&t->old, before->layout, &was, after->layout, &is))
		return 0;
	oe_json_row(t, &t->new, after->layout, &is);
	return before ? 'U' : 'I';
}

void
oe_texts_init(OeTexts *t, int reserve)
{
	memset(t, 0, sizeof(OeTexts));
	t->reserve = reserve;
	t->row_cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events row",
									   ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&t->record_buf[0]);
	initStringInfo(&t->record_buf[1]);
	initStringInfo(&t->old);
	initStringInfo(&t->new);
	initStringInfo(&t->unavailable);
}

bool
oe_texts_of(OeTexts *t, const OeNetChange *net)
{
	MemoryContext old = MemoryContextSwitchTo(t->row_cxt);
	const OeChangeRecord *before = NULL;
	const OeChangeRecord *after = NULL;
	const OeChangeRecord *any;

	if (net->before != OE_NOWHERE)
		before = oe_log_read(net->before, &t->record_buf[0]);
	if (net->after != OE_NOWHERE)
		after = net->after == net->before ? before : oe_log_read(net->after, &t->record_buf[1]);
	if (before || after)
	{
		any = after ? after : before;
		t->op = oe_net_texts(t, before, after);
	}
	else
	{
		any = oe_log_read(net->first, &t->record_buf[0]);
		t->op = 'T';
	}
	t->layout = any->layout;
	t->target = oe_log_layout_target(any->layout);
	t->id = any->id;
	MemoryContextSwitchTo(old);
	MemoryContextReset(t->row_cxt);
	return t->op != 0;
}
