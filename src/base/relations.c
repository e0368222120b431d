/*
 * relations.c
 *	  Which table is Odoo's (relations.h).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/oe.h"
#include "base/relations.h"

PG_FUNCTION_INFO_V1(oe_sql_odoo_schema);
PG_FUNCTION_INFO_V1(oe_sql_captured_table);
PG_FUNCTION_INFO_V1(oe_sql_is_trusted_owner);

/* Where several schemas have a table of that name, the lowest rank wins. */
typedef enum OeSchemaRank
{
	OE_RANK_ODOO,
	OE_RANK_PUBLIC,
	OE_RANK_OTHER,
	OE_RANK_NEVER				/* system schemas and our own */
} OeSchemaRank;

/* Why a table is searched for, which decides whose tables may be found. */
typedef enum OeRelationUse
{
	OE_USE_MARK,				/* ir_module_module: its schema is Odoo's */
	OE_USE_ODOO,				/* a table of Odoo's */
	OE_USE_OWN					/* a table that a definition of the DBA names */
} OeRelationUse;

static Oid
oe_owner_of_database(void)
{
	HeapTuple	tup = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tup))
	{
		owner = ((Form_pg_database) GETSTRUCT(tup))->datdba;
		ReleaseSysCache(tup);
	}
	return owner;
}

static OeSchemaRank
oe_schema_rank(Oid schema, const char *name, Oid odoo)
{
	if (strncmp(name, "pg_", 3) == 0 || strcmp(name, "information_schema") == 0 ||
		strcmp(name, OE_SCHEMA) == 0)
		return OE_RANK_NEVER;
	if (schema == odoo)
		return OE_RANK_ODOO;
	return strcmp(name, "public") == 0 ? OE_RANK_PUBLIC : OE_RANK_OTHER;
}

/*
 * May a definition of the DBA's mean tables of this role?
 */
static bool
oe_is_trusted(Oid role, Oid owner)
{
	OeExtension ext;

	return role == owner || superuser_arg(role) ||
		(oe_extension_lookup(&ext) && role == ext.owner);
}

/*
 * Views and foreign tables have no rows of their own, a temporary table is one
 * session's, and a partition is captured as the table that it is a part of.
 */
static bool
oe_relation_fits(Form_pg_class form, OeRelationUse use, Oid owner, Oid odoo)
{
	if ((form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE) ||
		form->relpersistence == RELPERSISTENCE_TEMP || form->relispartition)
		return false;
	switch (use)
	{
		case OE_USE_MARK:
			return form->relkind == RELKIND_RELATION && form->relowner == owner;
		case OE_USE_ODOO:
			return form->relnamespace == odoo && form->relowner == owner;
		case OE_USE_OWN:
			return oe_is_trusted(form->relowner, owner);
	}
	return false;
}

/*
 * The table of a name that fits, in the schema that comes first; *schema is
 * that schema.
 */
static Oid
oe_relation_search(const char *name, OeRelationUse use, Oid odoo, Oid *schema)
{
	Oid			owner = oe_owner_of_database();
	CatCList   *list = SearchSysCacheList1(RELNAMENSP, CStringGetDatum(name));
	OeSchemaRank best = OE_RANK_NEVER;
	char	   *best_name = NULL;
	Oid			relid = InvalidOid;

	*schema = InvalidOid;
	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(&list->members[i]->tuple);
		OeSchemaRank rank;
		char	   *namespace;

		if (!oe_relation_fits(form, use, owner, odoo))
			continue;
		namespace = get_namespace_name(form->relnamespace);
		rank = namespace ? oe_schema_rank(form->relnamespace, namespace, odoo) : OE_RANK_NEVER;
		if (rank > best || rank == OE_RANK_NEVER || (rank == best && strcmp(namespace, best_name) > 0))
			continue;
		best = rank;
		best_name = namespace;
		relid = form->oid;
		*schema = form->relnamespace;
	}
	ReleaseSysCacheList(list);
	return relid;
}

Oid
oe_odoo_schema(void)
{
	Oid			schema;

	(void) oe_relation_search("ir_module_module", OE_USE_MARK, InvalidOid, &schema);
	return schema;
}

Oid
oe_relation_find(const char *name, bool own)
{
	Oid			odoo = oe_odoo_schema();
	Oid			schema;

	if (!own && !OidIsValid(odoo))
		return InvalidOid;
	return oe_relation_search(name, own ? OE_USE_OWN : OE_USE_ODOO, odoo, &schema);
}

Oid
oe_relation_first(ArrayType *names, bool own)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	Oid			relid = InvalidOid;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &n);
	for (int i = 0; i < n && !OidIsValid(relid); i++)
		if (!nulls[i])
			relid = oe_relation_find(TextDatumGetCString(elems[i]), own);
	return relid;
}

/*
 * _odoo_schema(): null where there is none.
 */
Datum
oe_sql_odoo_schema(PG_FUNCTION_ARGS)
{
	Oid			schema = oe_odoo_schema();

	if (!OidIsValid(schema))
		PG_RETURN_NULL();
	PG_RETURN_OID(schema);
}

/*
 * _captured_table(tables, builtin): null where there is none.
 */
Datum
oe_sql_captured_table(PG_FUNCTION_ARGS)
{
	Oid			relid = oe_relation_first(PG_GETARG_ARRAYTYPE_P(0), !PG_GETARG_BOOL(1));

	if (!OidIsValid(relid))
		PG_RETURN_NULL();
	PG_RETURN_OID(relid);
}

/*
 * _is_trusted_owner(role, builtin): may its tables be captured?
 */
Datum
oe_sql_is_trusted_owner(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	Oid			owner = oe_owner_of_database();

	PG_RETURN_BOOL(role == owner || (!PG_GETARG_BOOL(1) && oe_is_trusted(role, owner)));
}
