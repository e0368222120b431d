/*
 * columns.c
 *	  Rows that are written together: an array per column, one statement.
 *
 * Worker only, within a trusted transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/session.h"
#include "deliver/settle/columns.h"

/*
 * Room for n rows of these types.
 */
OeArrayColumn *
oe_columns(const Oid *types, int ncolumns, int n)
{
	OeArrayColumn *c = palloc(sizeof(OeArrayColumn) * ncolumns);

	for (int i = 0; i < ncolumns; i++)
	{
		c[i].type = types[i];
		c[i].values = palloc0(sizeof(Datum) * n);
		c[i].nulls = palloc0(sizeof(bool) * n);
	}
	return c;
}

void
oe_columns_put(OeArrayColumn *c, int row, Datum value, bool isnull)
{
	c->values[row] = value;
	c->nulls[row] = isnull;
}

void
oe_columns_put_text(OeArrayColumn *c, int row, const char *s)
{
	oe_columns_put(c, row, s ? CStringGetTextDatum(s) : (Datum) 0, s == NULL);
}

/* A time of 0 is none. */
void
oe_columns_put_time(OeArrayColumn *c, int row, TimestampTz t)
{
	oe_columns_put(c, row, TimestampTzGetDatum(t), t == 0);
}

static Datum
oe_column_array(OeArrayColumn *c, int n)
{
	int			lbs = 1;
	int16		len;
	bool		byval;
	char		align;

	switch (c->type)
	{
		case INT4OID:
			len = 4, byval = true, align = TYPALIGN_INT;
			break;
		case INT8OID:
		case TIMESTAMPTZOID:
		case FLOAT8OID:
			len = 8, byval = FLOAT8PASSBYVAL, align = TYPALIGN_DOUBLE;
			break;
		case UUIDOID:
			len = UUID_LEN, byval = false, align = TYPALIGN_CHAR;
			break;
		case BOOLOID:
			len = 1, byval = true, align = TYPALIGN_CHAR;
			break;
		default:
			len = -1, byval = false, align = TYPALIGN_INT;
			break;
	}
	return PointerGetDatum(construct_md_array(c->values, c->nulls, 1, &n, &lbs, c->type, len, byval, align));
}

static Oid
oe_array_type(Oid type)
{
	switch (type)
	{
		case INT4OID:
			return INT4ARRAYOID;
		case INT8OID:
			return INT8ARRAYOID;
		case TIMESTAMPTZOID:
			return TIMESTAMPTZARRAYOID;
		case FLOAT8OID:
			return FLOAT8ARRAYOID;
		case UUIDOID:
			return UUIDARRAYOID;
		case BOOLOID:
			return BOOLARRAYOID;
		default:
			return TEXTARRAYOID;
	}
}

/*
 * Runs a statement whose parameters are the columns as arrays.
 */
void
oe_columns_run(SPIPlanPtr *plan, const char *sql, OeArrayColumn *c, int ncolumns, int n)
{
	Oid		   *types = palloc(sizeof(Oid) * ncolumns);
	Datum	   *values = palloc(sizeof(Datum) * ncolumns);

	for (int i = 0; i < ncolumns; i++)
	{
		types[i] = oe_array_type(c[i].type);
		values[i] = oe_column_array(&c[i], n);
	}
	(void) oe_spi(plan, sql, ncolumns, types, values, NULL, false, 0);
}
