/*
 * relations.h
 *	  Which table is Odoo's: the one rule.
 *
 * Odoo's schema is where an ordinary table ir_module_module is that belongs to
 * the owner of the database; "public" comes first where there are several.  A
 * table of Odoo's is an ordinary or partitioned table in that schema that
 * belongs to the same role.  So a role that may create something somewhere
 * cannot make a table that is taken for Odoo's, whatever its name.
 *
 * A table that a DBA's own definition names may also be anywhere else, if it
 * belongs to the owner of the database, to the owner of the extension, or to a
 * superuser: roles that could do the same to Odoo's tables anyway.
 *
 * Any process, inside a transaction, also while decoding WAL: only look-ups in
 * the system caches, no locks on tables, no search_path.
 */
#ifndef OE_RELATIONS_H
#define OE_RELATIONS_H

#include "postgres.h"
#include "utils/array.h"

/* InvalidOid where there is none. */
extern Oid	oe_odoo_schema(void);

/* The table of that name; "own": a definition of the DBA's names it.
 * InvalidOid where there is none. */
extern Oid	oe_relation_find(const char *name, bool own);

/* The first of these names (text[]) that there is a table for. */
extern Oid	oe_relation_first(ArrayType *names, bool own);

#endif							/* OE_RELATIONS_H */
