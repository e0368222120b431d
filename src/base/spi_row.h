/*
 * spi_row.h
 *	  Reads rows of the current SPI result, and runs SPI statements without
 *	  changing the memory context.
 *
 * Any process, between SPI_connect() and SPI_finish(); session.h connects.  Rows
 * count from 0, columns from 1, as in SPI.  Results are in the current memory
 * context.
 */
#ifndef OE_BASE_SPI_ROW_H
#define OE_BASE_SPI_ROW_H

#include "postgres.h"

#include "executor/spi.h"

#include "base/session.h"

/* oe_spi() leaves the memory context at SPI's own; this one does not. */
static inline int
oe_spi_keep_context(SPIPlanPtr *slot, const char *sql, int nargs, const Oid *types,
					const Datum *values, const char *nulls, bool read_only, long limit)
{
	MemoryContext cxt = CurrentMemoryContext;
	int			ret = oe_spi(slot, sql, nargs, types, values, nulls, read_only, limit);

	MemoryContextSwitchTo(cxt);
	return ret;
}

/* A column of any result's row; null is 0 or false. */
static inline Datum
oe_cell(SPITupleTable *table, uint64 row, int col, bool *isnull)
{
	return SPI_getbinval(table->vals[row], table->tupdesc, col, isnull);
}

static inline int64
oe_cell_int8(SPITupleTable *table, uint64 row, int col)
{
	bool		isnull;
	Datum		d = oe_cell(table, row, col, &isnull);

	return isnull ? 0 : DatumGetInt64(d);
}

static inline int
oe_cell_int4(SPITupleTable *table, uint64 row, int col)
{
	bool		isnull;
	Datum		d = oe_cell(table, row, col, &isnull);

	return isnull ? 0 : DatumGetInt32(d);
}

static inline bool
oe_cell_bool(SPITupleTable *table, uint64 row, int col)
{
	bool		isnull;
	Datum		d = oe_cell(table, row, col, &isnull);

	return !isnull && DatumGetBool(d);
}

/* A column of the current result's row. */
static inline int64
oe_spi_int8(uint64 row, int col)
{
	return oe_cell_int8(SPI_tuptable, row, col);
}

static inline char *
oe_spi_text(uint64 row, int col)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);
}

#endif							/* OE_BASE_SPI_ROW_H */
