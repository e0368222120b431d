/*
 * classification.h
 *	  Sensitivity classes of fields, as numbers and names.
 *
 * Any process.  The numbers are stored in the outbox (column classes), so they
 * never change.
 */
#ifndef OE_CLASSIFICATION_H
#define OE_CLASSIFICATION_H

#include "postgres.h"

#define OE_CLASSES 4
#define OE_CLASS_INTERNAL 1		/* of fields without a class */

extern const char *const oe_class_names[OE_CLASSES];	/* least sensitive first */

/* The number of a class; -1: there is none of this name. */
extern int	oe_class_number(const char *name);

#endif							/* OE_CLASSIFICATION_H */
