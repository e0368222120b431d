/*
 * row.c
 *	  Columns of the rows that configurations are made of, by name.
 *
 * Worker only, within the transaction that read the rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/spi_row.h"
#include "deliver/subscription/row.h"

/*
 * A column of the result, by name.  Columns of both tables are named after the
 * arguments of subscribe().
 */
Datum
oe_col(int row, const char *name, bool *isnull)
{
	int			col = SPI_fnumber(SPI_tuptable->tupdesc, name);

	if (col <= 0)
	{
		*isnull = true;
		return (Datum) 0;
	}
	return oe_cell(SPI_tuptable, row, col, isnull);
}

char *
oe_col_text(int row, const char *col)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

int64
oe_col_int(int row, const char *col, bool big)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);

	return isnull ? 0 : big ? DatumGetInt64(d) : DatumGetInt32(d);
}

bool
oe_col_bool(int row, const char *col)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);

	return !isnull && DatumGetBool(d);
}

/*
 * Elements of an array; false where it is null.
 */
static bool
oe_col_elements(int row, const char *col, Oid type, Datum **values, bool **nulls, int *n)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);
	int16		len;
	bool		byval;
	char		align;

	*n = 0;
	if (isnull)
		return false;
	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(d), type, len, byval, align, values, nulls, n);
	return true;
}

/*
 * A text[] as C strings; *n = 0 and NULL for null.
 */
char **
oe_col_texts(int row, const char *col, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	char	  **result;

	if (!oe_col_elements(row, col, TEXTOID, &values, &nulls, n))
		return NULL;
	result = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		result[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(values[i]);
	return result;
}

int *
oe_col_ints(int row, const char *col, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	int		   *result;

	if (!oe_col_elements(row, col, INT4OID, &values, &nulls, n))
		return NULL;
	result = palloc(sizeof(int) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		result[i] = nulls[i] ? 0 : DatumGetInt32(values[i]);
	return result;
}

/*
 * Months and days of an interval count 30 days and 24 hours.
 */
static int64
oe_interval_us(const Interval *i)
{
	return i->time + ((int64) i->day + (int64) i->month * DAYS_PER_MONTH) * USECS_PER_DAY;
}

/*
 * An interval in microseconds; 0 for null.
 */
int64
oe_col_interval(int row, const char *col)
{
	bool		isnull;
	Datum		d = oe_col(row, col, &isnull);

	return isnull ? 0 : oe_interval_us(DatumGetIntervalP(d));
}

int64 *
oe_col_intervals(int row, const char *col, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	int64	   *result;

	if (!oe_col_elements(row, col, INTERVALOID, &values, &nulls, n))
		return NULL;
	result = palloc(sizeof(int64) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		result[i] = nulls[i] ? 0 : oe_interval_us(DatumGetIntervalP(values[i]));
	return result;
}
