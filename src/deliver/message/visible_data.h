/*
 * visible_data.h
 *	  What of an event's data one subscription may see.
 */
#ifndef OE_DELIVER_MESSAGE_VISIBLE_DATA_H
#define OE_DELIVER_MESSAGE_VISIBLE_DATA_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/scan.h"

typedef struct OeConfiguration OeConfiguration;

#define OE_INTERNAL 1

/* One rendering. */
typedef struct OeMessageFormat
{
	const OeConfiguration *conf;
	const char *classes;		/* NULL: all internal */
	int			rest;			/* class of what is not named */
	int			highest;		/* class among what is kept */
	StringInfo	out;
	StringInfo	redacted;		/* names of what is left out, quoted */
} OeMessageFormat;

/* The envelope, and where the data is. */
typedef struct OeEnvelope
{
	const char *attributes;		/* first of them */
	OePiece		data;
	OePiece		type;
	OePiece		time;
	OePiece		record;			/* odoorecordid; s NULL: none */
} OeEnvelope;

extern int	oe_class_named(const char *classes, const char *owner, int owner_len, const char *field, int field_len);
extern bool oe_cleared(const OeConfiguration *conf, int class);
extern void oe_copy_member(StringInfo out, const OePiece *key, const OePiece *value);
extern void oe_shape_data(OeMessageFormat *shape, const OeEnvelope *env);
extern bool oe_data_as_is(const OeConfiguration *conf, const char *classes);

#endif							/* OE_DELIVER_MESSAGE_VISIBLE_DATA_H */
