/*
 * parameter_values.h
 *	  The parameters of Odoo's database that the worker keeps in shared memory.
 *
 * parameters.c reads them from Odoo's table.
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
