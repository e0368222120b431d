/*
 * image.h
 *	  Images of rows in notes: packing, unpacking, comparing.
 *
 * Odoo's backend.  Allocates in the caller's context; reads no catalogs but
 * where values of unequal representation need their type's comparison.
 */
#ifndef OE_IMAGE_H
#define OE_IMAGE_H

#include "postgres.h"
#include "capture/log.h"

#define OE_WORD_BITS 64
#define oe_nwords(ncols) (((ncols) + OE_WORD_BITS - 1) / OE_WORD_BITS)
#define oe_bit_test(words, i) (((words)[(i) / OE_WORD_BITS] >> ((i) % OE_WORD_BITS)) & 1)
#define oe_bit_set(words, i) ((words)[(i) / OE_WORD_BITS] |= UINT64CONST(1) << ((i) % OE_WORD_BITS))

/* Values of the columns of a shape. */
typedef struct OeRow
{
	Datum	   *values;
	bool	   *nulls;
} OeRow;

/* Whether two values of a column are the same. */
extern bool oe_same(const OeColumn *col, Datum a, bool a_null, Datum b, bool b_null);

/*
 * Appends a note.  old and new may be NULL; with "changed" (U) only those
 * columns of old are kept.  False when the log has failed.
 */
extern bool oe_note(OeShape *shape, char op, CommandId cid, bool foreign, int64 id,
					OeRow *old, OeRow *new, const uint64 *changed);

/* The rows before and after a note; arrays for note->shape->ncols columns are
 * the caller's, by-reference values point into the note. */
extern void oe_image_new(const OeNote *note, OeRow *row);
extern void oe_image_old(const OeNote *note, OeRow *row);

/* U: the columns that differ. */
#define oe_note_changed(note) ((const uint64 *) ((const char *) (note) + MAXALIGN(sizeof(OeNote))))

#endif							/* OE_IMAGE_H */
