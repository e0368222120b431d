/*
 * columns.h
 *	  Rows that are written together: one array per column, one statement.
 *
 * Worker only, within a trusted transaction.
 */
#ifndef OE_DELIVER_SETTLE_COLUMNS_H
#define OE_DELIVER_SETTLE_COLUMNS_H

#include "postgres.h"

#include "datatype/timestamp.h"

struct _SPI_plan;

typedef struct OeArrayColumn
{
	Oid			type;
	Datum	   *values;
	bool	   *nulls;
} OeArrayColumn;

/* Room for n rows of these types. */
extern OeArrayColumn *oe_columns(const Oid *types, int ncolumns, int n);
extern void oe_columns_put(OeArrayColumn *c, int row, Datum value, bool isnull);
extern void oe_columns_put_text(OeArrayColumn *c, int row, const char *s);	/* NULL: null */
extern void oe_columns_put_time(OeArrayColumn *c, int row, TimestampTz t);	/* 0: null */

/* Runs a statement whose parameters are the columns as arrays. */
extern void oe_columns_run(struct _SPI_plan **plan, const char *sql, OeArrayColumn *c, int ncolumns, int n);

#endif							/* OE_DELIVER_SETTLE_COLUMNS_H */
