/*
 * document.c
 *	  Documents and their parts: what of a transaction belongs to one
 *	  document.
 *
 * As-owner transaction.  While the rows of a transaction are looked at, changes
 * of parts are collected per document.  Then it is decided whether they make a
 * "changed" event, or whether another event of the document covers them.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/document.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/lookahead.h"
#include "publish/odoo/rows.h"
#include "publish/transform/corrections.h"
#include "publish/transform/decision_log.h"
#include "publish/transform/document.h"
#include "publish/transform/entity.h"
#include "publish/transform/predicate.h"

typedef struct OeDocEntry
{
	struct
	{
		int64		id;
		int32		entity;
		int32		pad;
	}			key;
	OeDoc	   *doc;
} OeDocEntry;

/*
 * What this transaction did to one document, made when first asked for.
 */
OeDoc *
oe_document_of(OeTx *tx, OeEntity *e, int64 id, OeChange *c)
{
	OeDocEntry	want = {.key = {.id = id,.entity = e->index}};
	OeDocEntry *entry;
	bool		found;

	if (tx->docs == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(want.key),.entrysize = sizeof(OeDocEntry),.hcxt = CurrentMemoryContext};

		tx->docs = hash_create("odoo_events documents", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(tx->docs, &want.key, HASH_ENTER, &found);
	if (!found)
	{
		entry->doc = palloc0(sizeof(OeDoc));
		entry->doc->id = id;
		entry->doc->e = e;
		entry->doc->tx = tx;
		entry->doc->own = oe_tx_find(tx, e->rule, id);
		entry->doc->first = c;
		tx->doc_list = lappend(tx->doc_list, entry->doc);
	}
	return entry->doc;
}

/*
 * The row that contains a part: as of this transaction, else as it is now.
 */
static const OeJsonRow *
oe_container_row(OeCycle *cy, OeTx *tx, OeCatalogRule *rule, int64 id)
{
	OeChange   *c = oe_tx_find(tx, rule, id);

	if (c && oe_change_parse(c))
		return c->new.n > 0 ? &c->new : &c->old;
	return oe_row_of(cy, rule, id);
}

/*
 * To which document does a row belong as this part?
 */
bool
oe_part_document(OeCycle *cy, OeTx *tx, OePart *part, const OeJsonRow *row, int64 *id)
{
	OeEntity   *e = part->entity;
	int64		container;

	if (row->n == 0 || !oe_direct_parent(part, row, id))
		return false;
	if (part->within == NULL)
		return true;
	container = *id;
	for (int i = 0; i < e->nparts; i++)
	{
		OePart	   *outer = e->parts[i];
		const OeJsonRow *r;

		if (outer->within || outer->owner == NULL || strcmp(outer->owner->name, part->within) != 0)
			continue;
		r = oe_container_row(cy, tx, outer->rule, container);
		if (r && oe_direct_parent(outer, r, id))
			return true;
	}
	return false;
}

static OePartChange *
oe_add_change(OeDoc *doc, OePart *part, OeChange *c, const char *op)
{
	OePartChange *pc = palloc0(sizeof(OePartChange));

	pc->part = part;
	pc->id = c->record_id;
	pc->op = op;
	pc->change = c;
	doc->changes = lappend(doc->changes, pc);
	return pc;
}

/*
 * Adds columns of a list that differ; makes the change at the first one.
 */
static OePartChange *
oe_compare(OeDoc *doc, OePart *part, OeChange *c, OePartChange *pc, int n, char **columns)
{
	for (int i = 0; i < n; i++)
	{
		const OeText *old = oe_row_find(&c->old, columns[i]);
		const OeText *new = oe_row_find(&c->new, columns[i]);

		if (oe_text_equal(old, new))
			continue;
		if (pc == NULL)
			pc = oe_add_change(doc, part, c, "changed");
		oe_add_column(pc, columns[i], old, new);
	}
	return pc;
}

/* A part that came or went, with what it was. */
static void
oe_came_or_went(OeDoc *doc, OePart *part, OeChange *c, bool came)
{
	OePartChange *pc = oe_add_change(doc, part, c, came ? "added" : "removed");
	OeJsonRow  *row = came ? &c->new : &c->old;

	for (int i = 0; i < part->nchange; i++)
	{
		const OeText *t = oe_row_find(row, part->change[i]);

		if (!oe_text_null(t))
			oe_add_column(pc, part->change[i], came ? NULL : t, came ? t : NULL);
	}
}

/* Notes the change for predicates that look at "parts". */
static void
oe_note_net(OeDoc *doc, OePart *part, OeChange *c)
{
	OePartNet  *net = palloc(sizeof(OePartNet));

	net->part = part;
	net->change = c;
	doc->nets = lappend(doc->nets, net);
}

/*
 * Does a row count as this part, by its state? "*" among the live states lets
 * rows without a state count.
 */
static bool
oe_part_live(OePart *part, const OeJsonRow *row)
{
	const OeText *state = row->n > 0 ? oe_row_find(row, part->state_column) : NULL;

	if (row->n > 0 && state == NULL)
		for (int i = 0; i < part->nlive; i++)
			if (strcmp(part->live[i], "*") == 0)
				return true;
	return oe_text_in(state, part->nlive, part->live);
}

/*
 * Which documents a row was and is a part of ("before", "after"; 0: none).
 */
static void
oe_part_moved(OeTx *tx, OePart *part, OeChange *c, int64 before, int64 after)
{
	const OeText *from = before ? oe_row_find(&c->old, part->state_column) : NULL;
	const OeText *to = after ? oe_row_find(&c->new, part->state_column) : NULL;
	bool		was = before && oe_part_live(part, &c->old);
	bool		is = after && oe_part_live(part, &c->new);

	if (was && is && before == after)
	{
		OeDoc	   *doc = oe_document_of(tx, part->entity, after, c);
		OePartChange *pc = oe_compare(doc, part, c, NULL, part->nchange, part->change);

		if (oe_text_equal(from, to))
			(void) oe_compare(doc, part, c, pc, part->nschedule, part->schedule);
		return;
	}
	if (!part->counted)
		return;
	/* deleted, cancelled, another document's, or nobody's */
	if (was && (is || after == 0 || oe_text_in(to, part->ngone, part->gone)))
		oe_came_or_went(oe_document_of(tx, part->entity, before, c), part, c, false);
	if (is)
		oe_came_or_went(oe_document_of(tx, part->entity, after, c), part, c, true);
}

static void
oe_part_change(OeCycle *cy, OeTx *tx, OePart *part, OeChange *c)
{
	int64		before = 0;
	int64		after = 0;
	ListCell   *lc;

	if (part->reverse && oe_predicate_holds_row(cy, &part->condition, tx, c->rule, c->new.n ? &c->new : &c->old))
	{
		foreach(lc, oe_lines_of(cy, part->entity->rule, part->reverse, c->record_id))
			oe_part_moved(tx, part, c, c->old.n ? ((OeLine *) lfirst(lc))->id : 0,
						  c->new.n ? ((OeLine *) lfirst(lc))->id : 0);
		return;
	}
	if (!part->watched && !oe_part_live(part, &c->old) && !oe_part_live(part, &c->new))
		return;
	if (!oe_part_document(cy, tx, part, &c->old, &before))
		before = 0;
	if (!oe_part_document(cy, tx, part, &c->new, &after))
		after = 0;
	if ((before == 0 && after == 0) ||
		!oe_predicate_holds_row(cy, &part->condition, tx, c->rule, c->new.n ? &c->new : &c->old))
		return;
	if (part->watched)
	{
		if (before)
			oe_note_net(oe_document_of(tx, part->entity, before, c), part, c);
		if (after && after != before)
			oe_note_net(oe_document_of(tx, part->entity, after, c), part, c);
	}
	oe_part_moved(tx, part, c, before, after);
}

/*
 * Adds a row's net change to its document, and to documents that it is a part
 * of.
 */
void
oe_doc_changes(OeCycle *cy, OeTx *tx, OeChange *c)
{
	ListCell   *lc;

	foreach(lc, c->rule->entities)
	{
		OeEntity   *e = lfirst(lc);

		if (c->op != 'U' || !oe_entity_active(e, tx))
			continue;
		for (int i = 0; i < e->nchange; i++)
			if (!oe_text_equal(oe_row_find(&c->old, e->change[i]), oe_row_find(&c->new, e->change[i])))
			{
				OeDoc	   *doc = oe_document_of(tx, e, c->record_id, c);

				(void) oe_compare(doc, NULL, c, NULL, e->nchange, e->change);
				break;
			}
	}
	foreach(lc, c->rule->parts)
		if (oe_entity_active(((OePart *) lfirst(lc))->entity, tx))
		oe_part_change(cy, tx, lfirst(lc), c);
}

/*
 * Does the state of one of the changed parts show that it counts?
 */
static bool
oe_doc_vouched(OeDoc *doc)
{
	ListCell   *lc;

	foreach(lc, doc->changes)
	{
		OePartChange *pc = lfirst(lc);
		OeJsonRow  *row = pc->change->new.n > 0 ? &pc->change->new : &pc->change->old;

		if (pc->part && oe_row_find(row, pc->part->state_column))
			return true;
	}
	return false;
}

/*
 * Changes of parts produce an event only if the document was open before the
 * transaction and is open or done afterwards.  If the transaction did not touch
 * the document's own row, take the state from the parts; if they have none,
 * from the row as of this transaction (lookahead.c).  A document without a state
 * column counts as open while its row exists.
 */
bool
oe_doc_open(OeDoc *doc)
{
	OeEntity   *e = doc->e;
	const OeText *to;

	if (e->state_column == NULL)
		return doc->own == NULL || doc->own->op == 'U';
	if (doc->own == NULL)
		return oe_doc_vouched(doc) ||
			(doc->row && oe_text_in(oe_row_find(doc->row, e->state_column), e->nopen, e->open));
	if (doc->own->op != 'U')
		return false;
	to = oe_row_find(&doc->own->new, e->state_column);
	return oe_text_in(oe_row_find(&doc->own->old, e->state_column), e->nopen, e->open) &&
		!oe_text_in(to, e->ncancelled, e->cancelled) && !oe_text_in(to, e->ndraft, e->draft);
}

static bool
oe_has_changed_def(OeEntity *e)
{
	for (int i = 0; i < e->ndefs; i++)
		if (e->defs[i].occasion == OE_ON_CHANGED)
			return true;
	return false;
}

/* Does another event of the document cover all changes of this part? */
static bool
oe_doc_part_covered(OeDoc *doc, OePart *part)
{
	ListCell   *lc;
	size_t		n = part ? strlen(part->name) : 0;

	if (part)
		foreach(lc, doc->covers)
	{
		const char *cover = lfirst(lc);

		if (strncmp(cover, part->name, n) == 0 && strcmp(cover + n, ".*") == 0)
			return true;
	}
	return false;
}

/*
 * Is there a change that no other event of the document covers?
 */
static bool
oe_doc_uncovered(OeDoc *doc)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, doc->changes)
	{
		OePartChange *pc = lfirst(lc);

		if (oe_doc_part_covered(doc, pc->part))
			continue;
		if (strcmp(pc->op, "changed") != 0)
			return true;
		foreach(lc2, pc->columns)
		{
			OeColumnChange *cc = lfirst(lc2);
			bool		covered = false;
			ListCell   *lc3;

			foreach(lc3, doc->covers)
				if (strcmp(cc->column, lfirst(lc3)) == 0)
				covered = true;
			if (!covered)
				return true;
		}
	}
	return false;
}

static void
oe_doc_gather_covers(OeDoc *doc)
{
	ListCell   *lc;

	foreach(lc, doc->events)
	{
		OeDefinition *d = ((OeDraftEvent *) lfirst(lc))->def;

		for (int i = 0; i < d->ncovers; i++)
		{
			if (strcmp(d->covers[i], "*") == 0)
				doc->covered_all = true;
			doc->covers = lappend(doc->covers, d->covers[i]);
		}
	}
}

/* Can this document still need a "changed" event? */
static bool
oe_doc_candidate(OeDoc *doc)
{
	OeEntity   *e = doc->e;

	if (doc->changes == NIL || !oe_has_changed_def(e))
		return false;
	if (doc->own == NULL || e->state_column == NULL)
		return oe_doc_open(doc);
	return doc->own->op == 'U' &&
		oe_text_in(oe_row_find(&doc->own->old, e->state_column), e->nopen, e->open) &&
		oe_text_in(oe_row_find(&doc->own->new, e->state_column), e->nopen, e->open);
}

/*
 * Was the document's row there before and after?
 */
static bool
oe_doc_existed(OeDoc *doc)
{
	return doc->own == NULL || doc->own->op == 'U';
}

/* May definitions of the occasion "touched" match it? */
static bool
oe_doc_touched(OeDoc *doc)
{
	return doc->e->has_touched && oe_doc_existed(doc) && (doc->own != NULL || doc->nets != NIL);
}

/*
 * Asks for the row of a document of which only parts changed, for what its kind
 * depends on, and for rows that its predicates look at.
 */
void
oe_doc_prepare(OeCycle *cy, OeDoc *doc)
{
	OeEntity   *e = doc->e;

	if (e->uses_rows && doc->nets != NIL)
		for (int i = 0; i < e->nparts; i++)
			for (int j = 0; j < e->parts[i]->nparents && e->parts[i]->within == NULL; j++)
				(void) oe_lines_of(cy, e->parts[i]->rule, e->parts[i]->parents[j], doc->id);
	if (doc->own != NULL || ((doc->changes == NIL || !oe_has_changed_def(e)) && !oe_doc_touched(doc)))
		return;
	if (!oe_lookahead_row(cy, doc->tx, e->rule, doc->id, &doc->row))
		doc->row = oe_row_of(cy, e->rule, doc->id);
	oe_refs_wanted(cy, e->rule, doc->row ? doc->row :
				   doc->first->new.n ? &doc->first->new : &doc->first->old);
	if (doc->row)
		(void) oe_entity_key(cy, e, doc->row, doc->id, true);
}

/* The document's row as far as it is known. */
static OeJsonRow *
oe_doc_row(OeDoc *doc)
{
	if (doc->own)
		return &doc->own->new;
	return doc->row ? doc->row : palloc0(sizeof(OeJsonRow));
}

static void
oe_doc_event(OeDoc *doc, OeDefinition *def, OeKind *kind)
{
	OeDraftEvent *ev = oe_event_new(doc->tx, doc->e, def, doc->own ? doc->own : doc->first,
									oe_doc_row(doc), doc->id, kind);

	ev->doc = doc;
	ev->read_later = doc->own == NULL;
	if (doc->own && doc->e->state_column)
	{
		const OeText *from = oe_row_find(&doc->own->old, doc->e->state_column);
		const OeText *to = oe_row_find(&doc->own->new, doc->e->state_column);

		if (from)
			ev->from = *from;
		if (to)
			ev->to = *to;
	}
	doc->events = lappend(doc->events, ev);
}

/* Is there any definition that has to be looked at? */
static bool
oe_doc_watched(OeDoc *doc)
{
	for (int i = 0; i < doc->e->ndefs; i++)
		if (doc->e->defs[i].occasion == OE_ON_TOUCHED && oe_def_watched(&doc->e->defs[i], doc))
			return true;
	return false;
}

/* Does the condition hold of the document?  Says so where somebody asked. */
static bool
oe_doc_holds(OeCycle *cy, OeDoc *doc, OeDefinition *d, OePredicateInput *subject)
{
	bool		holds = oe_predicate_holds(cy, &d->condition, subject);

	if (!holds && cy->explain)
		oe_decision_note_condition(cy, doc->e, doc->id, d, subject);
	return holds;
}

/* Events that follow from the document's row and its parts together. */
static void
oe_doc_match(OeCycle *cy, OeDoc *doc, OeKind *kind, OePredicateInput *subject)
{
	OeEntity   *e = doc->e;
	const char *taken = NULL;

	for (int i = 0; i < e->ndefs; i++)
	{
		OeDefinition *d = &e->defs[i];

		if (d->occasion != OE_ON_TOUCHED || (d->choice && taken && strcmp(d->choice, taken) == 0) ||
			!oe_def_is_kind(d, kind) || !oe_def_watched(d, doc) || !oe_doc_holds(cy, doc, d, subject))
			continue;
		taken = d->choice ? d->choice : taken;
		if (d->emit)
			oe_doc_event(doc, d, kind);
	}
}

/*
 * The "changed" events of a document.  The catalog's is news that none of its
 * other events tells; those that the DBA defined are each judged by
 * themselves, and take nothing from one another or from the catalog's.
 */
static void
oe_doc_changed(OeCycle *cy, OeDoc *doc, OeKind *kind, OePredicateInput *subject)
{
	bool		told;

	oe_doc_gather_covers(doc);
	told = doc->covered_all || !oe_doc_uncovered(doc);
	for (int i = 0; i < doc->e->ndefs; i++)
	{
		OeDefinition *d = &doc->e->defs[i];

		if (d->occasion != OE_ON_CHANGED || !oe_def_is_kind(d, kind) || (told && !d->own))
			continue;
		if (d->emit && oe_doc_holds(cy, doc, d, subject))
			oe_doc_event(doc, d, kind);
	}
}

/*
 * Makes the events of a document as a whole; "changed" last.
 */
void
oe_doc_decide(OeCycle *cy, OeDoc *doc)
{
	bool		touched = oe_doc_touched(doc) && oe_doc_watched(doc);
	bool		candidate = oe_doc_candidate(doc);
	OePredicateInput subject = {.tx = doc->tx,.rule = doc->e->rule,.doc = doc,.words = &doc->e->words};
	OeKind	   *kind;

	if (!touched && !candidate)
		return;
	if (doc->own)
	{
		subject.old = &doc->own->old;
		subject.new = &doc->own->new;
	}
	/* a row that is gone by now: what its part says of the same columns */
	kind = doc->kind_known ? doc->kind : oe_kind_of(cy, doc->tx, doc->e, doc->own || doc->row ? oe_doc_row(doc) :
													doc->first->new.n ? &doc->first->new : &doc->first->old);
	if (touched)
		oe_doc_match(cy, doc, kind, &subject);
	if (candidate)
		oe_doc_changed(cy, doc, kind, &subject);
	if (subject.root != (Datum) 0)
		pfree(DatumGetPointer(subject.root));
}
