/*
 * image.h
 *	  Row versions ("images") in change records: keeping, reading, comparing.
 *
 * Odoo's backend, or a process that decodes.  Allocates in the caller's context.
 * Reads the catalogs only where two values differ in representation and their
 * type's own comparison has to decide.
 */
#ifndef OE_IMAGE_H
#define OE_IMAGE_H

#include "postgres.h"
#include "access/htup.h"

#include "capture/log.h"

#define OE_WORD_BITS 64
#define oe_nwords(ncols) (((ncols) + OE_WORD_BITS - 1) / OE_WORD_BITS)
#define oe_bit_test(words, i) (((words)[(i) / OE_WORD_BITS] >> ((i) % OE_WORD_BITS)) & 1)
#define oe_bit_set(words, i) ((words)[(i) / OE_WORD_BITS] |= UINT64CONST(1) << ((i) % OE_WORD_BITS))

/* Values of all attributes of a table; those of column i of a layout are at
 * index cols[i].attnum - 1. */
typedef struct OeRowValues
{
	Datum	   *values;
	bool	   *nulls;
} OeRowValues;

#define oe_column_value(row, col) ((row)->values[(col)->attnum - 1])
#define oe_column_null(row, col) ((row)->nulls[(col)->attnum - 1])

/* Whether two values of a column are the same. */
extern bool oe_column_same(const OeLayoutColumn *col, Datum a, bool a_null, Datum b, bool b_null);

/* Is one of these changed columns significant, so that the update alone makes a
 * journal row? */
extern bool oe_significant(const OeRowLayout *layout, const uint64 *changed);

/* Sets the bits of the columns that differ between two versions of a row;
 * false if none does.  "changed" is oe_nwords(layout->ncols) long. */
extern bool oe_tuples_differ(const OeRowLayout *layout, HeapTuple old, HeapTuple new,
							 uint64 *changed);

/* Whether this transaction itself added, renamed or retyped a column: what it
 * holds is no change then. */
extern bool oe_column_fresh(const OeRowLayout *layout, int column);

/* The id of a row; false if it is null. */
extern bool oe_tuple_id(const OeRowLayout *layout, HeapTuple tup, int64 *id);

/* The new version of a decoded row with the values in it that the WAL gives:
 * those that are in TOAST and unchanged are the old version's, if that is
 * known, and else left for oe_unavailable() to recognize. */
extern HeapTuple oe_tuple_complete(const OeRowLayout *layout, HeapTuple new, HeapTuple old);
extern bool oe_unavailable(const OeLayoutColumn *col, Datum value, bool isnull);

/* Appends a change record.  old, new and changed (U) may be NULL.  False when the log
 * has failed.  A decoded version is complete as far as it can be. */
extern bool oe_record_change(OeRowLayout *layout, char op, CommandId cid, bool foreign, int64 id,
							 HeapTuple old, HeapTuple new, const uint64 *changed);

/* The row before and after a change record; by-reference values point into the
 * record. */
extern void oe_image_old(const OeChangeRecord *record, OeRowValues *row);

/* Does the rule capture rows like the old, or the new, version?  True where that
 * version is not known. */
extern bool oe_record_wanted(const OeChangeRecord *record, bool old);
extern void oe_image_new(const OeChangeRecord *record, OeRowValues *row);

/* U: the columns that differ. */
#define oe_record_changed(record) ((const uint64 *) ((const char *) (record) + MAXALIGN(sizeof(OeChangeRecord))))

#endif							/* OE_IMAGE_H */
