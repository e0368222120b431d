/*
 * classification.h
 *	  Sensitivity classes of fields, as numbers and names.
 *
 * Any process.  The outbox stores the numbers (column classes), so they never
 * change.
 */
#ifndef OE_CLASSIFICATION_H
#define OE_CLASSIFICATION_H

#include "postgres.h"

#define OE_CLASSES 4
#define OE_CLASS_INTERNAL 1		/* the class of fields that have none given */

extern const char *const oe_class_names[OE_CLASSES];	/* least sensitive first */

/* The number of a class; -1 for an unknown name. */
extern int	oe_class_number(const char *name);

#endif							/* OE_CLASSIFICATION_H */
