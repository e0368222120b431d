/*
 * command.h
 *	  Operators' orders: retry now, skip.
 */
#ifndef OE_DELIVER_QUEUE_COMMAND_H
#define OE_DELIVER_QUEUE_COMMAND_H

#include "postgres.h"

extern void oe_commands_take(void);

#endif							/* OE_DELIVER_QUEUE_COMMAND_H */
