/*
 * text.h
 *	  A net change as JSON text: what the journal stores and the output plugin
 *	  sends.
 *
 * Odoo's backend just before commit, or a process that decodes.  Allocates in
 * the context of oe_texts_init() and reads no catalogs.
 */
#ifndef OE_TEXT_H
#define OE_TEXT_H

#include "postgres.h"
#include "lib/stringinfo.h"

#include "capture/merge.h"

typedef struct OeTexts
{
	int			reserve;		/* bytes left free in front of each text, for
								 * a varlena header */
	char		op;				/* I, U, D; T: truncated, without texts; E: a
								 * ready-made event */
	int64		id;
	OeRowLayout *layout;		/* of the later version */
	OeTarget   *target;
	bool		partial;		/* the row as it was is not known: U has no
								 * old text, D has the id alone */
	StringInfoData old;			/* U: the columns that differ; D: the row */
	StringInfoData new;			/* I, U: the row; E: the event */
	StringInfoData unavailable; /* decoding: names of columns of the new row
								 * that the WAL does not give, "," before each */
	/* private */
	MemoryContext row_cxt;		/* reset after each row */
	StringInfoData record_buf[2];	/* change records that were read from the
									 * file */
} OeTexts;

extern void oe_texts_init(OeTexts *t, int reserve);

/* Fills "t" with a net change; false if it is none that matters: the row
 * neither came nor went, and no significant column differs. */
extern bool oe_texts_of(OeTexts *t, const OeNetChange *net);

/* The texts that a net change has; NULL: none. */
#define oe_texts_old(t) ((t)->op == 'D' || ((t)->op == 'U' && !(t)->partial) ? &(t)->old : NULL)
#define oe_texts_new(t) ((t)->op == 'D' || (t)->op == 'T' ? NULL : &(t)->new)

#endif							/* OE_TEXT_H */
