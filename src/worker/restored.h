/*
 * restored.h
 *	  Whether this server was started from a physical backup.
 */
#ifndef OE_RESTORED_H
#define OE_RESTORED_H

#include "postgres.h"

/* Hexadecimal digits of a token, and the terminating zero. */
#define OE_TOKEN_SIZE 33

/* postmaster or a single-user backend, from _PG_init */
extern void oe_restored_note(void);

/*
 * Any process: the token of the latest start from a physical backup.  False:
 * the server was never started from one.
 */
extern bool oe_restored_token(char token[OE_TOKEN_SIZE]);

#endif							/* OE_RESTORED_H */
