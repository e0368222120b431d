/*
 * parameter_values.h
 *	  What Odoo says of its database, as shared memory remembers it.
 *
 * parameters.c reads the values.
 */
#ifndef OE_PARAMETER_VALUES_H
#define OE_PARAMETER_VALUES_H

#include "postgres.h"

#define OE_PARAMETER_LEN 128

typedef struct OeParameters
{
	char		database_uuid[OE_PARAMETER_LEN];	/* empty: there is none */
	bool		neutralized;	/* a neutralized copy */
} OeParameters;

#endif							/* OE_PARAMETER_VALUES_H */
