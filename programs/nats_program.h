/*
 * nats_program.h
 *	  The parts of odoo_events_nats.
 */
#ifndef OE_PROGRAMS_NATS_PROGRAM_H
#define OE_PROGRAMS_NATS_PROGRAM_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/program.h"

/* nats_login.c: the options of a connection to one server, or NULL and why. */
extern natsOptions * oe_nats_options(OeConnection *c, const OeServer *server, char *why, size_t room);

#endif							/* OE_PROGRAMS_NATS_PROGRAM_H */
