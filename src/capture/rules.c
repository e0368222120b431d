/*
 * rules.c
 *	  Cache of capture rules by trigger.
 *
 * Odoo's backend.  Reads rows of capture_rule without checking privileges, and with
 * the latest snapshot, so that a transaction that began before attach() finds its
 * rule.  The invalidation callback only sets a flag, because it may run inside any
 * catalog access, also while an entry is being filled.  Holds AccessShareLock on
 * capture_rule while filling an entry.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupmacs.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/json.h"
#include "base/oe.h"
#include "capture/image.h"
#include "capture/log.h"
#include "capture/rules.h"
#include "capture/subtransaction.h"

#define OE_RULE_NATTS 7			/* columns of capture_rule that are read here */
#define OE_FILL_TRIES 10

static OeCaptureRule *oe_rules = NULL;
static OeRowLayout *oe_retired = NULL;
static bool oe_rules_stale = false;
static Oid	oe_rule_table = InvalidOid;

/*
 * Invalidation callback: sets flags, reads no catalog.
 */
static void
oe_rules_invalidate(Datum arg, Oid relid)
{
	for (OeCaptureRule *r = oe_rules; r != NULL; r = r->next)
		if (relid == InvalidOid || relid == oe_rule_table || relid == r->relid)
		{
			r->state = OE_RULE_INVALID;
			oe_rules_stale = true;
		}
}

static AttrNumber
oe_attnum_by_name(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		/* virtual generated columns have no value in the row */
		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0 &&
			(att->attgenerated == '\0' || att->attgenerated == ATTRIBUTE_GENERATED_STORED))
			return att->attnum;
	}
	return InvalidAttrNumber;
}

/*
 * Resolves 'name' or 'name=alternative=...' and adds the column, unless the
 * table lacks it or the layout has it already.  Allocates in the layout.
 */
static void
oe_layout_add(OeRowLayout *layout, char *spec, bool significant)
{
	TupleDesc	desc = layout->desc;
	char	   *name = spec;
	char	   *rest = strchr(spec, '=');
	AttrNumber	attnum;
	OeLayoutColumn *col = &layout->cols[layout->ncols];
	StringInfoData key;
	Oid			outfunc;
	bool		varlena;

	if (rest)
		*rest++ = '\0';
	attnum = oe_attnum_by_name(desc, name);
	while (attnum == InvalidAttrNumber && rest != NULL)
	{
		char	   *alternative = rest;

		rest = strchr(alternative, '=');
		if (rest)
			*rest++ = '\0';
		attnum = oe_attnum_by_name(desc, alternative);
	}
	if (attnum == InvalidAttrNumber)
		return;

	initStringInfo(&key);
	appendStringInfoChar(&key, ',');
	oe_json_cstring(&key, name);
	appendStringInfoString(&key, ":null");
	for (int i = 0; i < layout->ncols; i++)
		if (strcmp(layout->cols[i].key, key.data) == 0)
			return;

	col->key = key.data;
	col->keylen = key.len - strlen("null");
	col->attnum = attnum;
	col->len = TupleDescAttr(desc, attnum - 1)->attlen;
	col->byval = TupleDescAttr(desc, attnum - 1)->attbyval;
	col->significant = significant;
	col->type = getBaseType(TupleDescAttr(desc, attnum - 1)->atttypid);
	getTypeOutputInfo(col->type, &outfunc, &varlena);
	fmgr_info_cxt(outfunc, &col->out, layout->cxt);
	layout->ncols++;
	layout->maxatt = Max(layout->maxatt, attnum);
}

/*
 * Adds the columns of one array of the rule.
 */
static void
oe_layout_add_all(OeRowLayout *layout, ArrayType *specs, bool significant)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	deconstruct_array(specs, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			oe_layout_add(layout, TextDatumGetCString(elems[i]), significant);
}

/*
 * Prepares the steps over stored rows.  There are none where two columns of the rule
 * are the same column of the table.
 */
static void
oe_layout_add_steps(OeRowLayout *layout)
{
	OeLayoutStep *steps = palloc(layout->maxatt * sizeof(OeLayoutStep));

	for (int i = 0; i < layout->maxatt; i++)
	{
		Form_pg_attribute att = TupleDescAttr(layout->desc, i);

		steps[i].len = att->attlen;
		steps[i].col = -1;
		steps[i].align_mask = att_align_nominal(1, att->attalign) - 1;
	}
	for (int i = 0; i < layout->ncols; i++)
	{
		OeLayoutStep *step = &steps[layout->cols[i].attnum - 1];

		if (step->col >= 0)
			return;
		step->col = i;
	}
	layout->steps = steps;
}

/*
 * The topmost partitioned table of a partition.
 */
Oid
oe_partition_root(Oid relid)
{
	List	   *ancestors = get_partition_ancestors(relid);
	Oid			root = llast_oid(ancestors);

	list_free(ancestors);
	return root;
}

/*
 * Adds the conditions on rows, 'column=value'; those of columns that the table lacks
 * are left out.
 */
static void
oe_layout_add_only(OeRowLayout *layout, ArrayType *specs)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	deconstruct_array(specs, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &n);
	layout->only = palloc0(Max(n, 1) * sizeof(OeOnly));
	for (int i = 0; i < n; i++)
	{
		char	   *column = nulls[i] ? NULL : TextDatumGetCString(elems[i]);
		char	   *value = column ? strchr(column, '=') : NULL;
		OeOnly	   *only = &layout->only[layout->nonly];

		if (value == NULL)
			continue;
		*value++ = '\0';
		only->attnum = oe_attnum_by_name(layout->desc, column);
		if (only->attnum == InvalidAttrNumber)
			continue;
		only->type = getBaseType(TupleDescAttr(layout->desc, only->attnum - 1)->atttypid);
		only->value = value;
		layout->nonly++;
	}
}

OeRowLayout *
oe_row_layout_make(Relation rel, const char *rule, ArrayType *significant,
				   ArrayType *carried, ArrayType *only)
{
	int			max = 1 + ArrayGetNItems(ARR_NDIM(significant), ARR_DIMS(significant)) +
	ArrayGetNItems(ARR_NDIM(carried), ARR_DIMS(carried));
	OeRowLayout *layout = palloc0(sizeof(OeRowLayout));
	char		id[] = "id";

	layout->cxt = CurrentMemoryContext;
	layout->relid = layout->root = RelationGetRelid(rel);
	if (rel->rd_rel->relispartition)
		layout->root = oe_partition_root(layout->relid);
	strlcpy(layout->rule, rule, NAMEDATALEN);
	/* with the missing values of columns that were added later */
	layout->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	layout->cols = palloc0(max * sizeof(OeLayoutColumn));

	oe_layout_add(layout, id, false);
	if (layout->ncols == 0 ||
		(layout->cols[0].type != INT4OID && layout->cols[0].type != INT8OID))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("table \"%s\" has no integer column \"id\"",
						RelationGetRelationName(rel))));
	oe_layout_add_all(layout, significant, true);
	oe_layout_add_all(layout, carried, false);
	if (only)
		oe_layout_add_only(layout, only);
	layout->significant = palloc0(oe_nwords(layout->ncols) * sizeof(uint64));
	for (int i = 0; i < layout->ncols; i++)
		if (layout->cols[i].significant)
			oe_bit_set(layout->significant, i);
	oe_layout_add_steps(layout);
	return layout;
}

/*
 * Was there a column of the same number, name and type before this transaction?
 * "before" shows the catalog as it was then: a rewrite of the table writes all
 * rows of pg_attribute again, so their xmin alone does not tell.
 */
static bool
oe_column_was_there(Relation attributes, Snapshot before, Oid relid, Form_pg_attribute column)
{
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tup;
	bool		same = false;

	ScanKeyInit(&key[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[1], Anum_pg_attribute_attnum, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(column->attnum));
	scan = systable_beginscan(attributes, AttributeRelidNumIndexId, true, before, 2, key);
	if (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_attribute was = (Form_pg_attribute) GETSTRUCT(tup);

		same = !was->attisdropped && was->atttypid == column->atttypid && namestrcmp(&was->attname, NameStr(column->attname)) == 0;
	}
	systable_endscan(scan);
	return same;
}

/* Did this transaction write the column's row of pg_attribute? */
static bool
oe_column_written(Oid relid, AttrNumber attnum)
{
	HeapTuple	tup = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	bool		mine;

	if (!HeapTupleIsValid(tup))
		return false;
	mine = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(tup->t_data));
	ReleaseSysCache(tup);
	return mine;
}

/*
 * Notes the columns that this transaction has added, renamed or retyped.  What
 * fills them then is the script of an upgrade, and no business: told as
 * changes, it would be a storm of corrections of all that ever was.
 */
static void
oe_layout_note_fresh(OeRowLayout *layout)
{
	Relation	attributes = NULL;
	Snapshot	before = NULL;

	for (int i = 0; i < layout->ncols; i++)
	{
		AttrNumber	attnum = layout->cols[i].attnum;

		if (!oe_column_written(layout->relid, attnum))
			continue;
		if (attributes == NULL)
		{
			attributes = table_open(AttributeRelationId, AccessShareLock);
			before = RegisterSnapshot(GetLatestSnapshot());
			before->curcid = FirstCommandId;
		}
		if (oe_column_was_there(attributes, before, layout->relid, TupleDescAttr(layout->desc, attnum - 1)))
			continue;
		if (layout->fresh == NULL)
			layout->fresh = MemoryContextAllocZero(layout->cxt, oe_nwords(layout->ncols) * sizeof(uint64));
		oe_bit_set(layout->fresh, i);
		layout->fresh_xid = GetTopTransactionIdIfAny();
	}
	if (attributes == NULL)
		return;
	UnregisterSnapshot(before);
	table_close(attributes, AccessShareLock);
}

/*
 * Reads the row of a rule and makes the layout; raises when there is none.
 */
static OeRowLayout *
oe_rule_read(Relation rel, const char *rule)
{
	Oid			relid = get_relname_relid("capture_rule", get_namespace_oid(OE_SCHEMA, false));
	OeRowLayout *layout = NULL;
	Relation	rules;
	Snapshot	snapshot;
	SysScanDesc scan;
	HeapTuple	tup;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.capture_rule\" does not exist", OE_SCHEMA)));
	oe_rule_table = relid;
	rules = table_open(relid, AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	/* a few dozen rows, read once per backend and table */
	scan = systable_beginscan(rules, InvalidOid, false, snapshot, 0, NULL);
	while (layout == NULL && HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Datum		values[OE_RULE_NATTS];
		bool		nulls[OE_RULE_NATTS];

		for (int i = 0; i < OE_RULE_NATTS; i++)
		{
			nulls[i] = i >= RelationGetDescr(rules)->natts;
			if (!nulls[i])
				values[i] = heap_getattr(tup, i + 1, RelationGetDescr(rules), &nulls[i]);
		}
		if (nulls[0] || nulls[2] || nulls[3] ||
			strcmp(TextDatumGetCString(values[0]), rule) != 0)
			continue;
		layout = oe_row_layout_make(rel, rule, DatumGetArrayTypeP(values[2]),
									DatumGetArrayTypeP(values[3]),
									nulls[6] ? NULL : DatumGetArrayTypeP(values[6]));
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rules, AccessShareLock);
	if (layout == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("capture rule \"%s\" does not exist", rule),
				 errhint("SELECT odoo_events.detach(); SELECT odoo_events.attach();")));
	if (!rel->rd_createSubid)
		oe_layout_note_fresh(layout);
	return layout;
}

typedef struct OeFill
{
	Relation	rel;
	const char *rule;
	OeRowLayout *layout;
} OeFill;

static void
oe_rule_fill_step(void *arg)
{
	OeFill	   *f = (OeFill *) arg;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events rule",
											  ALLOCSET_SMALL_SIZES);

	MemoryContextSwitchTo(cxt);
	f->layout = oe_rule_read(f->rel, f->rule);
	/* until here an error would have freed it with its parent */
	MemoryContextSetParent(cxt, TopMemoryContext);
}

/*
 * Fills an entry; an error becomes its "reason".
 */
static void
oe_rule_fill(OeCaptureRule *r, Relation rel)
{
	OeFill		f = {rel, r->rule, NULL};
	char	   *what = psprintf("capture table \"%s\"", RelationGetRelationName(rel));
	const char *failure = oe_subtransaction_run(oe_rule_fill_step, &f, what);

	if (failure)
		strlcpy(r->reason, failure, sizeof(r->reason));
	r->layout = f.layout;
	pfree(what);
}

/*
 * Change records of this transaction still point to the old layout, so it is
 * freed at the end of the transaction.  Columns that were not significant by the old
 * rule may be by the new one.
 */
static void
oe_layout_retire(OeRowLayout *layout)
{
	if (layout == NULL)
		return;
	oe_log->matters |= oe_log->cxt != NULL;
	layout->next = oe_retired;
	oe_retired = layout;
	oe_rules_stale = true;
}

static OeCaptureRule *
oe_rule_new(const TriggerData *td)
{
	OeCaptureRule *r;

	if (td->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" needs the name of a capture rule as its argument",
						td->tg_trigger->tgname)));
	if (oe_rules == NULL)
	{
		static bool registered = false;

		if (!registered)
			CacheRegisterRelcacheCallback(oe_rules_invalidate, (Datum) 0);
		registered = true;
	}
	r = MemoryContextAllocZero(TopMemoryContext, sizeof(OeCaptureRule));
	r->tgoid = td->tg_trigger->tgoid;
	r->relid = RelationGetRelid(td->tg_relation);
	strlcpy(r->rule, td->tg_trigger->tgargs[0], NAMEDATALEN);
	r->next = oe_rules;
	oe_rules = r;
	return r;
}

OeCaptureRule *
oe_rule_of(const TriggerData *td)
{
	OeCaptureRule *r = oe_rules;
	OeCaptureRule **link = &oe_rules;

	/* the entry that was used last is first in the list */
	if (likely(r != NULL && r->tgoid == td->tg_trigger->tgoid &&
			   r->state == OE_RULE_VALID))
		return r;
	while (*link != NULL && (*link)->tgoid != td->tg_trigger->tgoid)
		link = &(*link)->next;
	r = *link;
	if (r == NULL)
		r = oe_rule_new(td);
	else
	{
		*link = r->next;
		r->next = oe_rules;
		oe_rules = r;
	}
	for (int i = 0; r->state != OE_RULE_VALID && i < OE_FILL_TRIES; i++)
	{
		oe_layout_retire(r->layout);
		r->layout = NULL;
		r->state = OE_RULE_FILLING;
		oe_rule_fill(r, td->tg_relation);
		if (r->state == OE_RULE_FILLING)
			r->state = OE_RULE_VALID;
	}
	return r;
}

void
oe_rules_at_end(void)
{
	OeCaptureRule **link = &oe_rules;

	if (!oe_rules_stale)
		return;
	oe_rules_stale = false;
	while (oe_retired != NULL)
	{
		OeRowLayout *layout = oe_retired;

		oe_retired = layout->next;
		MemoryContextDelete(layout->cxt);
	}
	while (*link != NULL)
	{
		OeCaptureRule *r = *link;

		if (r->state != OE_RULE_INVALID)
		{
			link = &r->next;
			continue;
		}
		*link = r->next;
		if (r->layout)
			MemoryContextDelete(r->layout->cxt);
		pfree(r);
	}
}
