/*
 * scan.h
 *	  Reading JSON text in place.
 *
 * Any process; no memory, no errors.  Takes values apart into slices of the
 * text, which ends with a NUL; numbers and words are not judged.  What is cut
 * off or malformed ends the walk.
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

/* Past the string, or the value, that begins at p; NULL where it is cut off. */
extern const char *oe_scan_string(const char *p);
extern const char *oe_scan_value(const char *p);

/* Steps into an object or an array: where its first member begins, or NULL. */
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
