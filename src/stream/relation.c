/*
 * relation.c
 *	  The output plugin's cache of relations: is one a member of the outbox, a table
 *	  that a capture rule names, or neither (stream.h)?
 *
 * An entry is looked up again when the relation, the rules, or any schema changes;
 * invalidation callbacks only set flags.  Rules are read as they were at that point
 * of the WAL, which is possible because capture_rule and entity are declared
 * user_catalog_table.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/json.h"
#include "base/oe.h"
#include "base/relations.h"
#include "capture/rules.h"
#include "stream/stream.h"

/* The stream of this process, which decodes one at a time; NULL: none. */
static OeStream *oe_stream_current = NULL;

static void
oe_stream_invalidate_all(OeStream *s)
{
	HASH_SEQ_STATUS seq;
	OeStreamRel *r;

	hash_seq_init(&seq, s->rels);
	while ((r = hash_seq_search(&seq)) != NULL)
		r->valid = false;
}

static void
oe_stream_invalidate_rel(Datum arg, Oid relid)
{
	OeStream   *s = oe_stream_current;
	OeStreamRel *r;

	if (s == NULL)
		return;
	s->schema_doubtful = true;
	if (relid == InvalidOid || relid == s->rule_table || relid == s->wal_table)
		oe_stream_invalidate_all(s);
	else if ((r = hash_search(s->rels, &relid, HASH_FIND, NULL)) != NULL)
		r->valid = false;
}

/*
 * Invalidation callback: a schema was created, dropped or renamed, perhaps that of
 * the extension or of Odoo; or the database has another owner, whose tables are
 * Odoo's from then on.
 */
static void
oe_stream_invalidate_places(Datum arg, int cacheid, uint32 hash)
{
	if (oe_stream_current)
		oe_stream_invalidate_all(oe_stream_current);
}

/*
 * Callback of the decoding context's memory.  It is needed because after an error the
 * plugin's shutdown is not called, while the session and our invalidation callbacks
 * live on.
 */
static void
oe_stream_rels_end(void *arg)
{
	if (oe_stream_current == arg)
		oe_stream_current = NULL;
}

void
oe_stream_rels_init(OeStream *s)
{
	static bool registered = false;
	MemoryContextCallback *callback = MemoryContextAllocZero(s->cxt, sizeof(*callback));
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(OeStreamRel),.hcxt = s->cxt};

	s->rels = hash_create("odoo_events decoded relations", 128, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	s->retired = AllocSetContextCreate(s->cxt, "odoo_events retired layouts", ALLOCSET_SMALL_SIZES);
	callback->func = oe_stream_rels_end;
	callback->arg = s;
	MemoryContextRegisterResetCallback(s->cxt, callback);
	oe_stream_current = s;
	if (!registered)
	{
		CacheRegisterRelcacheCallback(oe_stream_invalidate_rel, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, oe_stream_invalidate_places, (Datum) 0);
		CacheRegisterSyscacheCallback(DATABASEOID, oe_stream_invalidate_places, (Datum) 0);
	}
	registered = true;
}

/*
 * Frees retired layouts; called when no change record refers to them any more.
 */
void
oe_stream_rels_flush(OeStream *s)
{
	MemoryContextReset(s->retired);
}

static bool
oe_is_system_schema(const char *name)
{
	return strncmp(name, "pg_", 3) == 0 || strcmp(name, "information_schema") == 0 ||
		strcmp(name, OE_SCHEMA) == 0;
}

static AttrNumber
oe_catalog_column(Relation rel, const char *name)
{
	AttrNumber	att = get_attnum(RelationGetRelid(rel), name);

	if (att == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist", name,
						RelationGetRelationName(rel))));
	return att;
}

static Datum
oe_catalog_value(Relation rel, HeapTuple tup, const char *column, bool *isnull)
{
	return heap_getattr(tup, oe_catalog_column(rel, column), RelationGetDescr(rel), isnull);
}

static bool
oe_array_has(ArrayType *array, const char *wanted)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i] && strcmp(TextDatumGetCString(elems[i]), wanted) == 0)
			return true;
	return false;
}

/*
 * The value of a column that was added to the table in a later version of the
 * extension.  WAL from before the update does not have it; null then.
 */
static Datum
oe_catalog_newer_value(Relation rel, HeapTuple tup, const char *column, bool *isnull)
{
	*isnull = true;
	if (get_attnum(RelationGetRelid(rel), column) == InvalidAttrNumber)
		return (Datum) 0;
	return oe_catalog_value(rel, tup, column, isnull);
}

/*
 * Raises an error where the consumer asks for an entity that the catalog does not
 * know.  A misspelled one would otherwise silently give nothing.
 */
static void
oe_entities_check(OeStream *s)
{
	Oid			relid = get_relname_relid("entity", get_namespace_oid(OE_SCHEMA, true));
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tup;
	int			unknown = 0;
	bool	   *known = palloc0(s->nnames * sizeof(bool));

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("option \"entities\" needs the extension \"odoo_events\" in this database"),
				 errhint("CREATE EXTENSION odoo_events;")));
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		bool		isnull;
		char	   *entity = TextDatumGetCString(oe_catalog_value(rel, tup, "entity", &isnull));

		for (int i = 0; i < s->nnames; i++)
			known[i] |= strcmp(s->names[i], entity) == 0;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	while (unknown < s->nnames && known[unknown])
		unknown++;
	if (unknown < s->nnames)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("option \"entities\" names \"%s\", which is no entity", s->names[unknown]),
				 errhint("SELECT entity FROM odoo_events.entity ORDER BY entity;")));
}

/*
 * The same at the start of a stream, when a walsender is in no transaction.
 */
void
oe_stream_entities_check(OeStream *s)
{
	bool		own = !IsTransactionState();
	MemoryContext caller = CurrentMemoryContext;

	if (own)
		StartTransactionCommand();
	oe_entities_check(s);
	if (own)
		CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
}

/*
 * At this point of the WAL, does the WAL reader capture by the rule?  "compare":
 * triggers capture by it too, and the results are compared.
 */
static bool
oe_rule_read_from_wal(OeStream *s, const char *rule, bool *compare)
{
	Oid			relid = get_relname_relid("wal_rule", get_namespace_oid(OE_SCHEMA, false));
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tup;
	bool		wanted = false;

	if (!OidIsValid(relid))
		return false;
	s->wal_table = relid;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (!wanted && HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		bool		isnull;
		char	   *state;

		if (strcmp(TextDatumGetCString(oe_catalog_value(rel, tup, "rule", &isnull)), rule) != 0)
			continue;
		state = TextDatumGetCString(oe_catalog_value(rel, tup, "state", &isnull));
		*compare = strcmp(state, "both") == 0;
		wanted = *compare || strcmp(state, "wal") == 0;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return wanted;
}

/*
 * Does one of the entities that the consumer asks for need the rule?
 */
static bool
oe_rule_wanted(OeStream *s, const char *rule)
{
	Oid			relid = get_relname_relid("entity", get_namespace_oid(OE_SCHEMA, false));
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tup;
	bool		wanted = false;

	if (s->names == NULL)
		return true;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (!wanted && HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		bool		isnull;
		char	   *entity = TextDatumGetCString(oe_catalog_value(rel, tup, "entity", &isnull));

		for (int i = 0; i < s->nnames && !wanted; i++)
			wanted = strcmp(s->names[i], entity) == 0 &&
				oe_array_has(DatumGetArrayTypeP(oe_catalog_value(rel, tup, "rules", &isnull)), rule);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return wanted;
}

/*
 * Does the table have an integer column "id"?  A table without it is ignored, since an
 * error would stop the stream for ever.
 */
static bool
oe_has_integer_id(Relation rel)
{
	Oid			type = get_atttype(RelationGetRelid(rel), get_attnum(RelationGetRelid(rel), "id"));

	return type == INT4OID || type == INT8OID;
}

/*
 * The layout that a rule gives to the table; NULL if no rule names it.  "named" is the
 * relation whose name is looked for: of a partition the topmost table.
 */
static OeRowLayout *
oe_stream_layout(OeStream *s, Relation rel, Relation named, bool *compare)
{
	Oid			relid = get_relname_relid("capture_rule", get_namespace_oid(OE_SCHEMA, true));
	Relation	rules;
	SysScanDesc scan;
	HeapTuple	tup;
	OeRowLayout *layout = NULL;

	if (!OidIsValid(relid))
		return NULL;
	s->rule_table = relid;
	rules = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rules, InvalidOid, false, NULL, 0, NULL);
	while (layout == NULL && HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		bool		isnull;
		char	   *rule = TextDatumGetCString(oe_catalog_value(rules, tup, "rule", &isnull));
		MemoryContext old;
		Datum		only;
		bool		own;

		own = !DatumGetBool(oe_catalog_value(rules, tup, "builtin", &isnull));
		if (oe_relation_first(DatumGetArrayTypeP(oe_catalog_value(rules, tup, "tables", &isnull)), own) != RelationGetRelid(named))
			continue;
		if (s->sink ? !oe_rule_read_from_wal(s, rule, compare) : !oe_rule_wanted(s, rule))
			continue;
		if (!oe_has_integer_id(rel))
			continue;
		old = MemoryContextSwitchTo(AllocSetContextCreate(s->cxt, "odoo_events layout", ALLOCSET_SMALL_SIZES));
		only = oe_catalog_newer_value(rules, tup, "row_filter", &isnull);
		layout = oe_row_layout_make(rel, rule,
									DatumGetArrayTypeP(oe_catalog_value(rules, tup, "significant", &isnull)),
									DatumGetArrayTypeP(oe_catalog_value(rules, tup, "carried", &isnull)),
									only ? DatumGetArrayTypeP(only) : NULL);
		MemoryContextSwitchTo(old);
	}
	systable_endscan(scan);
	table_close(rules, AccessShareLock);
	return layout;
}

/*
 * A captured table: finds its layout and its name.
 */
static void
oe_stream_rel_table(OeStream *s, OeStreamRel *r, Relation rel)
{
	Relation	named = rel;
	StringInfoData name;
	MemoryContext old;

	if (rel->rd_rel->relispartition)
		named = RelationIdGetRelation(oe_partition_root(RelationGetRelid(rel)));
	r->layout = named ? oe_stream_layout(s, rel, named, &r->compare) : NULL;
	if (r->layout)
	{
		old = MemoryContextSwitchTo(r->layout->cxt);
		initStringInfo(&name);
		oe_json_cstring(&name, quote_qualified_identifier(get_namespace_name(RelationGetNamespace(named)),
														  RelationGetRelationName(named)));
		MemoryContextSwitchTo(old);
		r->name = name.data;
		r->full = rel->rd_rel->relreplident == REPLICA_IDENTITY_FULL;
	}
	if (named && named != rel)
		RelationClose(named);
}

static void
oe_stream_rel_fill(OeStream *s, OeStreamRel *r, Relation rel)
{
	const char *schema = get_namespace_name(RelationGetNamespace(rel));

	if (r->layout)
	{
		MemoryContextSetParent(r->layout->cxt, s->retired);
		s->log.matters |= s->log.cxt != NULL;
	}
	r->layout = NULL;
	r->event = InvalidAttrNumber;
	if (s->source == OE_SOURCE_TABLES)
	{
		if (schema && !oe_is_system_schema(schema))
			oe_stream_rel_table(s, r, rel);
	}
	else if (schema && strcmp(schema, OE_SCHEMA) == 0 &&
			 strncmp(RelationGetRelationName(rel), "outbox_", 7) == 0)
	{
		r->event = get_attnum(r->relid, "event");
		r->type = get_attnum(r->relid, "type");
	}
}

/*
 * Looks again which schema is Odoo's, and empties the cache where it is another one:
 * the table that marks it may have been created, dropped or given to another owner.
 */
static void
oe_stream_check_schema(OeStream *s)
{
	Oid			schema;

	s->schema_doubtful = false;
	schema = oe_odoo_schema();
	if (schema != s->odoo_schema)
		oe_stream_invalidate_all(s);
	s->odoo_schema = schema;
}

/*
 * Fills an entry that is not valid.
 */
static void
oe_stream_rel_validate(OeStream *s, OeStreamRel *r, Relation rel)
{
	MemoryContext caller = MemoryContextSwitchTo(s->change_cxt);

	/* before the look-up, so that an invalidation during it is not lost */
	r->valid = true;
	PG_TRY();
	{
		oe_stream_rel_fill(s, r, rel);
	}
	PG_CATCH();
	{
		r->valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(s->change_cxt);
}

/*
 * The entry of a relation, looked up again if it is not valid.
 */
OeStreamRel *
oe_stream_rel(OeStream *s, Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	bool		found;
	OeStreamRel *r;

	if (s->schema_doubtful)
		oe_stream_check_schema(s);
	r = hash_search(s->rels, &relid, HASH_ENTER, &found);
	if (!found)
	{
		memset(r, 0, sizeof(OeStreamRel));
		r->relid = relid;
	}
	if (!r->valid)
		oe_stream_rel_validate(s, r, rel);
	return r;
}
