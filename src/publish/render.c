/*
 * render.c
 *	  The data of an event, as JSON text.
 *
 * Foreign work.  Rendering asks for references and lines as it meets them;
 * what was not there is read in batch and the event rendered again, which
 * oe_render_prepare() makes rare.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "base/guc.h"
#include "base/json.h"
#include "publish/internal.h"

/* One row of a document, with the rows inside it. */
typedef struct OeRendered
{
	OePart	   *part;
	int64		id;
	const OeRow *row;
	bool		later;			/* read from a table */
	List	   *inner;			/* OeRendered * */
} OeRendered;

static void oe_write_member(StringInfo buf, bool *first, const char *name);

/* ---- values ---- */

static OeText
oe_text_of(const char *s)
{
	OeText		t;

	t.s = s;
	t.len = strlen(s);
	return t;
}

/* Sum of a column over the rows inside; false if they have no such column. */
static bool
oe_sum(List *inner, const char *part, const char *column, OeText *result)
{
	Datum		sum = DirectFunctionCall3(numeric_in, CStringGetDatum("0"), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	ListCell   *lc;

	foreach(lc, inner)
	{
		OeRendered *r = lfirst(lc);
		const OeText *t;

		if (strcmp(r->part->name, part) != 0)
			continue;
		t = oe_row_find(r->row, column);
		if (t == NULL)
			return false;
		if (!oe_text_null(t))
			sum = DirectFunctionCall2(numeric_add, sum,
									  DirectFunctionCall3(numeric_in, CStringGetDatum(oe_text_cstring(t)), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	*result = oe_text_of(DatumGetCString(DirectFunctionCall1(numeric_out, sum)));
	return true;
}

/*
 * The value of a field: the first of its sources that the row has.
 */
static bool
oe_field_value(OeCycle *cy, OeRule *rule, const OeRow *row, const char *state_column,
			   OeField *f, List *inner, OeText *value, OeReference **ref)
{
	for (int i = 0; i < f->nsources; i++)
	{
		OeSource   *src = &f->sources[i];
		const OeText *t;

		*ref = NULL;
		if (src->kind == OE_SOURCE_SUM)
		{
			if (oe_sum(inner, src->part, src->path.column, value))
				return true;
			continue;
		}
		if (src->kind == OE_SOURCE_COMPUTED)
			continue;
		t = oe_path(cy, rule, row, &src->path, ref);
		if (t == NULL || (oe_text_null(t) && i + 1 < f->nsources))
			continue;
		*value = *t;
		if (src->state && state_column &&
			oe_text_is(oe_row_find(row, state_column), src->state) == src->negate)
			*value = oe_text_of("0");
		return true;
	}
	return false;
}

/* A value, or, where it is an id, the object with its business keys. */
static void
oe_write_value(OeCycle *cy, StringInfo buf, const OeText *value, OeReference *ref)
{
	int64		id;
	OeRow	   *row;

	if (ref == NULL || !oe_text_int(value, &id))
	{
		oe_text_write(buf, value);
		return;
	}
	appendStringInfo(buf, "{\"id\":" INT64_FORMAT, id);
	row = oe_ref(cy, ref, id);
	for (int i = 0; row && i < ref->nfields; i++)
	{
		const OeText *t = ref->fields[i].shown ? oe_row_find(row, ref->fields[i].name) : NULL;

		if (t == NULL || oe_text_null(t))
			continue;
		appendStringInfo(buf, ",\"%s\":", ref->fields[i].name);
		oe_text_write(buf, t);
	}
	appendStringInfoChar(buf, '}');
}

static void
oe_write_member(StringInfo buf, bool *first, const char *name)
{
	if (!*first)
		appendStringInfoChar(buf, ',');
	*first = false;
	oe_json_cstring(buf, name);
	appendStringInfoChar(buf, ':');
}

/* ---- lines ---- */

static bool
oe_line_belongs(OeCycle *cy, OeTx *tx, OePart *part, OeChange *c, const OeRow *row)
{
	if (part->condition.path == (Datum) 0)
		return true;
	oe_refs_wanted(cy, part->rule, row);
	return oe_holds(cy, &part->condition, tx, NULL, part->rule, NULL, row);
}

static void oe_gather_inner(OeCycle *cy, OeEvent *ev, OeRendered *outer);

static List *
oe_gather_one(OeCycle *cy, OeEvent *ev, List *list, OePart *part, int64 id, const OeRow *row, bool later)
{
	OeRendered *r;

	if (!oe_line_belongs(cy, ev->tx, part, NULL, row))
		return list;
	r = palloc0(sizeof(OeRendered));
	r->part = part;
	r->id = id;
	r->row = row;
	r->later = later;
	oe_gather_inner(cy, ev, r);
	return lappend(list, r);
}

static int
oe_rendered_cmp(const ListCell *a, const ListCell *b)
{
	OeRendered *x = lfirst(a);
	OeRendered *y = lfirst(b);

	if (x->part != y->part)
		return x->part->index < y->part->index ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

/*
 * The rows that are this part of "id": those that the transaction changed as
 * it left them, the others as their table has them now.
 */
static List *
oe_gather(OeCycle *cy, OeEvent *ev, List *list, OePart *part, int64 id)
{
	ListCell   *lc;

	foreach(lc, oe_tx_children(ev->tx, part, id))
	{
		OeChange   *c = lfirst(lc);

		list = oe_gather_one(cy, ev, list, part, c->record_id, &c->new, false);
	}
	for (int i = 0; i < part->nparents; i++)
		foreach(lc, oe_lines_of(cy, part->rule, part->parents[i], id))
	{
		OeLine	   *line = lfirst(lc);

		if (oe_tx_find(ev->tx, part->rule, line->id) == NULL)
			list = oe_gather_one(cy, ev, list, part, line->id, &line->row, true);
	}
	return list;
}

static void
oe_gather_inner(OeCycle *cy, OeEvent *ev, OeRendered *outer)
{
	for (int i = 0; i < ev->e->nparts; i++)
	{
		OePart	   *p = ev->e->parts[i];

		if (p->within && strcmp(p->within, outer->part->owner->name) == 0)
			outer->inner = oe_gather(cy, ev, outer->inner, p, outer->id);
	}
	list_sort(outer->inner, oe_rendered_cmp);
}

static List *
oe_gather_all(OeCycle *cy, OeEvent *ev)
{
	List	   *list = NIL;
	bool		missing = cy->missing;

	if (ev->gathered)
		return ev->lines;
	cy->missing = false;
	for (int i = 0; i < ev->e->nparts; i++)
		if (ev->e->parts[i]->within == NULL)
			list = oe_gather(cy, ev, list, ev->e->parts[i], ev->record_id);
	list_sort(list, oe_rendered_cmp);
	/* what is complete need not be gathered again */
	ev->gathered = !cy->missing;
	ev->lines = list;
	cy->missing |= missing;
	return list;
}

static void
oe_write_lines(OeCycle *cy, OeEvent *ev, StringInfo buf, List *lines)
{
	ListCell   *lc;
	bool		first_line = true;

	appendStringInfoChar(buf, '[');
	foreach(lc, lines)
	{
		OeRendered *r = lfirst(lc);
		bool		first = false;

		if (!first_line)
			appendStringInfoChar(buf, ',');
		first_line = false;
		ev->read_later |= r->later;
		appendStringInfo(buf, "{\"part\":\"%s\",\"id\":" INT64_FORMAT, r->part->name, r->id);
		for (int i = 0; i < r->part->owner->nfields; i++)
		{
			OeField    *f = &r->part->owner->fields[i];
			OeText		value;
			OeReference *ref;

			if (!oe_field_value(cy, r->part->rule, r->row, r->part->state_column, f, r->inner, &value, &ref) ||
				oe_text_null(&value))
				continue;
			oe_write_member(buf, &first, f->name);
			oe_write_value(cy, buf, &value, ref);
			ev->class = Max(ev->class, f->class);
		}
		if (r->inner != NIL)
		{
			appendStringInfoString(buf, ",\"lines\":");
			oe_write_lines(cy, ev, buf, r->inner);
		}
		appendStringInfoChar(buf, '}');
	}
	appendStringInfoChar(buf, ']');
}

/* ---- changes ---- */

static const OeField *
oe_field_of_column(OeOwner *owner, const char *column)
{
	for (int i = 0; owner && i < owner->nfields; i++)
		for (int j = 0; j < owner->fields[i].nsources; j++)
		{
			OeSource   *src = &owner->fields[i].sources[j];

			if (src->kind == OE_SOURCE_PATH && src->path.field == NULL && !src->negate &&
				strcmp(src->path.column, column) == 0)
				return &owner->fields[i];
		}
	return NULL;
}

/* The document's own first, then part by part. */
static int
oe_part_change_cmp(const ListCell *a, const ListCell *b)
{
	OePartChange *x = lfirst(a);
	OePartChange *y = lfirst(b);
	int			px = x->part ? x->part->index : -1;
	int			py = y->part ? y->part->index : -1;

	if (px != py)
		return px < py ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

/* Of a document that was not open, only what its own row says. */
static List *
oe_changes_of(OeEvent *ev)
{
	List	   *list = NIL;
	ListCell   *lc;

	if (ev->doc == NULL || !ev->def->with_changes)
		return NIL;
	list_sort(ev->doc->changes, oe_part_change_cmp);
	if (oe_doc_open(ev->doc))
		return ev->doc->changes;
	foreach(lc, ev->doc->changes)
		if (((OePartChange *) lfirst(lc))->part == NULL && ev->def->occasion == OE_ON_UPDATED)
		list = lappend(list, lfirst(lc));
	return list;
}

static void
oe_write_changes(OeCycle *cy, OeEvent *ev, StringInfo buf, List *changes)
{
	ListCell   *lc;
	ListCell   *lc2;
	bool		first_change = true;

	foreach(lc, changes)
	{
		OePartChange *pc = lfirst(lc);
		OeOwner    *owner = pc->part ? pc->part->owner : ev->e->owner;
		OeRule	   *rule = pc->part ? pc->part->rule : ev->e->rule;
		bool		first = true;

		appendStringInfoString(buf, first_change ? "" : ",");
		first_change = false;
		appendStringInfo(buf, "{\"part\":\"%s\",\"id\":" INT64_FORMAT ",\"op\":\"%s\",\"fields\":{",
						 pc->part ? pc->part->name : ev->e->name, pc->id, pc->op);
		foreach(lc2, pc->columns)
		{
			OeColumnChange *cc = lfirst(lc2);
			const OeField *f = oe_field_of_column(owner, cc->column);
			OeReference *ref = oe_link_of(rule, cc->column);

			if (f)
				ev->class = Max(ev->class, f->class);
			oe_write_member(buf, &first, f ? f->name : cc->column);
			appendStringInfoChar(buf, '[');
			oe_write_value(cy, buf, &cc->old, ref);
			appendStringInfoChar(buf, ',');
			oe_write_value(cy, buf, &cc->new, ref);
			appendStringInfoChar(buf, ']');
		}
		appendStringInfoString(buf, "}}");
	}
}

/* ---- the entity itself ---- */

/* Wholly, partly or not reserved: what its lines that count say. */
static const char *
oe_reservation(OeCycle *cy, List *lines)
{
	bool		full = true;
	bool		any = false;
	bool		none = true;
	ListCell   *lc;

	foreach(lc, lines)
	{
		OeRendered *r = lfirst(lc);
		double		demand = 0;
		double		reserved = 0;

		if (!oe_text_in(oe_row_find(r->row, r->part->state_column), r->part->nlive, r->part->live))
			continue;
		for (int i = 0; i < r->part->owner->nfields; i++)
		{
			OeField    *f = &r->part->owner->fields[i];
			bool		is_demand = strcmp(f->name, "demand") == 0;
			OeText		value;
			OeReference *ref;

			if ((!is_demand && strcmp(f->name, "reserved") != 0) ||
				!oe_field_value(cy, r->part->rule, r->row, r->part->state_column, f, r->inner, &value, &ref) ||
				oe_text_null(&value))
				continue;
			*(is_demand ? &demand : &reserved) = strtod(oe_text_cstring(&value), NULL);
		}
		any = true;
		full = full && reserved >= demand;
		none = none && reserved <= 0;
	}
	return !any ? NULL : full ? "full" : none ? "none" : "partial";
}

static void
oe_write_document(OeCycle *cy, OeEvent *ev, StringInfo buf, bool *first)
{
	char	   *colon = strrchr(ev->key, ':');
	char	   *entity = pnstrdup(ev->key, colon - ev->key);
	OeReference *ref = oe_reference_find(cy->cat, entity);
	OeRow	   *row;
	const OeText *name;

	if (strcmp(entity, ev->e->name) == 0)
		return;
	oe_write_member(buf, first, "document");
	appendStringInfo(buf, "{\"entity\":\"%s\",\"id\":%s", entity, colon + 1);
	row = ref ? oe_ref(cy, ref, strtoll(colon + 1, NULL, 10)) : NULL;
	name = row ? oe_row_find(row, "name") : NULL;
	if (name && !oe_text_null(name))
	{
		appendStringInfoString(buf, ",\"name\":");
		oe_text_write(buf, name);
	}
	appendStringInfoChar(buf, '}');
}

static void
oe_write_computed(OeCycle *cy, OeEvent *ev, StringInfo buf, bool *first, OeField *f, List *lines)
{
	const char *word = f->sources[0].path.column;
	const char *s = NULL;

	if (strcmp(word, "document") == 0)
		oe_write_document(cy, ev, buf, first);
	else if (strcmp(word, "kind") == 0)
		s = ev->kind;
	else if (strcmp(word, "purpose") == 0)
		s = ev->purpose;
	else if (strcmp(word, "reservation") == 0 && ev->def->with_lines)
		s = oe_reservation(cy, lines);
	if (s)
	{
		oe_write_member(buf, first, f->name);
		oe_json_cstring(buf, s);
	}
}

static void
oe_write_entity(OeCycle *cy, OeEvent *ev, StringInfo buf, List *lines)
{
	bool		first = false;
	bool		later = ev->change->rule != ev->e->rule;

	appendStringInfo(buf, "{\"id\":" INT64_FORMAT, ev->record_id);
	for (int i = 0; ev->e->owner && i < ev->e->owner->nfields; i++)
	{
		OeField    *f = &ev->e->owner->fields[i];
		OeText		value;
		OeReference *ref;

		/*
		 * of a document that was only read later, its state is not that of
		 * the time of the event
		 */
		if (later && ev->e->state_column && f->sources[0].kind == OE_SOURCE_PATH &&
			strcmp(f->sources[0].path.column, ev->e->state_column) == 0)
			continue;
		if (f->sources[0].kind == OE_SOURCE_COMPUTED)
		{
			oe_write_computed(cy, ev, buf, &first, f, lines);
			continue;
		}
		if (!oe_field_value(cy, ev->e->rule, ev->row, ev->e->state_column, f, lines, &value, &ref))
			continue;
		oe_write_member(buf, &first, f->name);
		oe_write_value(cy, buf, &value, ref);
		if (!oe_text_null(&value))
			ev->class = Max(ev->class, f->class);
	}
	if (ev->def->extra)
	{
		/* an object of its own: its members go in here */
		const char *open = strchr(ev->def->extra, '{');
		const char *close = strrchr(ev->def->extra, '}');

		if (close > open + 1)
		{
			appendStringInfoChar(buf, ',');
			appendBinaryStringInfo(buf, open + 1, close - open - 1);
		}
	}
	appendStringInfoChar(buf, '}');
}

/* ---- envelope's values that come from the row ---- */

static int64
oe_first_id(OeCycle *cy, OeEvent *ev, int n, OePath *paths)
{
	for (int i = 0; i < n; i++)
	{
		OeReference *ref;
		int64		id;

		if (oe_text_int(oe_path(cy, ev->e->rule, ev->row, &paths[i], &ref), &id))
			return id;
	}
	return 0;
}

static char *
oe_correlation(OeCycle *cy, OeEvent *ev)
{
	for (int i = 0; i < ev->e->ncorrelation; i++)
	{
		OeReference *ref;
		int64		id;

		if (oe_text_int(oe_path(cy, ev->e->rule, ev->row, &ev->e->correlation[i].path, &ref), &id))
			return oe_key_text(ev->e->correlation[i].entity, id);
	}
	return NULL;
}

/*
 * Key and name where the event belongs to another document: one that a column
 * names, or the row of the same transaction that agrees in a column.
 */
static void
oe_other_key(OeCycle *cy, OeEvent *ev)
{
	OeDef	   *d = ev->def;
	const OeText *t = oe_row_find(ev->row, d->key_column);
	const char *column = d->key_column;
	OeReference *ref;
	OeRow	   *row;
	int64		id;

	if (t == NULL && d->key_alternative)
		t = oe_row_find(ev->row, column = d->key_alternative);
	if (oe_text_null(t))
		return;
	if (d->key_in_tx)
	{
		for (int i = 0; i < ev->tx->n; i++)
		{
			OeChange   *c = &ev->tx->changes[i];

			if (c->rule != ev->e->rule || c->op != 'U' || c->record_id == ev->record_id ||
				!oe_change_parse(c) || !oe_text_equal(oe_row_find(&c->new, column), t))
				continue;
			ev->key = oe_key_text(d->key_entity, c->record_id);
			if (ev->e->name_column && oe_row_find(&c->new, ev->e->name_column))
				ev->about = *oe_row_find(&c->new, ev->e->name_column);
			return;
		}
		return;
	}
	if (!oe_text_int(t, &id))
		return;
	ev->key = oe_key_text(d->key_entity, id);
	ref = oe_reference_find(cy->cat, d->key_entity);
	row = ref ? oe_ref(cy, ref, id) : NULL;
	if (row && oe_row_find(row, "name"))
		ev->about = *oe_row_find(row, "name");
}

static void
oe_render_envelope(OeCycle *cy, OeEvent *ev)
{
	OeEntity   *e = ev->e;
	const OeText *t = e->name_column ? oe_row_find(ev->row, e->name_column) : NULL;
	char	   *name;
	const char *version = strrchr(ev->def->type, 'v');

	ev->type = pstrdup(ev->def->type);
	ev->dataschema = psprintf("%s/%s/%d.%d.json", oe_guc_schema_base, ev->type,
							  version ? atoi(version + 1) : 1, ev->def->minor);
	ev->entity = pstrdup(e->name);
	ev->model = pstrdup(e->model);
	ev->key = ev->doc && ev->change->rule != e->rule ? oe_key_text(e->name, ev->record_id)
		: pstrdup(ev->change->key);
	if (ev->def->key_column)
		oe_other_key(cy, ev);
	name = oe_text_cstring(ev->about.s ? &ev->about : t);
	ev->subject = psprintf("%s/%s", ev->kind ? ev->kind : e->name,
						   name && name[0] ? name : psprintf(INT64_FORMAT, ev->record_id));
	ev->correlation = oe_correlation(cy, ev);
	ev->company = oe_first_id(cy, ev, e->ncompany, e->company);
	ev->warehouse = oe_first_id(cy, ev, e->nwarehouse, e->warehouse);
	ev->actor = ev->change->rule == e->rule ? oe_first_id(cy, ev, e->nactor, e->actor) : 0;
}

/*
 * Data and envelope of one event; sets ev->incomplete where something has to
 * be read first.
 */
void
oe_render(OeCycle *cy, OeEvent *ev)
{
	StringInfoData buf;
	List	   *lines = NIL;
	List	   *changes;
	StringInfoData text;

	cy->missing = false;
	ev->class = ev->def->class;
	oe_render_envelope(cy, ev);
	if (ev->def->with_lines)
		lines = oe_gather_all(cy, ev);
	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"%s\":", ev->entity);
	oe_write_entity(cy, ev, &buf, lines);
	if (ev->e->state_column && ev->change->rule == ev->e->rule)
	{
		appendStringInfoString(&buf, ",\"transition\":{\"from\":");
		oe_text_write(&buf, &ev->from);
		appendStringInfoString(&buf, ",\"to\":");
		oe_text_write(&buf, &ev->to);
		appendStringInfoChar(&buf, '}');
	}
	changes = oe_changes_of(ev);
	if (changes != NIL)
	{
		appendStringInfoString(&buf, ",\"changes\":[");
		oe_write_changes(cy, ev, &buf, changes);
		appendStringInfoChar(&buf, ']');
	}
	if (ev->def->with_lines)
	{
		initStringInfo(&text);
		oe_write_lines(cy, ev, &text, lines);
		appendStringInfo(&buf, ",\"lines\":%s", text.data);
	}
	if (ev->read_later)
	{
		appendStringInfoString(&buf, ",\"lines_read_at\":");
		oe_json_timestamptz(&buf, cy->lines_read_at);
	}
	appendStringInfoChar(&buf, '}');
	ev->data = buf.data;
	ev->incomplete = cy->missing;
}

static void
oe_prepare_row(OeCycle *cy, OeRule *rule, const OeRow *row, const char *state_column, OeOwner *owner, List *inner)
{
	for (int i = 0; owner && i < owner->nfields; i++)
	{
		OeText		value;
		OeReference *ref;
		int64		id;

		if (owner->fields[i].sources[0].kind != OE_SOURCE_PATH)
			continue;
		if (oe_field_value(cy, rule, row, state_column, &owner->fields[i], inner, &value, &ref) &&
			ref && oe_text_int(&value, &id))
			(void) oe_ref(cy, ref, id);
	}
}

/*
 * Asks for what rendering will need, as far as it is known; called again
 * after each reading.
 */
void
oe_render_prepare(OeCycle *cy, OeEvent *ev)
{
	ListCell   *lc;
	ListCell   *lc2;

	oe_render_envelope(cy, ev);
	oe_prepare_row(cy, ev->e->rule, ev->row, ev->e->state_column, ev->e->owner, NIL);
	if (!ev->def->with_lines)
		return;
	foreach(lc, oe_gather_all(cy, ev))
	{
		OeRendered *r = lfirst(lc);

		oe_prepare_row(cy, r->part->rule, r->row, r->part->state_column, r->part->owner, r->inner);
		foreach(lc2, r->inner)
		{
			OeRendered *in = lfirst(lc2);

			oe_prepare_row(cy, in->part->rule, in->row, in->part->state_column, in->part->owner, NIL);
		}
	}
}
