/*
 * cut.h
 *	  Values that are too large to be written whole.
 *
 * Any process.  A text that is longer than odoo_events.max_field_size, or for
 * which its row has no room left, is cut between two characters, and a mark at
 * its end tells its whole length.  Any other value (JSON, an array) would not be
 * valid after a cut: a note of its size replaces it.  The part that is left out
 * is not fetched from TOAST.
 */
#ifndef OE_CUT_H
#define OE_CUT_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "base/guc.h"

/* Bytes; a shorter value is never cut. */
#define OE_CUT_LEAST 1024

/* Limit of all values of one row together, in kB.  It is half an event, because
 * an event also tells the values before the change. */
#define OE_CUT_ROW (oe_guc_max_event_size / 2)

/* Is a value of so many bytes too large to be appended? */
static inline bool
oe_too_large(StringInfo buf, Size len)
{
	return unlikely(len > OE_CUT_LEAST) &&
		(len > (Size) oe_guc_max_field_size * 1024 || buf->len + len > (Size) OE_CUT_ROW * 1024);
}

/* Bytes of a varlena value without its header, uncompressed; reads nothing from
 * TOAST. */
extern Size oe_whole_size(Datum value);

/* Append the beginning of a text with its mark; and the note that replaces another
 * value of "len" bytes. */
extern void oe_cut_text(StringInfo buf, Datum value);
extern void oe_cut_note(StringInfo buf, Size len);

/* Does this JSON string (with its quotes) end with the mark, or is it the note? */
extern bool oe_is_cut(const char *s, int len);

#endif							/* OE_CUT_H */
