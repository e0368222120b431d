/*
 * oe.h
 *	  Names that every part of odoo_events shares.
 *
 * Any process.  Nothing here locks or allocates but oe_extension_lookup(),
 * which reads pg_extension and therefore needs a transaction.
 */
#ifndef OE_H
#define OE_H

#include "postgres.h"

#define OE_SCHEMA "odoo_events"
#define OE_EXTENSION "odoo_events"

/* Members of each ring; the SQL scripts create as many tables. */
#define OE_JOURNAL_MEMBERS 3
#define OE_OUTBOX_MEMBERS 8
#define OE_LOG_MEMBERS 2		/* progress, publish_cursor, attempt */

typedef struct OeExtension
{
	Oid			oid;
	Oid			owner;
} OeExtension;

/* Finds the extension in the current database; false where it is not. */
extern bool oe_extension_lookup(OeExtension *ext);

#endif							/* OE_H */
