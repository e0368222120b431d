/*
 * catalog.c
 *	  Loads the catalog tables into memory.
 *
 * Trusted transaction.  The catalog is kept from cycle to cycle, in a memory
 * context of its own, and made anew when any of its rows has changed (by their
 * xmin).
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/classification.h"
#include "base/compat.h"
#include "base/oe.h"
#include "base/spi_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/member_classes.h"
#include "publish/catalog/notation.h"
#include "publish/catalog/types.h"

void		(*oe_catalog_dropped) (void) = NULL;
static OeCatalog *oe_current = NULL;

/* ---- reading columns of the current SPI result; copies into the context ---- */

static int
oe_col_int(uint64 row, int col)
{
	char	   *s = oe_spi_text(row, col);

	return s ? atoi(s) : 0;
}

static bool
oe_col_bool(uint64 row, int col)
{
	char	   *s = oe_spi_text(row, col);

	return s && s[0] == 't';
}

/*
 * A text[] as C strings; null elements are left out.
 */
static char **
oe_col_list(uint64 row, int col, int *n)
{
	bool		isnull;
	Datum		d = oe_cell(SPI_tuptable, row, col, &isnull);
	Datum	   *elems;
	bool	   *nulls;
	int			count;
	char	  **list;

	*n = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls, &count);
	list = palloc0(sizeof(char *) * (count + 1));
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			list[(*n)++] = TextDatumGetCString(elems[i]);
	return list;
}

static int
oe_class_of(const char *name)
{
	int			class = name ? oe_class_number(name) : -1;

	return class < 0 ? OE_CLASS_INTERNAL : class;
}

static void
oe_col_predicate(OeCatalog *cat, uint64 row, int col, OePredicate *p)
{
	bool		isnull;
	Datum		d = oe_cell(SPI_tuptable, row, col, &isnull);
	char	   *text;

	memset(p, 0, sizeof(*p));
	if (isnull)
		return;
	p->path = PointerGetDatum(PG_DETOAST_DATUM_COPY(d));
	text = oe_spi_text(row, col);
	p->uses_tx = strstr(text, "$\"tx\"") != NULL || strstr(text, "$tx") != NULL;
	p->uses_rows = strstr(text, "$.\"rows\"") != NULL || strstr(text, "$.rows") != NULL;
	p->uses_parts = p->uses_rows || strstr(text, "$.\"parts\"") != NULL || strstr(text, "$.parts") != NULL;
	oe_note_words(&p->words, text);
	oe_add_words(&cat->words, &p->words);
}

/*
 * Runs a query without changing the memory context.
 */
static void
oe_catalog_query(const char *sql)
{
	(void) oe_spi_keep_context(NULL, sql, 0, NULL, NULL, NULL, true, 0);
}

/* ---- finding by name ---- */

OeCatalogRule *
oe_rule_find(OeCatalog *cat, const char *name)
{
	for (int i = 0; name && i < cat->nrules; i++)
		if (strcmp(cat->rules[i].name, name) == 0)
			return &cat->rules[i];
	return NULL;
}

OeReference *
oe_reference_find(OeCatalog *cat, const char *name)
{
	for (int i = 0; name && i < cat->nreferences; i++)
		if (strcmp(cat->references[i].name, name) == 0)
			return &cat->references[i];
	return NULL;
}

OeEntity *
oe_entity_find(OeCatalog *cat, const char *name)
{
	for (int i = 0; name && i < cat->nentities; i++)
		if (strcmp(cat->entities[i].name, name) == 0)
			return &cat->entities[i];
	return NULL;
}

static OeFieldOwner *
oe_owner_find(OeCatalog *cat, const char *name)
{
	for (int i = 0; name && i < cat->nowners; i++)
		if (strcmp(cat->owners[i].name, name) == 0)
			return &cat->owners[i];
	return NULL;
}

OeReference *
oe_link_of(OeCatalogRule *rule, const char *column)
{
	for (int i = 0; i < rule->nlinks; i++)
		if (strcmp(rule->links[i].column, column) == 0)
			return rule->links[i].reference;
	return NULL;
}

/* ---- loading, table by table ---- */

static void
oe_load_rules(OeCatalog *cat)
{
	oe_catalog_query("SELECT rule, tables, significant || carried, NOT builtin FROM odoo_events.capture_rule ORDER BY rule");
	cat->nrules = SPI_processed;
	cat->rules = palloc0(sizeof(OeCatalogRule) * (cat->nrules + 1));
	for (int i = 0; i < cat->nrules; i++)
	{
		OeCatalogRule *r = &cat->rules[i];

		r->index = i;
		r->name = oe_spi_text(i, 1);
		r->tables = oe_col_list(i, 2, &r->ntables);
		r->columns = oe_col_list(i, 3, &r->ncolumns);
		r->own = oe_col_bool(i, 4);
	}
}

static void
oe_load_references(OeCatalog *cat)
{
	oe_catalog_query("SELECT reference, tables, NOT builtin FROM odoo_events.reference ORDER BY reference");
	cat->nreferences = SPI_processed;
	cat->references = palloc0(sizeof(OeReference) * (cat->nreferences + 1));
	for (int i = 0; i < cat->nreferences; i++)
	{
		cat->references[i].index = i;
		cat->references[i].name = oe_spi_text(i, 1);
		cat->references[i].tables = oe_col_list(i, 2, &cat->references[i].ntables);
		cat->references[i].own = oe_col_bool(i, 3);
	}
	oe_catalog_query("SELECT reference, field, paths, shown, target FROM odoo_events.reference_field ORDER BY reference, position, field");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeReference *ref = oe_reference_find(cat, oe_spi_text(i, 1));
		OeRefField *f;

		if (ref->fields == NULL)
			ref->fields = palloc0(sizeof(OeRefField) * (SPI_processed + 1));
		f = &ref->fields[ref->nfields++];
		f->name = oe_spi_text(i, 2);
		f->paths = oe_col_list(i, 3, &f->npaths);
		f->shown = oe_col_bool(i, 4);
		f->target = oe_spi_text(i, 5);
		f->to = oe_reference_find(cat, f->target);
	}
	oe_catalog_query("SELECT rule, column_name, reference FROM odoo_events.link ORDER BY rule, column_name");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeCatalogRule *rule = oe_rule_find(cat, oe_spi_text(i, 1));

		if (rule->links == NULL)
			rule->links = palloc0(sizeof(OeLink) * (SPI_processed + 1));
		rule->links[rule->nlinks].column = oe_spi_text(i, 2);
		rule->links[rule->nlinks].reference = oe_reference_find(cat, oe_spi_text(i, 3));
		if (rule->links[rule->nlinks].reference)
			rule->nlinks++;
	}
}

static void
oe_load_fields(OeCatalog *cat)
{
	oe_catalog_query("SELECT owner, field, sources, classification, reference FROM odoo_events.field ORDER BY owner, position, field");
	cat->owners = palloc0(sizeof(OeFieldOwner) * (SPI_processed + 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *owner = oe_spi_text(i, 1);
		OeFieldOwner *o = cat->nowners ? &cat->owners[cat->nowners - 1] : NULL;
		OeField    *f;
		char	  **list;

		if (o == NULL || strcmp(o->name, owner) != 0)
		{
			o = &cat->owners[cat->nowners++];
			o->name = owner;
			o->fields = palloc0(sizeof(OeField) * SPI_processed);
		}
		f = &o->fields[o->nfields++];
		f->name = oe_spi_text(i, 2);
		list = oe_col_list(i, 3, &f->nsources);
		f->sources = palloc0(sizeof(OeSource) * (f->nsources + 1));
		for (int j = 0; j < f->nsources; j++)
			oe_parse_source(list[j], &f->sources[j]);
		f->class = oe_class_of(oe_spi_text(i, 4));
		f->reference = oe_reference_find(cat, oe_spi_text(i, 5));
	}
}

static void
oe_load_entities(OeCatalog *cat)
{
	oe_catalog_query("SELECT entity, domain, model, rule, name_column, state_column, draft_states, open_states, cancelled_states,"
					 " one_event, change_columns, keys, company, warehouse, correlation, actor, secondary,"
					 " EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = e.entity),"
					 " (SELECT d.before::text FROM odoo_events.detached d WHERE d.entity = e.entity),"
					 " COALESCE(label, entity), id_column, sum_by, sum_query, subject"
					 " FROM odoo_events.entity e ORDER BY entity");
	cat->nentities = SPI_processed;
	cat->entities = palloc0(sizeof(OeEntity) * (cat->nentities + 1));
	for (int i = 0; i < cat->nentities; i++)
	{
		OeEntity   *e = &cat->entities[i];
		char	  **list;

		e->index = i;
		e->name = oe_spi_text(i, 1);
		e->domain = oe_spi_text(i, 2);
		e->model = oe_spi_text(i, 3);
		e->rule = oe_rule_find(cat, oe_spi_text(i, 4));
		e->rule->entities = lappend(e->rule->entities, e);
		if (!oe_col_bool(i, 17))
			e->rule->entity = e;
		e->attached = oe_col_bool(i, 18);
		e->detached_at = oe_spi_text(i, 19) ? strtoull(oe_spi_text(i, 19), NULL, 10) : 0;
		e->label = oe_spi_text(i, 20);
		e->id_column = oe_spi_text(i, 21);
		list = oe_col_list(i, 22, &e->nsums);
		e->sums = oe_parse_paths(list, e->nsums);
		e->sum_query = oe_spi_text(i, 23);
		list = oe_col_list(i, 24, &e->nsubject);
		e->subject = oe_parse_paths(list, e->nsubject);
		e->name_column = oe_spi_text(i, 5);
		e->state_column = oe_spi_text(i, 6);
		e->draft = oe_col_list(i, 7, &e->ndraft);
		e->open = oe_col_list(i, 8, &e->nopen);
		e->cancelled = oe_col_list(i, 9, &e->ncancelled);
		e->one_event = oe_col_bool(i, 10);
		e->change = oe_col_list(i, 11, &e->nchange);
		list = oe_col_list(i, 12, &e->nkeys);
		e->keys = oe_parse_keys(list, e->nkeys);
		list = oe_col_list(i, 13, &e->ncompany);
		e->company = oe_parse_paths(list, e->ncompany);
		list = oe_col_list(i, 14, &e->nwarehouse);
		e->warehouse = oe_parse_paths(list, e->nwarehouse);
		list = oe_col_list(i, 15, &e->ncorrelation);
		e->correlation = oe_parse_keys(list, e->ncorrelation);
		list = oe_col_list(i, 16, &e->nactor);
		e->actor = oe_parse_paths(list, e->nactor);
		e->owner = oe_owner_find(cat, e->name);
	}
}

static void
oe_load_ladders(OeCatalog *cat)
{
	oe_catalog_query("SELECT entity, rung, milestone, states, gate FROM odoo_events.milestone ORDER BY entity, rung");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeEntity   *e = oe_entity_find(cat, oe_spi_text(i, 1));
		OeMilestone *m;

		if (e->milestones == NULL)
			e->milestones = palloc0(sizeof(OeMilestone) * (SPI_processed + 1));
		m = &e->milestones[e->nmilestones++];
		m->rung = oe_col_int(i, 2);
		m->name = oe_spi_text(i, 3);
		m->states = oe_col_list(i, 4, &m->nstates);
		m->threshold = oe_col_bool(i, 5);
	}
	oe_catalog_query("SELECT entity, kind, purpose, condition FROM odoo_events.entity_kind ORDER BY entity, precedence");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeEntity   *e = oe_entity_find(cat, oe_spi_text(i, 1));
		OeKind	   *k;

		if (e->kinds == NULL)
			e->kinds = palloc0(sizeof(OeKind) * (SPI_processed + 1));
		k = &e->kinds[e->nkinds++];
		k->kind = oe_spi_text(i, 2);
		k->purpose = oe_spi_text(i, 3);
		oe_col_predicate(cat, i, 4, &k->condition);
		oe_add_words(&e->kind_words, &k->condition.words);
	}
}

static void
oe_load_defs(OeCatalog *cat)
{
	oe_catalog_query("SELECT entity, type, variant, kind, occasion, milestone, choice, condition, rank, key, covers, with_lines, with_changes,"
					 " extra::text, emit, classification, minor, watches, NOT builtin FROM odoo_events.event_def WHERE enabled"
					 " ORDER BY entity, choice NULLS FIRST, precedence, type, variant");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeEntity   *e = oe_entity_find(cat, oe_spi_text(i, 1));
		OeDefinition *d;
		char	  **watches;

		if (e->defs == NULL)
			e->defs = palloc0(sizeof(OeDefinition) * (SPI_processed + 1));
		d = &e->defs[e->ndefs++];
		d->type = oe_spi_text(i, 2);
		d->variant = oe_col_int(i, 3);
		d->kind = oe_spi_text(i, 4);
		d->occasion = oe_occasion_of(oe_spi_text(i, 5));
		d->milestone = oe_spi_text(i, 6);
		d->choice = oe_spi_text(i, 7);
		oe_col_predicate(cat, i, 8, &d->condition);
		oe_add_words(&e->words, &d->condition.words);
		e->uses_parts |= d->condition.uses_parts;
		e->uses_rows |= d->condition.uses_rows;
		e->has_touched |= d->occasion == OE_ON_TOUCHED;
		d->rank = oe_col_int(i, 9);
		oe_parse_def_key(oe_spi_text(i, 10), d);
		d->covers = oe_col_list(i, 11, &d->ncovers);
		d->with_lines = oe_col_bool(i, 12);
		d->with_changes = oe_col_bool(i, 13);
		d->extra = oe_spi_text(i, 14);
		d->emit = oe_col_bool(i, 15);
		d->class = oe_class_of(oe_spi_text(i, 16));
		d->minor = oe_col_int(i, 17);
		watches = oe_col_list(i, 18, &d->nwatches);
		oe_parse_watches(watches, d);
		d->own = oe_col_bool(i, 19);
		d->condition.type = d->own ? d->type : NULL;
	}
}

static void
oe_load_parts(OeCatalog *cat)
{
	oe_catalog_query("SELECT entity, part, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns,"
					 " schedule_columns, state_column, tx_only FROM odoo_events.part ORDER BY entity, position");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OeEntity   *e = oe_entity_find(cat, oe_spi_text(i, 1));
		OePart	   *p = palloc0(sizeof(OePart));

		if (e->parts == NULL)
			e->parts = palloc0(sizeof(OePart *) * (SPI_processed + 1));
		e->parts[e->nparts++] = p;
		p->index = i;
		p->entity = e;
		p->name = oe_spi_text(i, 2);
		p->rule = oe_rule_find(cat, oe_spi_text(i, 3));
		p->parents = oe_col_list(i, 4, &p->nparents);
		if (p->nparents == 1 && p->parents[0][0] == '<')
		{
			p->reverse = p->parents[0] + 1;
			p->nparents = 0;
		}
		p->within = oe_spi_text(i, 5);
		p->owner = oe_owner_find(cat, oe_spi_text(i, 6));
		oe_col_predicate(cat, i, 7, &p->condition);
		p->live = oe_col_list(i, 8, &p->nlive);
		p->gone = oe_col_list(i, 9, &p->ngone);
		p->counted = oe_col_bool(i, 10);
		p->change = oe_col_list(i, 11, &p->nchange);
		p->schedule = oe_col_list(i, 12, &p->nschedule);
		p->state_column = oe_spi_text(i, 13);
		p->tx_only = oe_col_bool(i, 14);
		for (int j = 0; j < e->words.n; j++)
			p->watched |= e->uses_parts && strcmp(e->words.words[j], p->name) == 0;
		p->rule->parts = lappend(p->rule->parts, p);
		p->rule->ahead |= e->uses_rows && p->watched && p->within == NULL;
		/* what its rows do not say themselves */
		for (int j = 0; j < p->nlive; j++)
			e->rule->ahead |= strcmp(p->live[j], "*") == 0;
	}
}

static void
oe_load_hop(OeCatalog *cat, OeMany *m)
{
	ListCell   *lc;

	for (int i = 0; i < cat->nrules && m->rule == NULL; i++)
		for (int j = 0; j < cat->rules[i].ntables; j++)
			if (strcmp(cat->rules[i].tables[j], m->table) == 0)
				m->rule = &cat->rules[i];
	foreach(lc, m->rule ? m->rule->parts : NIL)
	{
		OePart	   *p = lfirst(lc);

		if (p->within == NULL && p->nparents == 1 && strcmp(p->parents[0], m->key) == 0)
			m->part = p;
	}
}

/*
 * Which steps from row to row lead to captured rows?
 */
static void
oe_load_hops(OeCatalog *cat)
{
	for (int i = 0; i < cat->nentities; i++)
		for (int j = 0; j < cat->entities[i].ncorrelation; j++)
			for (int k = 0; k < cat->entities[i].correlation[j].nmany; k++)
				oe_load_hop(cat, &cat->entities[i].correlation[j].many[k]);
}

static void
oe_load_marked(OeCatalog *cat)
{
	oe_catalog_query("SELECT mark, id::text FROM odoo_events.marked ORDER BY mark, id");
	cat->nmarked = SPI_processed;
	cat->marked = palloc0(sizeof(OeMarked) * (cat->nmarked + 1));
	for (int i = 0; i < cat->nmarked; i++)
	{
		cat->marked[i].mark = oe_spi_text(i, 1);
		cat->marked[i].id = strtoll(oe_spi_text(i, 2), NULL, 10);
	}
}

/*
 * Is this the name of a captured column, or of a field of a reference?
 */
static bool
oe_is_column(OeCatalog *cat, const char *word)
{
	size_t		len = strlen(word);

	if (strcmp(word, "id") == 0)
		return true;
	for (int i = 0; i < cat->nrules; i++)
		for (int j = 0; j < cat->rules[i].ncolumns; j++)
			if (strncmp(cat->rules[i].columns[j], word, len) == 0 && strchr("=", cat->rules[i].columns[j][len]))
				return true;
	for (int i = 0; i < cat->nreferences; i++)
		for (int j = 0; j < cat->references[i].nfields; j++)
			if (strcmp(cat->references[i].fields[j].name, word) == 0)
				return true;
	return false;
}

/*
 * Removes words of predicates that are not columns: each word costs a search in
 * every row.
 */
static void
oe_filter_words(OeCatalog *cat)
{
	for (int i = 0; i < cat->nentities; i++)
	{
		OeWords    *w = &cat->entities[i].words;
		int			n = 0;

		for (int j = 0; j < w->n; j++)
			if (oe_is_column(cat, w->words[j]))
				w->words[n++] = w->words[j];
		w->n = n;
	}
}

/*
 * A text that differs whenever the catalog's rows differ.  Called before every
 * cycle, so it reads the tables below SQL, which takes about a millisecond.
 */
static char *
oe_catalog_version(void)
{
	static const char *const tables[] = {
		"capture_rule", "entity", "attached", "detached", "marked", "entity_kind", "milestone", "event_def", "part", "field",
		"link", "reference", "reference_field"
	};
	Oid			nsp = get_namespace_oid(OE_SCHEMA, false);
	StringInfoData version;

	initStringInfo(&version);
	for (int i = 0; i < lengthof(tables); i++)
	{
		Relation	rel = table_open(get_relname_relid(tables[i], nsp), AccessShareLock);
		TableScanDesc scan = oe_table_beginscan(rel, GetActiveSnapshot());
		HeapTuple	tup;
		uint64		n = 0;
		uint64		sum = 0;
		uint64		places = 0;

		while ((tup = heap_getnext(scan, ForwardScanDirection)) != NULL)
		{
			n++;
			sum += HeapTupleHeaderGetRawXmin(tup->t_data);
			places += ((uint64) ItemPointerGetBlockNumber(&tup->t_self) << 16) + ItemPointerGetOffsetNumber(&tup->t_self) +
				((uint64) HeapTupleHeaderGetRawCommandId(tup->t_data) << 40);
		}
		appendStringInfo(&version, "%u/" UINT64_FORMAT "/" UINT64_FORMAT "/" UINT64_FORMAT ",", RelationGetRelid(rel), n, sum, places);
		table_endscan(scan);
		table_close(rel, NoLock);
	}
	return version.data;
}

/*
 * The catalog as of now.  The pointer is valid until the next call.
 */
OeCatalog *
oe_catalog(void)
{
	char	   *version = oe_catalog_version();
	MemoryContext cxt;
	MemoryContext save;
	OeCatalog  *cat;

	if (oe_current && strcmp(oe_current->version, version) == 0)
		return oe_current;
	if (oe_catalog_dropped)
		oe_catalog_dropped();
	if (oe_current)
	{
		cxt = oe_current->cxt;
		oe_current = NULL;
		MemoryContextDelete(cxt);
	}
	cxt = AllocSetContextCreate(CurrentMemoryContext, "odoo_events catalog",
								ALLOCSET_DEFAULT_SIZES);
	save = MemoryContextSwitchTo(cxt);
	cat = palloc0(sizeof(OeCatalog));
	cat->cxt = cxt;
	cat->version = pstrdup(version);
	oe_load_rules(cat);
	oe_load_references(cat);
	oe_load_fields(cat);
	oe_load_entities(cat);
	oe_load_ladders(cat);
	oe_load_defs(cat);
	oe_load_parts(cat);
	oe_load_hops(cat);
	oe_classes_load(cat->entities, cat->nentities);
	oe_load_marked(cat);
	oe_filter_words(cat);
	MemoryContextSwitchTo(save);
	MemoryContextSetParent(cxt, TopMemoryContext);
	oe_current = cat;
	return cat;
}
