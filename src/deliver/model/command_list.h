/*
 * command_list.h
 *	  Operators' commands that have been taken from the table and are not
 *	  finished.
 */
#ifndef OE_DELIVER_MODEL_COMMAND_LIST_H
#define OE_DELIVER_MODEL_COMMAND_LIST_H

#include "postgres.h"

#include "utils/array.h"

extern bool oe_commands_done(void);
extern void oe_command_settled(int64 id);
extern void oe_write_commands(void);
extern void oe_commands_written(void);

/* Taken, still in the table. */
typedef struct OeCommand
{
	int64		id;
	int			waiting;		/* items that it is about are in requests */
} OeCommand;

extern void oe_command_taken(int64 id);
extern OeCommand *oe_command_find(int64 id);
extern ArrayType *oe_commands_array(bool done);

#endif							/* OE_DELIVER_MODEL_COMMAND_LIST_H */
