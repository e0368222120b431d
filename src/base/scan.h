/*
 * scan.h
 *	  Reading JSON text in place.
 *
 * Any process; allocates nothing and raises no error.  Splits a text that ends
 * with NUL into slices of itself.  Numbers and words are not validated.  The walk
 * ends where the text is malformed or cut off.
 */
#ifndef OE_SCAN_H
#define OE_SCAN_H

#include "postgres.h"

/* A piece of JSON text, not terminated. */
typedef struct OePiece
{
	const char *s;
	int			len;
} OePiece;

extern const char *oe_scan_space(const char *p);

/* The end of the string, or of the value, that begins at p; NULL where it is cut
 * off. */
extern const char *oe_scan_string(const char *p);
extern const char *oe_scan_value(const char *p);

/* Where the first member of an object or array begins; NULL if p is not such a
 * bracket. */
extern const char *oe_scan_open(const char *p, char bracket);

/* The next member (its key without quotes), or element; what follows is at
 * *p, NULL if the text is malformed.  False at the end. */
extern bool oe_scan_member(const char **p, OePiece *key, OePiece *value);
extern bool oe_scan_element(const char **p, OePiece *value);

extern bool oe_piece_is(const OePiece *slice, const char *text);

/* The next character of a JSON string's inside as a code point, escapes
 * resolved; -1 at "end".  Bytes of other encodings come one by one. */
extern int	oe_scan_char(const char **p, const char *end);

#endif							/* OE_SCAN_H */
