/*
 * render.c
 *	  The data of an event, as JSON text.
 *
 * As-owner transaction.  Rendering asks for references and lines as it meets
 * them.  What is missing is read in batch, and the event is rendered again;
 * oe_render_prepare() makes that rare.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

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
#include "publish/render/merged.h"
#include "publish/render/render.h"
#include "publish/transform/correlation.h"
#include "publish/transform/entity.h"

/* Bytes of a name in the subject. */
#define OE_SUBJECT_MAX 1000

/* ---- the entity itself ---- */

/* A line's field as a number, 0 where it has none; *has where it does. */
static double
oe_line_number(OeCycle *cy, OeRendered *r, const char *name, bool *has)
{
	for (int i = 0; r->part->owner && i < r->part->owner->nfields; i++)
	{
		OeField    *f = &r->part->owner->fields[i];
		OeText		value;
		OeReference *ref;

		if (strcmp(f->name, name) != 0 ||
			!oe_field_value(cy, r->part->rule, r->row, r->part->state_column, f, r->inner, &value, &ref) ||
			oe_text_null(&value))
			continue;
		*has = true;
		return strtod(oe_text_cstring(&value), NULL);
	}
	return 0;
}

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
		double		reserved;
		bool		has;

		if (!oe_text_in(oe_row_find(r->row, r->part->state_column), r->part->nlive, r->part->live))
			continue;
		reserved = oe_line_number(cy, r, "reserved", &has);
		any = true;
		full = full && reserved >= oe_line_number(cy, r, "demand", &has);
		none = none && reserved <= 0;
	}
	return !any ? NULL : full ? "full" : none ? "none" : "partial";
}

/*
 * When the transaction began, as Odoo wrote it into its rows; NULL: no row
 * tells.
 */
static const OeText *
oe_written(OeDraftEvent *ev, List *lines)
{
	ListCell   *lc;

	if (!ev->read_later && ev->row && oe_row_find(ev->row, "write_date"))
		return oe_row_find(ev->row, "write_date");
	foreach(lc, lines)
	{
		OeRendered *r = lfirst(lc);

		if (!r->later && oe_row_find(r->row, "write_date"))
			return oe_row_find(r->row, "write_date");
	}
	return NULL;
}

/*
 * Is the row as the transaction left it: its own, or not written since?
 */
static bool
oe_as_left(OeRendered *r, const OeText *written)
{
	const OeText *last = oe_row_find(r->row, "write_date");

	return !r->later || (!oe_text_null(last) && !oe_text_null(written) && !oe_text_later(last, written));
}

/*
 * Is the order fully received? "no" as soon as one line has received less than
 * ordered; "yes" only if every line is known as of this transaction; NULL if a
 * line was changed again before it was read.
 */
static const char *
oe_complete(OeCycle *cy, OeDraftEvent *ev, List *lines)
{
	const OeText *written = oe_written(ev, lines);
	bool		known = lines != NIL;
	ListCell   *lc;

	foreach(lc, lines)
	{
		OeRendered *r = lfirst(lc);
		bool		has = false;
		bool		came = false;
		double		ordered = oe_line_number(cy, r, "ordered", &has);
		double		done;

		if (!has)
			continue;
		done = oe_line_number(cy, r, "delivered", &came);
		if (!came)
			done = oe_line_number(cy, r, "received", &came);
		if (!oe_as_left(r, written))
			known = false;
		else if (done < ordered)
			return "false";
	}
	return known ? "true" : NULL;
}

static void
oe_write_document(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, bool *first)
{
	char	   *colon = strrchr(ev->key, ':');
	char	   *entity = pnstrdup(ev->key, colon - ev->key);
	OeReference *ref = oe_reference_find(cy->cat, entity);
	OeJsonRow  *row;
	const OeText *name;

	if (strcmp(entity, ev->e->label) == 0)
		return;
	oe_write_member(buf, first, "document");
	appendStringInfo(buf, "{\"entity\":\"%s\",\"id\":", entity);
	oe_json_id(buf, strtoll(colon + 1, NULL, 10));
	row = ref ? oe_reference_row(cy, ref, strtoll(colon + 1, NULL, 10)) : NULL;
	name = row ? oe_row_find(row, "name") : NULL;
	if (name && !oe_text_null(name))
	{
		appendStringInfoString(buf, ",\"name\":");
		oe_text_write(buf, name);
	}
	appendStringInfoChar(buf, '}');
}

static void
oe_write_computed(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, bool *first, OeField *f, List *lines)
{
	const char *word = f->sources[0].path.column;
	const char *s = NULL;

	if (strcmp(word, "document") == 0)
		oe_write_document(cy, ev, buf, first);
	else if (strcmp(word, "merged_into") == 0)
		oe_write_merged_into(cy, ev, buf, first, f->name);
	else if (strcmp(word, "merged_from") == 0)
		oe_write_merged_from(cy, ev, buf, first, f->name);
	else if (strcmp(word, "kind") == 0)
		s = ev->kind;
	else if (strcmp(word, "purpose") == 0)
		s = ev->purpose && ev->purpose[0] != '~' ? ev->purpose : NULL;
	else if (strcmp(word, "route") == 0)
		s = ev->purpose && ev->purpose[0] == '~' ? ev->purpose + 1 : NULL;
	else if (strcmp(word, "reservation") == 0 && ev->def->with_lines)
		s = oe_reservation(cy, lines);
	else if (strcmp(word, "complete") == 0 && ev->def->with_lines && (s = oe_complete(cy, ev, lines)) != NULL)
	{
		oe_write_member(buf, first, f->name);
		appendStringInfoString(buf, s);
		s = NULL;
	}
	if (s)
	{
		oe_write_member(buf, first, f->name);
		oe_json_cstring(buf, s);
	}
}

static void
oe_write_entity(OeCycle *cy, OeDraftEvent *ev, StringInfo buf, List *lines)
{
	bool		first = false;
	bool		later = ev->change->rule != ev->e->rule;

	appendStringInfoString(buf, "{\"id\":");
	oe_json_id(buf, ev->record_id);
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
		if (f->sources[0].kind == OE_SOURCE_MANY && oe_write_many(cy, buf, f, ev->record_id, &first))
		{
			ev->read_later = true;
			ev->class = Max(ev->class, f->class);
		}
		if (f->sources[0].kind == OE_SOURCE_COMPUTED)
		{
			oe_write_computed(cy, ev, buf, &first, f, lines);
			continue;
		}
		if (!oe_field_value(cy, ev->e->rule, ev->row, ev->e->state_column, f, lines, &value, &ref))
			continue;
		oe_field_of_company(ev, ev->e->rule, ev->e->label, f, &value);
		oe_write_member(buf, &first, f->name);
		oe_write_value(cy, buf, &value, ref);
		oe_field_written(ev, buf, ev->e->label, f->name, &value);
		if (!oe_text_null(&value))
			ev->class = Max(ev->class, f->class);
	}
	if (ev->sums)
		appendStringInfoString(buf, ev->sums);
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
oe_first_id(OeCycle *cy, OeDraftEvent *ev, int n, OePath *paths)
{
	for (int i = 0; i < n; i++)
	{
		OeReference *ref;
		int64		id;

		if (oe_text_int(oe_path_follow(cy, ev->e->rule, ev->row, &paths[i], &ref), &id))
			return id;
	}
	return 0;
}

/*
 * Another row of the transaction with the same value in "column": one that was
 * there before, or else the oldest of those that the transaction made.
 */
static OeChange *
oe_key_in_tx(OeDraftEvent *ev, const char *column, const OeText *value)
{
	OeChange   *found = NULL;

	for (int i = 0; i < ev->tx->n; i++)
	{
		OeChange   *c = &ev->tx->changes[i];

		if (c->rule != ev->e->rule || c->op == 'D' || c->record_id == ev->record_id ||
			!oe_change_parse(c) || !oe_text_equal(oe_row_find(&c->new, column), value))
			continue;
		if (c->op == 'U')
			return c;
		if (c->record_id < ev->record_id && (found == NULL || c->record_id < found->record_id))
			found = c;
	}
	return found;
}

/*
 * Key and name if the event belongs to another document: one that a column
 * names, or the row of the same transaction that has the same value in a
 * column.
 */
static void
oe_other_key(OeCycle *cy, OeDraftEvent *ev)
{
	OeDefinition *d = ev->def;
	const OeText *t = oe_row_find(ev->row, d->key_column);
	const char *column = d->key_column;
	OeReference *ref;
	OeJsonRow  *row;
	int64		id;

	if (t == NULL && d->key_alternative)
		t = oe_row_find(ev->row, column = d->key_alternative);
	if (oe_text_null(t))
		return;
	if (d->key_in_tx)
	{
		OeChange   *c = oe_key_in_tx(ev, column, t);

		if (c == NULL)
			return;
		ev->key = oe_key_text(d->key_entity, c->record_id);
		if (ev->e->name_column && oe_row_find(&c->new, ev->e->name_column))
			ev->about = *oe_row_find(&c->new, ev->e->name_column);
		return;
	}
	if (!oe_text_int(t, &id))
		return;
	ev->key = oe_key_text(d->key_entity, id);
	ref = oe_reference_find(cy->cat, d->key_entity);
	row = ref ? oe_reference_row(cy, ref, id) : NULL;
	if (row && oe_row_find(row, "name"))
		ev->about = *oe_row_find(row, "name");
}

/* A subject of several names. */
static char *
oe_subject_of(OeCycle *cy, OeDraftEvent *ev)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < ev->e->nsubject; i++)
	{
		OeReference *ref;
		char	   *part = oe_text_cstring(oe_path_follow(cy, ev->e->rule, ev->row, &ev->e->subject[i], &ref));

		appendStringInfo(&buf, "%s%s", i ? "/" : "", part && part[0] ? part : "-");
	}
	return buf.data;
}

/*
 * Who wrote the row, as it says itself; 0 where it does not.
 */
static int64
oe_writer(const OeChange *c)
{
	int64		id;

	if (c->new.n == 0)
		return 0;				/* who deletes a row does not say so in it */
	if (oe_text_int(oe_row_find(&c->new, "write_uid"), &id) ||
		(c->op == 'I' && oe_text_int(oe_row_find(&c->new, "create_uid"), &id)))
		return id;
	return 0;
}

/*
 * Who did it: the user that the document's own row names, or, where only its
 * lines changed, the first of these that names one.
 */
static int64
oe_actor(OeCycle *cy, OeDraftEvent *ev)
{
	int64		id;
	ListCell   *lc;

	if (ev->change->rule == ev->e->rule)
		return oe_first_id(cy, ev, ev->e->nactor, ev->e->actor);
	id = oe_writer(ev->change);
	foreach(lc, ev->doc && id == 0 ? ev->doc->changes : NIL)
	{
		id = id ? id : oe_writer(((OePartChange *) lfirst(lc))->change);
	}
	foreach(lc, ev->doc && id == 0 ? ev->doc->nets : NIL)
	{
		id = id ? id : oe_writer(((OePartNet *) lfirst(lc))->change);
	}
	return id;
}

static void
oe_render_envelope(OeCycle *cy, OeDraftEvent *ev)
{
	OeEntity   *e = ev->e;
	const OeText *t = e->name_column ? oe_row_find(ev->row, e->name_column) : NULL;
	char	   *name;
	const char *version = strrchr(ev->def->type, 'v');
	bool		missing = cy->missing;

	if (ev->enveloped)
		return;
	cy->missing = false;
	ev->type = ev->def->type;
	ev->dataschema = psprintf("%s/%s/%d.%d.json", oe_guc_schema_base, ev->type,
							  version ? atoi(version + 1) : 1, ev->def->minor);
	ev->entity = e->label;
	ev->model = e->model;
	ev->key = oe_entity_key(cy, e, ev->row, ev->record_id, true);
	if (ev->def->key_column)
		oe_other_key(cy, ev);
	/* it becomes a header, and stands in the data whole */
	name = e->nsubject > 0 ? oe_subject_of(cy, ev) : oe_text_cstring(ev->about.s ? &ev->about : t);
	if (name && strlen(name) > OE_SUBJECT_MAX)
		name[pg_mbcliplen(name, strlen(name), OE_SUBJECT_MAX)] = '\0';
	ev->subject = psprintf("%s/%s", ev->kind ? ev->kind : e->label,
						   name && name[0] ? name : psprintf(INT64_FORMAT, ev->record_id));
	ev->correlation = oe_correlation(cy, ev);
	ev->company = oe_first_id(cy, ev, e->ncompany, e->company);
	ev->warehouse = oe_first_id(cy, ev, e->nwarehouse, e->warehouse);
	ev->actor = oe_actor(cy, ev);
	ev->enveloped = !cy->missing;
	cy->missing |= missing;
}

/*
 * Makes data and envelope of one event; sets ev->incomplete if something must
 * be read first.
 */
void
oe_render(OeCycle *cy, OeDraftEvent *ev)
{
	StringInfoData buf;
	List	   *lines = NIL;
	List	   *changes;
	bool		shown = false;

	cy->missing = false;
	ev->class = ev->def->class;
	ev->per_company = ev->truncated = NULL;
	oe_render_envelope(cy, ev);
	if (ev->def->with_lines)
		lines = oe_gather_all(cy, ev);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	oe_json_name(&buf, ev->entity);
	oe_write_entity(cy, ev, &buf, lines);
	if (ev->change->op == 'S' && ev->row->n == 0)
		appendStringInfoString(&buf, ",\"deleted\":true");
	if (ev->e->state_column && ev->change->rule == ev->e->rule && ev->change->op != 'S')
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
		shown = oe_write_changes(cy, ev, &buf, changes);
		appendStringInfoChar(&buf, ']');
	}
	if (ev->def->with_lines)
	{
		appendStringInfoString(&buf, ",\"lines\":");
		oe_write_lines(cy, ev, &buf, lines);
	}
	if (ev->read_later)
	{
		appendStringInfoString(&buf, ",\"lines_read_at\":");
		oe_json_timestamptz(&buf, cy->lines_read_at);
	}
	if (ev->truncated)
		appendStringInfo(&buf, ",\"truncated\":[%s]", ev->truncated);
	appendStringInfoChar(&buf, '}');
	ev->data = buf.data;
	ev->dropped = !shown && !oe_change_shown(ev);
	ev->incomplete = cy->missing;
}

static void
oe_prepare_many(OeCycle *cy, OeField *f, int64 id)
{
	ListCell   *lc;

	foreach(lc, oe_many_of(cy, &f->sources[0].many, id))
		if (f->reference)
		(void) oe_reference_row(cy, f->reference, ((OeLine *) lfirst(lc))->id);
}

static void
oe_prepare_row(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *row, int64 id, const char *state_column, OeFieldOwner *owner, List *inner)
{
	for (int i = 0; owner && i < owner->nfields; i++)
	{
		OeText		value;
		OeReference *ref;
		int64		other;

		if (owner->fields[i].sources[0].kind == OE_SOURCE_MANY)
			oe_prepare_many(cy, &owner->fields[i], id);
		if (owner->fields[i].sources[0].kind == OE_SOURCE_MANY || owner->fields[i].sources[0].kind == OE_SOURCE_COMPUTED)
			continue;
		if (oe_field_value(cy, rule, row, state_column, &owner->fields[i], inner, &value, &ref) &&
			ref && oe_text_int(&value, &other))
			(void) oe_reference_row(cy, ref, other);
	}
}

static void
oe_prepare_line(OeCycle *cy, OeRendered *r)
{
	ListCell   *lc;

	oe_prepare_row(cy, r->part->rule, r->row, r->id, r->part->state_column, r->part->owner, r->inner);
	foreach(lc, r->inner)
	{
		oe_prepare_line(cy, lfirst(lc));
	}
}

/*
 * Asks for what rendering will need, as far as that is known; called again
 * after each reading.
 */
void
oe_render_prepare(OeCycle *cy, OeDraftEvent *ev)
{
	bool		missing = cy->missing;
	ListCell   *lc;

	if (ev->prepared)
		return;
	cy->missing = false;
	oe_render_envelope(cy, ev);
	oe_prepare_row(cy, ev->e->rule, ev->row, ev->record_id, ev->e->state_column, ev->e->owner, NIL);
	if (ev->def->with_lines)
	{
		foreach(lc, oe_gather_all(cy, ev))
		{
			oe_prepare_line(cy, lfirst(lc));
		}
	}
	ev->prepared = !cy->missing;
	cy->missing |= missing;
}
