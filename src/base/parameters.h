/*
 * parameters.h
 *	  The parameters that Odoo keeps in its table ir_config_parameter.
 *
 * Any process, inside a transaction with an active snapshot.  The table is
 * read below SQL: nothing that Odoo's role may have attached to it (an index
 * expression, a policy, a rule) is run, neither now nor while planning.  Its
 * lock is taken conditionally, so that nobody waits for a module upgrade that
 * has locked it.
 */
#ifndef OE_PARAMETERS_H
#define OE_PARAMETERS_H

#include "postgres.h"

#include "base/parameter_values.h"

typedef enum OeParametersState
{
	OE_PARAMETERS_READ,			/* also where there is no such table */
	OE_PARAMETERS_REMEMBERED,	/* the table is locked: the kept values */
	OE_PARAMETERS_UNKNOWN,		/* it is locked, and none are kept */
	OE_PARAMETERS_UNREADABLE	/* see "why" */
} OeParametersState;

/*
 * Reads the table, and keeps the values in shared memory.  While the table is
 * locked the kept values are good for an hour: nobody but the holder of the lock
 * could change them, and copies of a database are also recognized by other means.
 * "why" is a constant text.
 */
extern OeParametersState oe_parameters_read(OeParameters *p, const char **why);

#endif							/* OE_PARAMETERS_H */
