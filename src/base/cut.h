/*
 * cut.h
 *	  Values that are too large to be written whole.
 *
 * Any process.  A text beyond odoo_events.max_field_size, or beyond what a row
 * may have, is cut at a character and says so at its
 * end; of any other value (JSON, an array) only a note of its size is left.
 * What is left out is not even fetched from TOAST.
 */
#ifndef OE_CUT_H
#define OE_CUT_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "base/guc.h"

/* Nothing shorter is ever cut. */
#define OE_CUT_LEAST 1024

/* What the values of one row may have together, in kB: an event of it has room
 * for its changes too. */
#define OE_CUT_ROW (oe_guc_max_event_size / 2)

/* Is a value of so many bytes too large to be appended? */
static inline bool
oe_too_large(StringInfo buf, Size len)
{
	return unlikely(len > OE_CUT_LEAST) &&
		(len > (Size) oe_guc_max_field_size * 1024 || buf->len + len > (Size) OE_CUT_ROW * 1024);
}

/* How many bytes a varlena value has when it is whole; it is not fetched. */
extern Size oe_whole_size(Datum value);

extern void oe_cut_text(StringInfo buf, Datum value);
extern void oe_cut_note(StringInfo buf, Size len);

/* Is this JSON string one that was cut? */
extern bool oe_is_cut(const char *s, int len);

#endif							/* OE_CUT_H */
