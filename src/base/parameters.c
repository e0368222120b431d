/*
 * parameters.c
 *	  Reads Odoo's table ir_config_parameter (parameters.h).
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/parameters.h"
#include "base/relations.h"
#include "base/shmem.h"

/* How long the remembered values are good while the table is locked. */
#define OE_REMEMBERED_MS (60 * 60 * 1000)
/* The table normally has some hundred rows.  A table that somebody has filled up
 * must not stop the worker. */
#define OE_SCAN_MS 1000
#define OE_SCAN_ROWS 1000

static AttrNumber
oe_text_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0 &&
			(att->atttypid == TEXTOID || att->atttypid == VARCHAROID))
			return att->attnum;
	}
	return InvalidAttrNumber;
}

/*
 * Copies a short text; false where the column is null or longer than "value" has
 * room for.  The length is known without fetching TOAST.
 */
static bool
oe_short_text(TupleTableSlot *slot, AttrNumber att, char *value)
{
	bool		isnull;
	Datum		d = slot_getattr(slot, att, &isnull);
	char	   *s;

	if (isnull || toast_raw_datum_size(d) - VARHDRSZ >= OE_PARAMETER_LEN)
		return false;
	s = TextDatumGetCString(d);
	strlcpy(value, s, OE_PARAMETER_LEN);
	pfree(s);
	return true;
}

/*
 * Takes over one row; false where its key is one that we read, and its value
 * cannot be used.
 */
static bool
oe_parameter_take(OeParameters *p, const char *key, TupleTableSlot *slot, AttrNumber value_att)
{
	char		value[OE_PARAMETER_LEN];
	bool		uuid = strcmp(key, "database.uuid") == 0;

	if (!uuid && strcmp(key, "database.is_neutralized") != 0)
		return true;
	if (!oe_short_text(slot, value_att, value))
		return false;
	if (uuid)
		strlcpy(p->database_uuid, value, sizeof(p->database_uuid));
	else
		p->neutralized = pg_strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
	return true;
}

/*
 * Reads all rows.  Returns the reason for a failure, NULL on success.
 */
static const char *
oe_parameters_scan(OeParameters *p, Relation rel)
{
	AttrNumber	key_att = oe_text_column(RelationGetDescr(rel), "key");
	AttrNumber	value_att = oe_text_column(RelationGetDescr(rel), "value");
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OE_SCAN_MS);
	const char *why = NULL;
	TableScanDesc scan;
	TupleTableSlot *slot;
	char		key[OE_PARAMETER_LEN];

	if (rel->rd_rel->relkind != RELKIND_RELATION)
		return "it is a partitioned table";
	if (key_att == InvalidAttrNumber || value_att == InvalidAttrNumber)
		return "it has no text columns \"key\" and \"value\"";
	scan = oe_table_beginscan(rel, GetActiveSnapshot());
	slot = table_slot_create(rel, NULL);
	for (int64 n = 1; why == NULL && table_scan_getnextslot(scan, ForwardScanDirection, slot); n++)
	{
		CHECK_FOR_INTERRUPTS();
		if (oe_short_text(slot, key_att, key) && !oe_parameter_take(p, key, slot, value_att))
			why = "the value of a parameter is missing or too long";
		if (n % OE_SCAN_ROWS == 0 && GetCurrentTimestamp() > end)
			why = "it has too many rows";
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	return why;
}

static void
oe_parameters_remember(const OeParameters *p)
{
	OeSlot	   *slot = oe_slot_mine(false);

	if (slot == NULL)
		return;
	oe_slots_lock(true);
	slot->parameters = *p;
	slot->parameters_at = GetCurrentTimestamp();
	oe_slots_unlock();
}

static bool
oe_parameters_remembered(OeParameters *p)
{
	OeSlot	   *slot = oe_slot_mine(false);
	TimestampTz at;

	if (slot == NULL)
		return false;
	oe_slots_lock(false);
	*p = slot->parameters;
	at = slot->parameters_at;
	oe_slots_unlock();
	return at != 0 && !TimestampDifferenceExceeds(at, GetCurrentTimestamp(), OE_REMEMBERED_MS);
}

/*
 * Does the database have Odoo's tables, owned by a role that does not own the
 * database?  A copy may have been restored like that.  Whether it is neutralized
 * cannot be trusted then.  Looks only in schema "public", where not every role
 * may create tables.
 */
static bool
oe_parameters_of_another(void)
{
	static const char *const tables[] = {"ir_module_module", "ir_config_parameter"};
	Oid			nsp = get_namespace_oid("public", true);

	for (int i = 0; i < lengthof(tables); i++)
	{
		Oid			relid = OidIsValid(nsp) ? get_relname_relid(tables[i], nsp) : InvalidOid;

		if (!OidIsValid(relid) || get_rel_relkind(relid) != RELKIND_RELATION)
			return false;
	}
	return true;
}

OeParametersState
oe_parameters_read(OeParameters *p, const char **why)
{
	Oid			relid = oe_relation_find("ir_config_parameter", false);
	Relation	rel;

	memset(p, 0, sizeof(*p));
	*why = NULL;
	if (!OidIsValid(relid))
	{
		if (!oe_parameters_of_another())
			return OE_PARAMETERS_READ;
		*why = "it does not belong to the owner of the database";
		return OE_PARAMETERS_UNREADABLE;
	}
	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return oe_parameters_remembered(p) ? OE_PARAMETERS_REMEMBERED : OE_PARAMETERS_UNKNOWN;
	/* it may have been dropped, or given away, before it was locked */
	rel = oe_relation_find("ir_config_parameter", false) == relid ? try_table_open(relid, NoLock) : NULL;
	if (rel != NULL)
	{
		*why = oe_parameters_scan(p, rel);
		table_close(rel, NoLock);
	}
	UnlockRelationOid(relid, AccessShareLock);
	if (*why)
		return OE_PARAMETERS_UNREADABLE;
	oe_parameters_remember(p);
	return OE_PARAMETERS_READ;
}
