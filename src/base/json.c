/*
 * json.c
 *	  Writes JSON text whose format depends on no session setting (json.h).
 *
 * Any process; in Odoo's backend just before commit.  The types that Odoo uses
 * have a fast path here.  Other types go through their output function, with
 * settings such as DateStyle fixed meanwhile, which is slow but independent of
 * the session.  May read the system catalogs for arrays, enums and the like;
 * takes no other lock, and calls no user-defined function.
 */
#include "postgres.h"

#include <float.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/cut.h"
#include "base/json.h"

static void oe_json_array(StringInfo buf, Datum value);
static void oe_json_part(StringInfo buf, Oid type, FmgrInfo *out, Datum value);
static void oe_json_array_level(StringInfo buf, ArrayType *arr, Oid elem,
								FmgrInfo *out, int dim, Datum *values,
								bool *nulls, int *next);
static void oe_json_other(StringInfo buf, Oid type, FmgrInfo *out, Datum value);

void
oe_json_cstring(StringInfo buf, const char *s)
{
	oe_json_string(buf, s, strlen(s));
}

/*
 * Appends an integer; far cheaper than appendStringInfo().
 */
void
oe_json_int(StringInfo buf, int64 value)
{
	char		text[24];

	appendBinaryStringInfo(buf, text, pg_lltoa(value, text));
}

/*
 * Appends an id: a string where a reader that stores numbers as doubles would
 * round it.
 */
void
oe_json_id(StringInfo buf, int64 id)
{
	if (unlikely(id > OE_JSON_EXACT || id < -OE_JSON_EXACT))
		appendStringInfo(buf, "\"" INT64_FORMAT "\"", id);
	else
		oe_json_int(buf, id);
}

void
oe_json_name(StringInfo buf, const char *name)
{
	int			len = strlen(name);

	enlargeStringInfo(buf, len + 3);
	buf->data[buf->len] = '"';
	memcpy(buf->data + buf->len + 1, name, len);
	memcpy(buf->data + buf->len + 1 + len, "\":", 3);
	buf->len += len + 3;
}

void
oe_uuid_digits(const unsigned char *uuid, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[uuid[i] >> 4];
		*text++ = digits[uuid[i] & 15];
	}
	*text = '\0';
}

/*
 * Appends "width" decimal digits of "value" (more if it has more).
 */
static char *
oe_json_digits(char *p, uint32 value, int width)
{
	return pg_ultostr_zeropad(p, value, width);
}

/*
 * Appends YYYY-MM-DD of a Julian day; years outside 0..9999 with a sign, as
 * ISO 8601 counts them (the year before 1 is 0).
 */
static char *
oe_json_ymd(char *p, int julian)
{
	int			year,
				month,
				day;

	j2date(julian, &year, &month, &day);
	if (year < 0 || year > 9999)
		*p++ = year < 0 ? '-' : '+';
	p = oe_json_digits(p, abs(year), 4);
	*p++ = '-';
	p = oe_json_digits(p, month, 2);
	*p++ = '-';
	return oe_json_digits(p, day, 2);
}

static void
oe_json_date(StringInfo buf, DateADT date)
{
	char		text[32];
	char	   *p = text;

	if (DATE_NOT_FINITE(date))
	{
		oe_json_cstring(buf, DATE_IS_NOBEGIN(date) ? "-infinity" : "infinity");
		return;
	}
	*p++ = '"';
	p = oe_json_ymd(p, date + POSTGRES_EPOCH_JDATE);
	*p++ = '"';
	appendBinaryStringInfo(buf, text, p - text);
}

/*
 * Appends a timestamp as UTC, which is what Odoo keeps in timestamps without
 * a zone, and what PostgreSQL keeps in those with one.
 */
void
oe_json_timestamptz(StringInfo buf, int64 t)
{
	char		text[48];
	char	   *p = text;
	int64		days;
	int64		rest;

	if (TIMESTAMP_NOT_FINITE(t))
	{
		oe_json_cstring(buf, TIMESTAMP_IS_NOBEGIN(t) ? "-infinity" : "infinity");
		return;
	}
	days = t / USECS_PER_DAY;
	rest = t % USECS_PER_DAY;
	if (rest < 0)
	{
		rest += USECS_PER_DAY;
		days--;
	}
	*p++ = '"';
	p = oe_json_ymd(p, (int) days + POSTGRES_EPOCH_JDATE);
	*p++ = 'T';
	p = oe_json_digits(p, rest / USECS_PER_HOUR, 2);
	*p++ = ':';
	p = oe_json_digits(p, rest / USECS_PER_MINUTE % MINS_PER_HOUR, 2);
	*p++ = ':';
	p = oe_json_digits(p, rest / USECS_PER_SEC % SECS_PER_MINUTE, 2);
	if (rest % USECS_PER_SEC != 0)
	{
		*p++ = '.';
		p = oe_json_digits(p, rest % USECS_PER_SEC, 6);
		while (p[-1] == '0')
			p--;
	}
	*p++ = 'Z';
	*p++ = '"';
	appendBinaryStringInfo(buf, text, p - text);
}

/*
 * Appends a floating-point number; JSON has no NaN and no infinity.
 */
static void
oe_json_float(StringInfo buf, const char *text, int len)
{
	char		last = text[len - 1];

	if (last >= '0' && last <= '9')
		appendBinaryStringInfo(buf, text, len);
	else
		oe_json_string(buf, text, len);
}

static void
oe_json_numeric(StringInfo buf, Datum value)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, value));

	oe_json_float(buf, text, strlen(text));
	pfree(text);
}

/*
 * Appends a text value as a JSON string ("quote"), or a json value as it is.
 */
static void
oe_json_varlena(StringInfo buf, Datum value, bool quote)
{
	Size		len = oe_whole_size(value);
	struct varlena *v;

	if (oe_too_large(buf, len))
	{
		if (quote)
			oe_cut_text(buf, value);
		else
			oe_cut_note(buf, len);
		return;
	}
	v = PG_DETOAST_DATUM_PACKED(value);
	if (quote)
		oe_json_string(buf, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
	else
		appendBinaryStringInfo(buf, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
	if ((Pointer) v != DatumGetPointer(value))
		pfree(v);
}

/*
 * Replaces what was appended since "start" by a note if it is too large.
 */
static void
oe_json_limit(StringInfo buf, int start)
{
	int			len = buf->len - start;

	buf->len = start;
	if (oe_too_large(buf, len))
		oe_cut_note(buf, len);
	else
		buf->len = start + len;
}

static void
oe_json_jsonb(StringInfo buf, Datum value)
{
	Size		len = oe_whole_size(value);
	int			start = buf->len;
	Jsonb	   *jb;

	if (oe_too_large(buf, len))
	{
		oe_cut_note(buf, len);
		return;
	}
	jb = DatumGetJsonbP(value);
	(void) JsonbToCString(buf, &jb->root, VARSIZE(jb));
	oe_json_limit(buf, start);
	if ((Pointer) jb != DatumGetPointer(value))
		pfree(jb);
}

void
oe_json_datum(StringInfo buf, Oid type, FmgrInfo *out, Datum value)
{
	char		text[64];

	switch (type)
	{
		case BOOLOID:
			if (DatumGetBool(value))
				appendBinaryStringInfo(buf, "true", 4);
			else
				appendBinaryStringInfo(buf, "false", 5);
			break;
		case INT2OID:
			appendBinaryStringInfo(buf, text, pg_ltoa(DatumGetInt16(value), text));
			break;
		case INT4OID:
			appendBinaryStringInfo(buf, text, pg_ltoa(DatumGetInt32(value), text));
			break;
		case INT8OID:
			oe_json_int(buf, DatumGetInt64(value));
			break;
		case OIDOID:
			appendBinaryStringInfo(buf, text, pg_ultoa_n(DatumGetObjectId(value), text));
			break;
		case FLOAT4OID:
			oe_json_float(buf, text, float_to_shortest_decimal_buf(DatumGetFloat4(value), text));
			break;
		case FLOAT8OID:
			oe_json_float(buf, text, double_to_shortest_decimal_buf(DatumGetFloat8(value), text));
			break;
		case NUMERICOID:
			oe_json_numeric(buf, value);
			break;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			oe_json_varlena(buf, value, true);
			break;
		case NAMEOID:
			oe_json_cstring(buf, NameStr(*DatumGetName(value)));
			break;
		case DATEOID:
			oe_json_date(buf, DatumGetDateADT(value));
			break;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			oe_json_timestamptz(buf, DatumGetTimestamp(value));
			break;
		case JSONOID:
			oe_json_varlena(buf, value, false);
			break;
		case JSONBOID:
			oe_json_jsonb(buf, value);
			break;
		default:
			oe_json_other(buf, type, out, value);
	}
}

/*
 * Appends an element of an array or a composite value.  A number that a double
 * might round becomes a string at once, because oe_text_write(), which does this
 * for whole columns, does not look inside values.
 */
static void
oe_json_part(StringInfo buf, Oid type, FmgrInfo *out, Datum value)
{
	int			start = buf->len;

	if (type == INT8OID)
	{
		oe_json_id(buf, DatumGetInt64(value));
		return;
	}
	oe_json_datum(buf, type, out, value);
	if (type == NUMERICOID && buf->len - start > DBL_DIG && buf->data[start] != '"')
	{
		char	   *digits = pstrdup(buf->data + start);

		buf->len = start;
		oe_json_cstring(buf, digits);
		pfree(digits);
	}
}

/*
 * A composite value as an object of its columns.
 */
static void
oe_json_composite(StringInfo buf, Datum value)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(value);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	HeapTupleData tup = {.t_len = HeapTupleHeaderGetDatumLength(row),.t_data = row};
	bool		first = true;

	appendStringInfoChar(buf, '{');
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Oid			base = getBaseType(att->atttypid);
		bool		isnull;
		bool		varlena;
		Datum		column;
		Oid			fn;
		FmgrInfo	out;

		if (att->attisdropped)
			continue;
		if (!first)
			appendStringInfoChar(buf, ',');
		first = false;
		oe_json_cstring(buf, NameStr(att->attname));
		appendStringInfoChar(buf, ':');
		column = heap_getattr(&tup, i + 1, desc, &isnull);
		if (isnull)
		{
			appendBinaryStringInfo(buf, "null", 4);
			continue;
		}
		getTypeOutputInfo(base, &fn, &varlena);
		fmgr_info(fn, &out);
		oe_json_part(buf, base, &out, column);
	}
	appendStringInfoChar(buf, '}');
	ReleaseTupleDesc(desc);
}

/*
 * Is it a range or multirange over a built-in type?  The output function of a
 * range calls that of its element type, which may be user-defined.
 */
static bool
oe_range_is_built_in(Oid type)
{
	Oid			range = get_multirange_range(type);
	Oid			subtype = get_range_subtype(OidIsValid(range) ? range : type);

	return OidIsValid(subtype) && subtype < FirstNormalObjectId;
}

/*
 * Appends a value whose type has no fast path: an array as a JSON array, a
 * composite value as an object, any other as the string of its type's output
 * function.  Where that would call a function that is not built in, null.
 */
static void
oe_json_other(StringInfo buf, Oid type, FmgrInfo *out, Datum value)
{
	static const char *const fixed[][2] = {
		{"bytea_output", "hex"}, {"datestyle", "ISO, YMD"},
		{"extra_float_digits", "1"}, {"intervalstyle", "iso_8601"},
		{"lc_monetary", "C"}, {"quote_all_identifiers", "off"},
		{"search_path", "pg_catalog, pg_temp"},
		{"timezone", "UTC"},
	};
	char	   *text;
	int			start = buf->len;
	int			nest;

	if (get_typlen(type) == -1 && oe_too_large(buf, oe_whole_size(value)))
	{
		oe_cut_note(buf, oe_whole_size(value));
		return;
	}
	if (out->fn_oid == F_ARRAY_OUT && OidIsValid(get_element_type(type)))
	{
		oe_json_array(buf, value);
		oe_json_limit(buf, start);
		return;
	}
	if (out->fn_oid == F_RECORD_OUT)
	{
		oe_json_composite(buf, value);
		oe_json_limit(buf, start);
		return;
	}
	if (out->fn_oid >= FirstNormalObjectId ||
		(type >= FirstNormalObjectId && out->fn_oid != F_ENUM_OUT && !oe_range_is_built_in(type)))
	{
		appendBinaryStringInfo(buf, "null", 4);
		return;
	}
	nest = NewGUCNestLevel();
	for (int i = 0; i < lengthof(fixed); i++)
		(void) set_config_option(fixed[i][0], fixed[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	text = OutputFunctionCall(out, value);
	AtEOXact_GUC(false, nest);
	oe_json_cstring(buf, text);
	oe_json_limit(buf, start);
	pfree(text);
}

static void
oe_json_array(StringInfo buf, Datum value)
{
	ArrayType  *arr = DatumGetArrayTypeP(value);
	Oid			elem = ARR_ELEMTYPE(arr);
	Oid			base = getBaseType(elem);
	Oid			outfunc;
	bool		varlena,
				byval;
	int16		len;
	char		align;
	FmgrInfo	out;
	Datum	   *values;
	bool	   *nulls;
	int			n,
				next = 0;

	if (ARR_NDIM(arr) == 0)
	{
		appendBinaryStringInfo(buf, "[]", 2);
		return;
	}
	get_typlenbyvalalign(elem, &len, &byval, &align);
	getTypeOutputInfo(base, &outfunc, &varlena);
	fmgr_info(outfunc, &out);
	deconstruct_array(arr, elem, len, byval, align, &values, &nulls, &n);
	oe_json_array_level(buf, arr, base, &out, 0, values, nulls, &next);
	pfree(values);
	pfree(nulls);
}

static void
oe_json_array_level(StringInfo buf, ArrayType *arr, Oid elem, FmgrInfo *out,
					int dim, Datum *values, bool *nulls, int *next)
{
	appendStringInfoChar(buf, '[');
	for (int i = 0; i < ARR_DIMS(arr)[dim]; i++)
	{
		if (i > 0)
			appendStringInfoChar(buf, ',');
		if (dim + 1 < ARR_NDIM(arr))
			oe_json_array_level(buf, arr, elem, out, dim + 1, values, nulls, next);
		else
		{
			if (nulls[*next])
				appendBinaryStringInfo(buf, "null", 4);
			else
				oe_json_part(buf, elem, out, values[*next]);
			(*next)++;
		}
	}
	appendStringInfoChar(buf, ']');
}
