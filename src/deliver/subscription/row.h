/*
 * row.h
 *	  Columns of the rows that configurations are made of, by name.
 *
 * Worker only, of the latest SPI result.
 */
#ifndef OE_DELIVER_SUBSCRIPTION_ROW_H
#define OE_DELIVER_SUBSCRIPTION_ROW_H

#include "postgres.h"

extern Datum oe_col(int row, const char *name, bool *isnull);
extern char *oe_col_text(int row, const char *col);
extern int64 oe_col_int(int row, const char *col, bool big);
extern bool oe_col_bool(int row, const char *col);
extern char **oe_col_texts(int row, const char *col, int *n);
extern int *oe_col_ints(int row, const char *col, int *n);
extern int64 oe_col_interval(int row, const char *col);
extern int64 *oe_col_intervals(int row, const char *col, int *n);

#endif							/* OE_DELIVER_SUBSCRIPTION_ROW_H */
