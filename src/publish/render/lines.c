/*
 * lines.c
 *	  Values, lines and changes of an event, as JSON text.
 *
 * As-owner transaction.  The lines of a document are its rows as the transaction
 * left them, if it touched them, and otherwise as they are in their table now.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "base/cut.h"
#include "base/guc.h"
#include "base/json.h"
#include "base/json_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/model/document.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/rows.h"
#include "publish/odoo/shown_values.h"
#include "publish/render/lines.h"
#include "publish/transform/corrections.h"
#include "publish/transform/document.h"
#include "publish/transform/entity.h"
#include "publish/transform/predicate.h"

/* ---- values ---- */

static OeText
oe_text_of(const char *s)
{
	OeText		t;

	t.s = s;
	t.len = strlen(s);
	return t;
}

/*
 * Sum of a column over the inner rows; false if they have no such column.
 */
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
 * What the first row of a part has at the end of a path; false: none has.
 */
static bool
oe_first(OeCycle *cy, List *inner, const OeSource *src, OeText *value, OeReference **ref)
{
	ListCell   *lc;

	foreach(lc, inner)
	{
		OeRendered *r = lfirst(lc);
		const OeText *t;

		if (strcmp(r->part->name, src->part) != 0)
			continue;
		if (strcmp(src->path.column, "id") == 0)
		{
			*value = oe_text_of(psprintf(INT64_FORMAT, r->id));
			return true;
		}
		t = oe_path_follow(cy, r->part->rule, r->row, &src->path, ref);
		if (!oe_text_null(t))
		{
			*value = *t;
			return true;
		}
	}
	return false;
}

/* May a source be looked at, by what else the row has? */
static bool
oe_source_given(const OeSource *src, const OeJsonRow *row, bool exists)
{
	const OeText *given = src->given ? oe_row_find(row, src->given) : NULL;

	if (src->instead && exists)
		return false;
	return src->given == NULL || (!oe_text_null(given) && given->s[0] != 'f');
}

/*
 * The value of a field: that of the first source that the row has.
 */
bool
oe_field_value(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *row, const char *state_column,
			   OeField *f, List *inner, OeText *value, OeReference **ref)
{
	bool		exists = false;
	bool		passed_over = false;

	for (int i = 0; i < f->nsources; i++)
	{
		OeSource   *src = &f->sources[i];
		const OeText *t;

		*ref = NULL;
		if (!oe_source_given(src, row, exists))
		{
			passed_over = true;
			continue;
		}
		if (src->kind == OE_SOURCE_FIRST && oe_first(cy, inner, src, value, ref))
		{
			*ref = f->reference ? f->reference : *ref;
			return true;
		}
		if (src->kind == OE_SOURCE_SUM)
		{
			if (!oe_sum(inner, src->part, src->path.column, value))
				continue;
		}
		else if (src->kind == OE_SOURCE_PATH)
		{
			t = oe_path_follow(cy, rule, row, &src->path, ref);
			exists |= t != NULL;
			if (t == NULL || (oe_text_null(t) && i + 1 < f->nsources))
				continue;
			if (f->reference)
				*ref = f->reference;
			*value = *t;
		}
		else
			continue;
		if (src->state && state_column &&
			oe_text_is(oe_row_find(row, state_column), src->state) == src->negate)
			*value = oe_text_of("0");
		return true;
	}
	*ref = NULL;
	*value = oe_text_of("null");
	return exists && passed_over;
}

/*
 * What an event of one company may show of a field (shown_values.c).
 */
void
oe_field_of_company(OeDraftEvent *ev, OeCatalogRule *rule, const char *owner, OeField *f, OeText *value)
{
	for (int i = 0; rule->nsettled > 0 && i < f->nsources; i++)
		if (f->sources[i].kind == OE_SOURCE_PATH && f->sources[i].path.nhops == 0)
			oe_company_value(ev, rule, owner, f->sources[i].path.column, f->name, value);
}

/*
 * Notes that a value is cut, and gives up where the event is too large: not
 * later, since its values may be gigabytes.
 */
void
oe_field_written(OeDraftEvent *ev, StringInfo buf, const char *owner, const char *name, const OeText *value)
{
	if (buf->len > (int64) oe_guc_max_event_size * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the event is larger than odoo_events.max_event_size, which is %d kB", oe_guc_max_event_size)));
	if (!oe_text_null(value) && oe_is_cut(value->s, value->len))
	{
		char	   *quoted = psprintf("\"%s.%s\"", owner, name);

		if (ev->truncated == NULL)
			ev->truncated = quoted;
		else if (strstr(ev->truncated, quoted) == NULL)
			ev->truncated = psprintf("%s,%s", ev->truncated, quoted);
	}
}

/*
 * Writes a value; for an id, the object with its business keys.
 */
void
oe_write_value(OeCycle *cy, StringInfo buf, const OeText *value, OeReference *ref)
{
	int64		id;
	OeJsonRow  *row;

	if (ref == NULL || !oe_text_int(value, &id))
	{
		oe_text_write(buf, value);
		return;
	}
	appendStringInfoString(buf, "{\"id\":");
	oe_json_id(buf, id);
	row = oe_reference_row(cy, ref, id);
	for (int i = 0; row && i < ref->nfields; i++)
	{
		const OeText *t = ref->fields[i].shown ? oe_row_find(row, ref->fields[i].name) : NULL;

		if (t == NULL || oe_text_null(t))
			continue;
		appendStringInfoChar(buf, ',');
		oe_json_name(buf, ref->fields[i].name);
		oe_text_write(buf, t);
	}
	appendStringInfoChar(buf, '}');
}

void
oe_write_member(StringInfo buf, bool *first, const char *name)
{
	if (!*first)
		appendStringInfoChar(buf, ',');
	*first = false;
	oe_json_cstring(buf, name);
	appendStringInfoChar(buf, ':');
}

/*
 * Writes the rows that a relation table links to row "id", as an array; false:
 * none.
 */
bool
oe_write_many(OeCycle *cy, StringInfo buf, OeField *f, int64 id, bool *first)
{
	bool		any = false;
	ListCell   *lc;

	foreach(lc, oe_many_of(cy, &f->sources[0].many, id))
	{
		char	   *text = psprintf(INT64_FORMAT, ((OeLine *) lfirst(lc))->id);
		OeText		value = {.s = text,.len = strlen(text)};

		if (any)
			appendStringInfoChar(buf, ',');
		else
		{
			oe_write_member(buf, first, f->name);
			appendStringInfoChar(buf, '[');
		}
		any = true;
		oe_write_value(cy, buf, &value, f->reference);
	}
	if (any)
		appendStringInfoChar(buf, ']');
	return any;
}

/* ---- lines ---- */

static bool
oe_line_belongs(OeCycle *cy, OeTx *tx, OePart *part, OeChange *c, const OeJsonRow *row)
{
	if (part->condition.path == (Datum) 0)
		return true;
	oe_refs_wanted(cy, part->rule, row);
	return oe_predicate_holds_row(cy, &part->condition, tx, part->rule, row);
}

static void oe_gather_inner(OeCycle *cy, OeDraftEvent *ev, OeRendered *outer);

static List *
oe_gather_one(OeCycle *cy, OeDraftEvent *ev, List *list, OePart *part, int64 id, const OeJsonRow *row, bool later)
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
 * The rows that are this part of "id": changed ones as the transaction left
 * them, others as they are in their table now.
 */
static List *
oe_gather(OeCycle *cy, OeDraftEvent *ev, List *list, OePart *part, int64 id)
{
	ListCell   *lc;

	foreach(lc, oe_tx_children(ev->tx, part, id))
	{
		OeChange   *c = lfirst(lc);

		list = oe_gather_one(cy, ev, list, part, c->record_id, &c->new, false);
	}
	for (int i = 0; i < part->nparents && !part->tx_only; i++)
		foreach(lc, oe_lines_of(cy, part->rule, part->parents[i], id))
	{
		OeLine	   *line = lfirst(lc);

		if (oe_tx_find(ev->tx, part->rule, line->id) == NULL)
			list = oe_gather_one(cy, ev, list, part, line->id, &line->row, true);
	}
	return list;
}

static void
oe_gather_inner(OeCycle *cy, OeDraftEvent *ev, OeRendered *outer)
{
	for (int i = 0; i < ev->e->nparts; i++)
	{
		OePart	   *p = ev->e->parts[i];

		if (p->within && outer->part->owner && strcmp(p->within, outer->part->owner->name) == 0)
			outer->inner = oe_gather(cy, ev, outer->inner, p, outer->id);
	}
	list_sort(outer->inner, oe_rendered_cmp);
}

List *
oe_gather_all(OeCycle *cy, OeDraftEvent *ev)
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
oe_write_part(StringInfo buf, const char *part, int64 id)
{
	appendStringInfoString(buf, "{\"part\":\"");
	appendStringInfoString(buf, part);
	appendStringInfoString(buf, "\",\"id\":");
	oe_json_id(buf, id);
}

/*
 * A line of a document that is done by this event, which was done before the
 * transaction: an earlier event of the kind has told of it.
 */
static bool
oe_line_earlier(OeDraftEvent *ev, const OeRendered *r)
{
	const OeText *state = oe_row_find(r->row, r->part->state_column);
	OeChange   *c;

	if (ev->def->milestone == NULL || strcmp(ev->def->milestone, "done") != 0 || oe_text_null(state) || !oe_text_equal(state, &ev->to))
		return false;
	c = oe_tx_find(ev->tx, r->part->rule, r->id);
	return c == NULL || (c->old.n > 0 && oe_text_equal(oe_row_find(&c->old, r->part->state_column), state));
}

void
oe_write_lines(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, List *lines)
{
	ListCell   *lc;
	bool		first_line = true;

	appendStringInfoChar(buf, '[');
	foreach(lc, lines)
	{
		OeRendered *r = lfirst(lc);
		bool		first = false;

		/* a part without fields serves conditions and first() only */
		if (r->part->owner == NULL)
			continue;
		if (!first_line)
			appendStringInfoChar(buf, ',');
		first_line = false;
		ev->read_later |= r->later;
		oe_write_part(buf, r->part->name, r->id);
		for (int i = 0; i < r->part->owner->nfields; i++)
		{
			OeField    *f = &r->part->owner->fields[i];
			OeText		value;
			OeReference *ref;

			if (f->sources[0].kind == OE_SOURCE_MANY && oe_write_many(cy, buf, f, r->id, &first))
				ev->read_later = true;
			if (f->sources[0].kind == OE_SOURCE_COMPUTED && oe_line_earlier(ev, r))
			{
				oe_write_member(buf, &first, f->name);
				appendStringInfoString(buf, "true");
			}
			if (!oe_field_value(cy, r->part->rule, r->row, r->part->state_column, f, r->inner, &value, &ref) ||
				oe_text_null(&value))
				continue;
			oe_field_of_company(ev, r->part->rule, r->part->name, f, &value);
			oe_write_member(buf, &first, f->name);
			oe_write_value(cy, buf, &value, ref);
			oe_field_written(ev, buf, r->part->name, f->name, &value);
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
oe_field_of_column(OeFieldOwner *owner, const char *column)
{
	for (int i = 0; owner && i < owner->nfields; i++)
		for (int j = 0; j < owner->fields[i].nsources; j++)
		{
			OeSource   *src = &owner->fields[i].sources[j];

			if (src->kind == OE_SOURCE_PATH && src->path.nhops == 0 && !src->negate &&
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

/*
 * If the document was not open, only changes of its own row.  If only parts
 * changed, this test is left out: the condition of "touched" contains it.
 */
List *
oe_changes_of(OeDraftEvent *ev)
{
	List	   *list = NIL;
	ListCell   *lc;

	if (ev->doc == NULL || !ev->def->with_changes)
		return NIL;
	if (ev->def->corrects)
	{
		list = oe_doc_corrections(ev->doc, ev->def);
		list_sort(list, oe_part_change_cmp);
		return list;
	}
	list_sort(ev->doc->changes, oe_part_change_cmp);
	if (oe_doc_open(ev->doc) || (ev->def->occasion == OE_ON_TOUCHED && ev->doc->own == NULL))
		return ev->doc->changes;
	foreach(lc, ev->doc->changes)
		if (((OePartChange *) lfirst(lc))->part == NULL && ev->def->occasion == OE_ON_UPDATED)
		list = lappend(list, lfirst(lc));
	return list;
}

/*
 * The columns of a change as members; those of which the event's company sees
 * no difference are left out.  Answers how many there are.
 */
static int
oe_write_columns(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, OePartChange *pc)
{
	OeFieldOwner *owner = pc->part ? pc->part->owner : ev->e->owner;
	OeCatalogRule *rule = pc->part ? pc->part->rule : ev->e->rule;
	const char *label = pc->part ? pc->part->name : ev->e->label;
	bool		first = true;
	int			n = 0;
	ListCell   *lc;

	foreach(lc, pc->columns)
	{
		OeColumnChange *cc = lfirst(lc);
		const OeField *f = oe_field_of_column(owner, cc->column);
		OeReference *ref = oe_link_of(rule, cc->column);
		OeText		old = cc->old;
		OeText		new = cc->new;

		if (rule->nsettled > 0)
		{
			oe_company_value(ev, rule, label, cc->column, f ? f->name : cc->column, &old);
			oe_company_value(ev, rule, label, cc->column, f ? f->name : cc->column, &new);
			if (oe_text_equal(&old, &new))
				continue;
		}
		if (f)
			ev->class = Max(ev->class, f->class);
		oe_write_member(buf, &first, f ? f->name : cc->column);
		appendStringInfoChar(buf, '[');
		oe_write_value(cy, buf, &old, ref);
		appendStringInfoChar(buf, ',');
		oe_write_value(cy, buf, &new, ref);
		oe_field_written(ev, buf, label, f ? f->name : cc->column, &old);
		oe_field_written(ev, buf, label, f ? f->name : cc->column, &new);
		appendStringInfoChar(buf, ']');
		n++;
	}
	return n;
}

/*
 * Answers whether any change is left to show.
 */
bool
oe_write_changes(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, List *changes)
{
	ListCell   *lc;
	bool		first_change = true;

	foreach(lc, changes)
	{
		OePartChange *pc = lfirst(lc);
		int			start = buf->len;

		appendStringInfoString(buf, first_change ? "" : ",");
		oe_write_part(buf, pc->part ? pc->part->name : ev->e->label, pc->id);
		appendStringInfo(buf, ",\"op\":\"%s\",\"fields\":{", pc->op);
		if (oe_write_columns(cy, ev, buf, pc) == 0 && pc->columns != NIL)
		{
			buf->len = start;
			buf->data[start] = '\0';
			continue;
		}
		first_change = false;
		appendStringInfoString(buf, "}}");
	}
	return !first_change;
}
