/*
 * command_list.c
 *	  Operators' commands that have been taken from the table and are not
 *	  finished.
 *
 * Worker only.  A skip of an event that is in a request waits until that
 * request has ended; the row of table "command" is deleted by the commit that
 * follows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "base/session.h"
#include "deliver/model/command_list.h"
#include "deliver/model/memory.h"

static OeCommand *oe_commands = NULL;
static int	oe_ncommands = 0;
static int	oe_commands_size = 0;

/*
 * Remembers a command that was taken from the table.
 */
void
oe_command_taken(int64 id)
{
	if (oe_ncommands == oe_commands_size)
	{
		int			size = Max(16, oe_commands_size * 2);

		if (oe_commands == NULL)
			oe_commands = MemoryContextAlloc(oe_delivery.cxt, size * sizeof(OeCommand));
		else
			oe_commands = repalloc(oe_commands, size * sizeof(OeCommand));
		oe_commands_size = size;
	}
	oe_commands[oe_ncommands++] = (OeCommand)
	{
		id, 0
	};
}

OeCommand *
oe_command_find(int64 id)
{
	for (int i = 0; i < oe_ncommands; i++)
		if (oe_commands[i].id == id)
			return &oe_commands[i];
	elog(ERROR, "an order of an operator is forgotten");
}

/*
 * An item that a command had to wait for has ended.
 */
void
oe_command_settled(int64 id)
{
	oe_command_find(id)->waiting--;
}

/*
 * Has a command been carried out whose row still has to be deleted?
 */
bool
oe_commands_done(void)
{
	for (int i = 0; i < oe_ncommands; i++)
		if (oe_commands[i].waiting == 0)
			return true;
	return false;
}

/*
 * The ids of all commands that were taken, or only of those that are done.
 */
ArrayType *
oe_commands_array(bool done)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(oe_ncommands, 1));
	int			n = 0;

	for (int i = 0; i < oe_ncommands; i++)
		if (!done || oe_commands[i].waiting == 0)
			ids[n++] = Int64GetDatum(oe_commands[i].id);
	return construct_array(ids, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/*
 * Within the commit of results: deletes the rows of finished commands.
 */
void
oe_write_commands(void)
{
	static const Oid types[1] = {INT8ARRAYOID};
	Datum		values[1];

	if (!oe_commands_done())
		return;
	values[0] = PointerGetDatum(oe_commands_array(true));
	(void) oe_spi(NULL, "DELETE FROM odoo_events.command WHERE id = ANY ($1)", 1, types, values, NULL, false, 0);
}

/*
 * After the commit: forgets finished commands.
 */
void
oe_commands_written(void)
{
	int			n = 0;

	for (int i = 0; i < oe_ncommands; i++)
		if (oe_commands[i].waiting > 0)
			oe_commands[n++] = oe_commands[i];
	oe_ncommands = n;
}
