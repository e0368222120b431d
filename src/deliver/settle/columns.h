/*
 * columns.h
 *	  Rows that are written together: an array per column, one statement.
 *
 * Worker only, inside own work.
 */
#ifndef OE_DELIVER_COLUMNS_H
#define OE_DELIVER_COLUMNS_H

#include "postgres.h"

#include "datatype/timestamp.h"

struct _SPI_plan;

typedef struct OeColumn
{
	Oid			type;
	Datum	   *values;
	bool	   *nulls;
} OeColumn;

/* Room for n rows of these types. */
extern OeColumn *oe_columns(const Oid *types, int ncolumns, int n);

extern void oe_put(OeColumn *c, int row, Datum value, bool isnull);
extern void oe_put_text(OeColumn *c, int row, const char *s);	/* NULL: null */
extern void oe_put_time(OeColumn *c, int row, TimestampTz t);	/* 0: null */

/* Runs a statement whose parameters are the columns as arrays. */
extern void oe_run_columns(struct _SPI_plan **plan, const char *sql, OeColumn *c, int ncolumns, int n);

#endif							/* OE_DELIVER_COLUMNS_H */
