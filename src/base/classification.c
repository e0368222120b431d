/*
 * classification.c
 *	  Sensitivity classes of fields, as numbers and names.
 */
#include "postgres.h"

#include "base/classification.h"

const char *const oe_class_names[OE_CLASSES] = {"public", "internal", "confidential", "personal"};

int
oe_class_number(const char *name)
{
	for (int i = 0; i < OE_CLASSES; i++)
		if (strcmp(name, oe_class_names[i]) == 0)
			return i;
	return -1;
}
