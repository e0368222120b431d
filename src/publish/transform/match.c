/*
 * match.c
 *	  Which events the net change of one row is.
 *
 * As-owner transaction, but nothing is read here: oe_match_prepare() asks for
 * rows that are not in memory, and they are read in batch before matching.  This
 * file decides which milestones are reached; the other conditions are
 * predicates (predicate.c).
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/notation.h"
#include "publish/model/cycle.h"
#include "publish/model/document.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/rows.h"
#include "publish/transform/decision_log.h"
#include "publish/transform/document.h"
#include "publish/transform/entity.h"
#include "publish/transform/match.h"
#include "publish/transform/predicate.h"
#include "publish/transform/ready_made.h"
#include "publish/transform/snapshot_event.h"

/* ---- what has to be known before ---- */

/*
 * Asks for everything that matching one change needs.
 */
void
oe_match_prepare(OeCycle *cy, OeTx *tx, OeChange *c)
{
	ListCell   *lc;
	int64		id;

	if (c->op == 'S')
		oe_snapshot_prepare(cy, c);
	if (c->rule == NULL || !oe_change_parse(c))
		return;
	if (c->rule->entities || c->rule->parts)
		oe_refs_wanted(cy, c->rule, c->new.n > 0 ? &c->new : &c->old);
	if (c->rule->entities && c->op == 'U')
		oe_were_wanted(cy, c->rule, &c->old);
	foreach(lc, c->rule->entities)
		(void) oe_entity_key(cy, lfirst(lc), c->new.n > 0 ? &c->new : &c->old, c->record_id, true);
	foreach(lc, c->rule->parts)
	{
		OePart	   *part = lfirst(lc);

		if (!oe_entity_active(part->entity, tx))
			continue;
		if (part->reverse)
			(void) oe_lines_of(cy, part->entity->rule, part->reverse, c->record_id);
		if (part->within == NULL)
			continue;
		(void) oe_part_document(cy, tx, part, &c->old, &id);
		(void) oe_part_document(cy, tx, part, &c->new, &id);
	}
}

/*
 * The ordering key of the document that a change belongs to; while the document
 * cannot be published, its changes wait under this key.
 */
char *
oe_change_key(OeCycle *cy, OeTx *tx, OeChange *c, bool refs)
{
	OeJsonRow  *row;
	ListCell   *lc;
	int64		id;

	if (c->op == 'E')
		return oe_event_ready_made_key(c);
	if (c->op == 'S')
		return oe_snapshot_key(cy, c, refs);
	if (c->rule == NULL || !oe_change_parse(c))
		return psprintf("%s:" INT64_FORMAT, c->rule_name, c->op == 'T' ? c->id : c->record_id);
	row = c->new.n > 0 ? &c->new : &c->old;
	if (c->rule->entity)
		return oe_entity_key(cy, c->rule->entity, row, c->record_id, refs);
	foreach(lc, c->rule->parts)
	{
		OePart	   *part = lfirst(lc);

		/* a part of an entity that has another document counts for that one */
		if (part->entity->nkeys == 0 && (refs || part->within == NULL) &&
			oe_part_document(cy, tx, part, row, &id))
			return oe_key_text(part->entity->label, id);
	}
	return oe_key_text(c->rule_name, c->record_id);
}

/* ---- matching ---- */

/*
 * The rung of a state: 0 is below the ladder.  A cancelled row that is reopened
 * starts at the rung of drafts.
 */
static int
oe_rung(OeEntity *e, const OeText *state, bool exists)
{
	int			draft = 0;

	if (!exists)
		return 0;
	for (int i = 0; i < e->nmilestones; i++)
	{
		OeMilestone *m = &e->milestones[i];

		if (oe_text_in(state, m->nstates, m->states))
			return m->rung;
		for (int j = 0; j < e->ndraft; j++)
			for (int k = 0; k < m->nstates; k++)
				if (strcmp(e->draft[j], m->states[k]) == 0)
					draft = m->rung;
	}
	return oe_text_in(state, e->ncancelled, e->cancelled) ? draft : 0;
}

typedef struct OeClimb
{
	const OeText *from;			/* states; NULL where there was no row */
	const OeText *to;
	bool		inserted;
	bool		deleted;
	bool		cancelled;
	bool		open;			/* before and after */
	uint64		fired;			/* milestones, by index */
} OeClimb;

static void
oe_climb(OeEntity *e, OeChange *c, OeClimb *climb)
{
	int			low;
	int			high;

	memset(climb, 0, sizeof(*climb));
	climb->inserted = c->op == 'I';
	climb->deleted = c->op == 'D';
	if (e->state_column == NULL)
		return;
	climb->from = c->op == 'I' ? NULL : oe_row_find(&c->old, e->state_column);
	climb->to = c->op == 'D' ? NULL : oe_row_find(&c->new, e->state_column);
	if (oe_text_in(climb->to, e->ncancelled, e->cancelled))
	{
		climb->cancelled = c->op == 'U' && !oe_text_null(climb->from) &&
			!oe_text_in(climb->from, e->ndraft, e->draft) &&
			!oe_text_in(climb->from, e->ncancelled, e->cancelled);
		return;
	}
	if (climb->deleted)
		return;
	climb->open = oe_text_in(climb->from, e->nopen, e->open) && oe_text_in(climb->to, e->nopen, e->open);
	low = oe_rung(e, climb->from, c->op != 'I');
	high = oe_rung(e, climb->to, true);
	for (int i = 0; i < e->nmilestones && i < 64; i++)
	{
		OeMilestone *m = &e->milestones[i];
		bool		fires = m->threshold ? low < m->rung && m->rung <= high
		: oe_text_in(climb->to, m->nstates, m->states) && !oe_text_in(climb->from, m->nstates, m->states);

		if (fires && e->one_event)
			climb->fired = UINT64CONST(1) << i;
		else if (fires)
			climb->fired |= UINT64CONST(1) << i;
	}
}

static bool
oe_occasion_fits(OeEntity *e, OeDefinition *d, OeClimb *climb)
{
	switch (d->occasion)
	{
		case OE_ON_MILESTONE:
			for (int i = 0; i < e->nmilestones && i < 64; i++)
				if ((climb->fired >> i & 1) && d->milestone && strcmp(e->milestones[i].name, d->milestone) == 0)
					return true;
			return false;
		case OE_ON_CANCELLED:
			return climb->cancelled;
		case OE_ON_DELETED:
			return climb->deleted;
		case OE_ON_INSERTED:
			return climb->inserted;
		case OE_ON_UPDATED:
			return !climb->inserted && !climb->deleted;
		case OE_ON_OPEN:
			return climb->open;
		case OE_ON_CHANGED:
		case OE_ON_TOUCHED:
			return false;		/* decided per document */
		case OE_ON_SUMMED:
			return false;		/* once per cycle */
	}
	return false;
}

/*
 * Makes the events of one row's net change, as a row of entity "e".
 */
void
oe_match_change(OeCycle *cy, OeTx *tx, OeEntity *e, OeChange *c)
{
	OeJsonRow  *row = c->new.n > 0 ? &c->new : &c->old;
	OePredicateInput subject = {.tx = tx,.rule = c->rule,.old = &c->old,.new = &c->new,.words = &e->words};
	const char *taken = NULL;
	OeKind	   *kind = NULL;
	bool		kind_known = false;
	OeClimb		climb;

	oe_climb(e, c, &climb);
	if (e->uses_parts)
		subject.doc = oe_document_of(tx, e, c->record_id, c);
	for (int i = 0; i < e->ndefs; i++)
	{
		OeDefinition *d = &e->defs[i];
		OeDraftEvent *ev;

		if (d->choice && taken && strcmp(d->choice, taken) == 0)
		{
			if (cy->explain)
				oe_decision_note(cy, e, c->record_id, d, "another came first", taken);
			continue;
		}
		if (!oe_occasion_fits(e, d, &climb))
		{
			if (cy->explain && d->occasion < OE_ON_CHANGED)
				oe_decision_note(cy, e, c->record_id, d, "not this occasion", oe_occasions[d->occasion]);
			continue;
		}
		if (d->kind && !kind_known)
		{
			kind = oe_kind_of(cy, tx, e, row);
			kind_known = true;
			if (subject.doc)
			{
				subject.doc->kind = kind;
				subject.doc->kind_known = true;
			}
		}
		if (!oe_def_is_kind(d, kind))
			continue;
		if (!oe_predicate_holds(cy, &d->condition, &subject))
		{
			if (cy->explain)
				oe_decision_note_condition(cy, e, c->record_id, d, &subject);
			continue;
		}
		taken = d->choice ? d->choice : taken;
		if (!d->emit)
		{
			if (cy->explain)
				oe_decision_note(cy, e, c->record_id, d, "no event by definition", "the catalog says that this is none");
			continue;
		}
		ev = oe_event_new(tx, e, d, c, row, c->record_id, kind);
		if (e->id_column)
			(void) oe_text_int(oe_row_find(row, e->id_column), &ev->record_id);
		if (climb.from)
			ev->from = *climb.from;
		if (climb.to)
			ev->to = *climb.to;
		ev->doc = oe_document_of(tx, e, c->record_id, c);
		ev->doc->events = lappend(ev->doc->events, ev);
	}
	if (subject.root != (Datum) 0)
		pfree(DatumGetPointer(subject.root));
}
