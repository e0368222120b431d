/*
 * cut.c
 *	  Values that are too large to be written whole (cut.h).
 */
#include "postgres.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"

#include "base/compat.h"
#include "base/cut.h"
#include "base/json_string.h"

#define OE_CUT_MARK "...[cut, of "
#define OE_CUT_END " bytes]"

Size
oe_whole_size(Datum value)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);

	if (VARATT_IS_SHORT(v))
		return VARSIZE_SHORT(v) - VARHDRSZ_SHORT;
	if (!VARATT_IS_EXTENDED(v))
		return VARSIZE(v) - VARHDRSZ;
	return toast_raw_datum_size(value) - VARHDRSZ;
}

/*
 * Appends the beginning of a text that is too large.
 */
void
oe_cut_text(StringInfo buf, Datum value)
{
	Size		whole = oe_whole_size(value);
	int64		room = Min((int64) oe_guc_max_field_size, (int64) OE_CUT_ROW - buf->len / 1024) * 1024;
	int			len = (int) Max(Min(room, (int64) whole), OE_CUT_LEAST);
	struct varlena *v;

	/* the slice may end within a character, which is left out */
	v = PG_DETOAST_DATUM_SLICE(value, 0, len);
	len = pg_mbcliplen(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), VARSIZE_ANY_EXHDR(v) - 1);
	oe_json_string(buf, VARDATA_ANY(v), len);
	buf->len--;					/* the closing quote */
	appendStringInfo(buf, OE_CUT_MARK UINT64_FORMAT OE_CUT_END "\"", (uint64) whole);
	pfree(v);
}

/*
 * Appends the note that replaces a value which would not be valid JSON after a
 * cut.
 */
void
oe_cut_note(StringInfo buf, Size len)
{
	appendStringInfo(buf, "\"" OE_CUT_MARK UINT64_FORMAT OE_CUT_END "\"", (uint64) len);
}

bool
oe_is_cut(const char *s, int len)
{
	static const int end = sizeof(OE_CUT_END) - 1;
	const char *p;

	if (len < (int) sizeof(OE_CUT_MARK OE_CUT_END) || s[0] != '"' || memcmp(s + len - 1 - end, OE_CUT_END, end) != 0)
		return false;
	for (p = s + len - 1 - end; p > s && p[-1] >= '0' && p[-1] <= '9';)
		p--;
	return p - s >= (int) sizeof(OE_CUT_MARK) && memcmp(p - (sizeof(OE_CUT_MARK) - 1), OE_CUT_MARK, sizeof(OE_CUT_MARK) - 1) == 0;
}
