/*
 * depends.c
 *	  Makes DROP EXTENSION drop the triggers of captured tables.
 *
 * Backends that run attach(), and the worker.  Makes the dependency that ALTER
 * TRIGGER ... DEPENDS ON EXTENSION would make, but without its AccessExclusiveLock
 * on the extension.  A transaction with attach() would hold that lock until it
 * ends, and another role's could keep attach() waiting.  The lock that trusted
 * transactions take (base/session.h) keeps the extension from being dropped
 * meanwhile.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/oe.h"
#include "base/session.h"

PG_FUNCTION_INFO_V1(oe_sql_trigger_depends);

/*
 * Inserts the row directly: recordDependencyOn() of the latest minor versions of
 * PostgreSQL locks the extension.
 */
static void
oe_depend_insert(Oid trigger, Oid extension)
{
	Relation	depend = table_open(DependRelationId, RowExclusiveLock);
	Datum		values[Natts_pg_depend] = {0};
	bool		nulls[Natts_pg_depend] = {false};
	HeapTuple	tup;

	values[Anum_pg_depend_classid - 1] = ObjectIdGetDatum(TriggerRelationId);
	values[Anum_pg_depend_objid - 1] = ObjectIdGetDatum(trigger);
	values[Anum_pg_depend_objsubid - 1] = Int32GetDatum(0);
	values[Anum_pg_depend_refclassid - 1] = ObjectIdGetDatum(ExtensionRelationId);
	values[Anum_pg_depend_refobjid - 1] = ObjectIdGetDatum(extension);
	values[Anum_pg_depend_refobjsubid - 1] = Int32GetDatum(0);
	values[Anum_pg_depend_deptype - 1] = CharGetDatum((char) DEPENDENCY_AUTO_EXTENSION);
	tup = heap_form_tuple(RelationGetDescr(depend), values, nulls);
	CatalogTupleInsert(depend, tup);
	table_close(depend, RowExclusiveLock);
}

/*
 * _trigger_depends(relid, name): called as the owner of the table, in the
 * transaction that made the trigger.
 */
Datum
oe_sql_trigger_depends(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Oid			trigger = get_trigger_oid(relid, NameStr(*PG_GETARG_NAME(1)), false);
	OeExtension ext;

	if (!oe_class_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	oe_extension_lock(&ext);
	if (!list_member_oid(getAutoExtensionsOfObject(TriggerRelationId, trigger), ext.oid))
		oe_depend_insert(trigger, ext.oid);
	PG_RETURN_VOID();
}
