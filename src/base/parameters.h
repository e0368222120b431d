/*
 * parameters.h
 *	  What Odoo says of its database in ir_config_parameter.
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
	OE_PARAMETERS_REMEMBERED,	/* the table is locked: what was read last */
	OE_PARAMETERS_UNKNOWN,		/* it is locked, and nothing is remembered */
	OE_PARAMETERS_UNREADABLE	/* see "why" */
} OeParametersState;

/*
 * What was read is remembered in shared memory.  While the table is locked that
 * stands for an hour: only who holds the lock could change it, and a copy of
 * the database is told by other things.  "why" is a constant text.
 */
extern OeParametersState oe_parameters_read(OeParameters *p, const char **why);

#endif							/* OE_PARAMETERS_H */
