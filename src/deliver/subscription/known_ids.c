/*
 * known_ids.c
 *	  Which ids does a table of Odoo's not have?
 *
 * Any backend, in the caller's transaction.  The rows are read below SQL, so
 * that nothing of Odoo's role runs with the rights of the extension's owner.
 * The table is locked conditionally: whoever subscribes does not wait for a
 * module upgrade.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/relations.h"

#define OE_KNOWN_ROWS 100000	/* a table with more is not looked at */

PG_FUNCTION_INFO_V1(oe_sql_unknown_ids);

/*
 * Marks the ids that there is a row for; false if the table is too large.
 */
static bool
oe_ids_mark(Relation rel, AttrNumber att, const int32 *ids, bool *known, int n)
{
	TableScanDesc scan = oe_table_beginscan(rel, GetActiveSnapshot());
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	int			rows = 0;

	while (rows <= OE_KNOWN_ROWS && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		id = slot_getattr(slot, att, &isnull);

		CHECK_FOR_INTERRUPTS();
		rows++;
		for (int i = 0; i < n && !isnull; i++)
			known[i] |= ids[i] == DatumGetInt32(id);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	return rows <= OE_KNOWN_ROWS;
}

/*
 * _unknown_ids(table, ids): the ids without a row, null where that cannot be
 * said.
 */
Datum
oe_sql_unknown_ids(PG_FUNCTION_ARGS)
{
	Oid			relid = oe_relation_find(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	const int32 *ids = (const int32 *) ARR_DATA_PTR(array);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	bool	   *known = palloc0(n + 1);
	Datum	   *unknown = palloc(sizeof(Datum) * (n + 1));
	int			nunknown = 0;
	AttrNumber	att;
	Relation	rel;
	bool		seen;

	if (!OidIsValid(relid) || array_contains_nulls(array) || !ConditionalLockRelationOid(relid, AccessShareLock))
		PG_RETURN_NULL();
	att = get_attnum(relid, "id");
	rel = try_relation_open(relid, NoLock);
	seen = rel != NULL && rel->rd_rel->relkind == RELKIND_RELATION && att != InvalidAttrNumber &&
		get_atttype(relid, att) == INT4OID && oe_ids_mark(rel, att, ids, known, n);
	if (rel != NULL)
		relation_close(rel, AccessShareLock);
	if (!seen)
		PG_RETURN_NULL();
	for (int i = 0; i < n; i++)
		if (!known[i])
			unknown[nunknown++] = Int32GetDatum(ids[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(unknown, nunknown, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}
