/*
 * wanted_tables.c
 *	  The tables that the catalog names, and which ones they are here.
 *
 * As-owner transaction.  Which table a name means is base/relations.h's to say; here is
 * what publishing asks it for, and whether the answers are still the same.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/array.h"

#include "base/relations.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/odoo/table_names.h"
#include "publish/odoo/wanted_tables.h"

/* A table that the catalog names, and which one that is here. */
typedef struct OeWanted
{
	const char *name;
	bool		own;			/* a definition of the DBA's names it */
	Oid			relid;
} OeWanted;

/* In the memory of what tables.c has detected. */
static List *oe_wanted;			/* OeWanted * */

/*
 * Adds a table's name to those that are looked for.  A name that both the
 * catalog and a definition of the DBA use means Odoo's table, if there is one.
 */
static void
oe_want(const char *name, bool own)
{
	ListCell   *lc;
	OeWanted   *w;

	foreach(lc, oe_wanted)
	{
		w = lfirst(lc);
		if (strcmp(w->name, name) == 0)
		{
			w->own |= own;
			return;
		}
	}
	w = palloc(sizeof(OeWanted));
	w->name = pstrdup(name);
	w->own = own;
	oe_wanted = lappend(oe_wanted, w);
}

static void
oe_want_reference(OeReference *r)
{
	char		column[NAMEDATALEN];
	char		table[NAMEDATALEN];
	char		field[NAMEDATALEN];

	for (int j = 0; j < r->ntables; j++)
		oe_want(r->tables[j], r->own);
	for (int j = 0; j < r->nfields; j++)
		for (int k = 0; k < r->fields[j].npaths; k++)
			if (oe_hop_table(r->fields[j].paths[k], column, table, field))
				oe_want(table, r->own);
}

static void
oe_want_tables(OeCatalog *cat)
{
	oe_want("ir_config_parameter", false);
	oe_want("ir_model_fields", false);
	for (int i = 0; i < cat->nrules; i++)
		for (int j = 0; j < cat->rules[i].ntables; j++)
			oe_want(cat->rules[i].tables[j], cat->rules[i].own);
	for (int i = 0; i < cat->nreferences; i++)
		oe_want_reference(&cat->references[i]);
	for (int i = 0; i < cat->nentities; i++)
		for (int j = 0; j < cat->entities[i].ncorrelation; j++)
			for (int k = 0; k < cat->entities[i].correlation[j].nmany; k++)
				oe_want(cat->entities[i].correlation[j].many[k].table, false);
	for (int i = 0; i < cat->nowners; i++)
		for (int j = 0; j < cat->owners[i].nfields; j++)
			for (int k = 0; k < cat->owners[i].fields[j].nsources; k++)
				if (cat->owners[i].fields[j].sources[k].kind == OE_SOURCE_MANY)
					oe_want(cat->owners[i].fields[j].sources[k].many.table, false);
}

/*
 * The table that a name means by now (base/relations.h).
 */
static Oid
oe_wanted_relid(const OeWanted *w)
{
	Oid			relid = oe_relation_find(w->name, false);

	return OidIsValid(relid) || !w->own ? relid : oe_relation_find(w->name, true);
}

/*
 * Looks all of them up; answers those that there are, as int8[].  What it keeps
 * is allocated in the current context, which must live until the next call.
 */
Datum
oe_wanted_load(OeCatalog *cat)
{
	Datum	   *elems;
	ListCell   *lc;
	int			n = 0;

	oe_wanted = NIL;
	oe_want_tables(cat);
	elems = palloc(sizeof(Datum) * (list_length(oe_wanted) + 1));
	foreach(lc, oe_wanted)
	{
		OeWanted   *w = lfirst(lc);

		w->relid = oe_wanted_relid(w);
		if (OidIsValid(w->relid))
			elems[n++] = Int64GetDatum((int64) w->relid);
	}
	return PointerGetDatum(construct_array(elems, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * Does a name mean another table than it did?
 */
bool
oe_wanted_moved(void)
{
	ListCell   *lc;

	foreach(lc, oe_wanted)
	{
		OeWanted   *w = lfirst(lc);

		if (oe_wanted_relid(w) != w->relid)
			return true;
	}
	return false;
}
