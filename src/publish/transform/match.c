/*
 * match.c
 *	  Which events the net change of one row is.
 *
 * Foreign work, but nothing is read here: what is not known yet is asked for
 * (oe_match_prepare) and read in batch before matching.  The ladder is climbed
 * here; the rest is predicates of the catalog (condition.c).
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "publish/internal.h"

typedef struct OeTxKey
{
	int64		id;
	int32		rule;
	int32		pad;
} OeTxKey;

typedef struct OeTxEntry
{
	OeTxKey		key;
	OeChange   *change;
} OeTxEntry;

typedef struct OeChildKey
{
	int64		id;
	int32		part;
	int32		pad;
} OeChildKey;

typedef struct OeChildEntry
{
	OeChildKey	key;
	List	   *changes;
} OeChildEntry;

char *
oe_key_text(const char *entity, int64 id)
{
	int			len = strlen(entity);
	char	   *key = palloc(len + 24);

	memcpy(key, entity, len);
	key[len] = ':';
	(void) pg_lltoa(id, key + len + 1);
	return key;
}

/*
 * The net change of a row in this transaction, or NULL.
 */
OeChange *
oe_tx_find(OeTx *tx, OeRule *rule, int64 id)
{
	OeTxKey		key = {.id = id,.rule = rule ? rule->index : -1};
	OeTxEntry  *e;

	if (tx->rows == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(OeTxKey),.entrysize = sizeof(OeTxEntry),.hcxt = CurrentMemoryContext};

		tx->rows = hash_create("odoo_events transaction", tx->n + 8, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		for (int i = 0; i < tx->n; i++)
		{
			OeChange   *c = &tx->changes[i];
			OeTxKey		k = {.id = c->record_id};

			if (c->rule == NULL || (c->op != 'I' && c->op != 'U' && c->op != 'D'))
				continue;
			k.rule = c->rule->index;
			e = hash_search(tx->rows, &k, HASH_ENTER, NULL);
			e->change = c;
		}
	}
	e = hash_search(tx->rows, &key, HASH_FIND, NULL);
	return e ? e->change : NULL;
}

/*
 * Changed rows that, after the transaction, are this part of the row "id".
 */
List *
oe_tx_children(OeTx *tx, OePart *part, int64 id)
{
	OeChildKey	key = {.id = id,.part = part ? part->index : -1};
	OeChildEntry *e;
	bool		found;

	if (tx->children == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(OeChildKey),.entrysize = sizeof(OeChildEntry),.hcxt = CurrentMemoryContext};
		HTAB	   *children = hash_create("odoo_events children", tx->n + 8, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

		for (int i = 0; i < tx->n; i++)
		{
			OeChange   *c = &tx->changes[i];
			ListCell   *lc;

			if (c->rule == NULL || !oe_change_parse(c) || c->new.n == 0)
				continue;
			foreach(lc, c->rule->parts)
			{
				OePart	   *p = lfirst(lc);
				OeChildKey	k = {.part = p->index};

				for (int j = 0; j < p->nparents; j++)
				{
					if (!oe_text_int(oe_row_find(&c->new, p->parents[j]), &k.id))
						continue;
					e = hash_search(children, &k, HASH_ENTER, &found);
					e->changes = lappend(found ? e->changes : NIL, c);
					break;
				}
			}
		}
		/* not before: a row that cannot be read breaks it off */
		tx->children = children;
	}
	e = hash_search(tx->children, &key, HASH_FIND, NULL);
	return e ? e->changes : NIL;
}

/*
 * Makes what the two above look at, in the current memory context.
 */
void
oe_tx_ready(OeTx *tx)
{
	(void) oe_tx_find(tx, NULL, 0);
	(void) oe_tx_children(tx, NULL, 0);
}

/*
 * Follows a path from a row.  NULL where there is no value, or none known
 * yet.  *ref: of which reference the value is an id; may be NULL.
 */
const OeText *
oe_path(OeCycle *cy, OeRule *rule, const OeRow *row, const OePath *path, OeReference **ref)
{
	const OeText *t = oe_row_at(row, path);
	OeReference *link;

	*ref = NULL;
	if (t == NULL)
		return NULL;
	if (path->seen->rule != rule)
	{
		path->seen->rule = rule;
		path->seen->link = oe_link_of(rule, path->column);
	}
	link = path->seen->link;
	for (int hop = 0; hop < path->nhops; hop++)
	{
		OeReference *next = NULL;
		OeRow	   *other;
		int64		id;

		if (link == NULL || !oe_text_int(t, &id) || (other = oe_ref(cy, link, id)) == NULL)
			return NULL;
		for (int i = 0; i < link->nfields; i++)
			if (strcmp(link->fields[i].name, path->hops[hop]) == 0)
				next = link->fields[i].to;
		t = oe_row_find(other, path->hops[hop]);
		if (oe_text_null(t))
			return NULL;
		link = next;
	}
	*ref = link;
	return t;
}

/* ---- what has to be known before ---- */

/*
 * Does the entity's catalog count for this transaction?  What was captured
 * before it was detached still does.
 */
bool
oe_entity_active(OeEntity *e, OeTx *tx)
{
	return e->attached || tx->xid < e->detached_at;
}

/*
 * Asks for all that matching one change will look at.
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
 * The key that events of one entity's row follow.  "refs" false: as far as
 * the row itself tells, for when references cannot be read.
 */
char *
oe_entity_key(OeCycle *cy, OeEntity *e, const OeRow *row, int64 id, bool refs)
{
	OeReference *ref;
	int64		other;

	for (int i = 0; i < e->nkeys; i++)
		if ((refs || e->keys[i].path.nhops == 0) &&
			oe_text_int(oe_path(cy, e->rule, row, &e->keys[i].path, &ref), &other))
			return oe_key_text(e->keys[i].entity, other);
	return oe_key_text(e->label, id);
}

/*
 * The key of the document that a change belongs to: what waits for it while
 * it cannot be published.
 */
char *
oe_change_key(OeCycle *cy, OeTx *tx, OeChange *c, bool refs)
{
	OeRow	   *row;
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

OeKind *
oe_kind_of(OeCycle *cy, OeTx *tx, OeEntity *e, OeRow *row)
{
	OeSubject	s = {.tx = tx,.rule = e->rule,.new = row,.words = &e->kind_words};

	for (int i = 0; i < e->nkinds; i++)
		if (oe_holds(cy, &e->kinds[i].condition, &s))
			return &e->kinds[i];
	return NULL;
}

OeEvent *
oe_event_new(OeTx *tx, OeEntity *e, OeDef *def, OeChange *c, OeRow *row, int64 id, OeKind *kind)
{
	OeEvent    *ev = palloc0(sizeof(OeEvent));

	ev->tx = tx;
	ev->e = e;
	ev->def = def;
	ev->change = c;
	ev->row = row;
	ev->record_id = id;
	ev->rank = def->rank;
	if (kind)
	{
		ev->kind = kind->kind;
		ev->purpose = kind->purpose;
	}
	tx->events = lappend(tx->events, ev);
	return ev;
}

/*
 * How high a state stands: 0 below the ladder; a cancelled row that comes back
 * starts where drafts stand.
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
		bool		fires = m->gate ? low < m->rung && m->rung <= high
		: oe_text_in(climb->to, m->nstates, m->states) && !oe_text_in(climb->from, m->nstates, m->states);

		if (fires && e->one_event)
			climb->fired = UINT64CONST(1) << i;
		else if (fires)
			climb->fired |= UINT64CONST(1) << i;
	}
}

static bool
oe_occasion_fits(OeEntity *e, OeDef *d, OeClimb *climb)
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

/* Is the definition one of this kind, or of any? */
bool
oe_def_is_kind(OeDef *d, OeKind *kind)
{
	return d->kind == NULL || (kind != NULL && strcmp(kind->kind, d->kind) == 0);
}

/*
 * The events of one row's own net change, as the row of entity "e".
 */
void
oe_match_change(OeCycle *cy, OeTx *tx, OeEntity *e, OeChange *c)
{
	OeRow	   *row = c->new.n > 0 ? &c->new : &c->old;
	OeSubject	subject = {.tx = tx,.rule = c->rule,.old = &c->old,.new = &c->new,.words = &e->words};
	const char *taken = NULL;
	OeKind	   *kind = NULL;
	bool		kind_known = false;
	OeClimb		climb;

	oe_climb(e, c, &climb);
	if (e->uses_parts)
		subject.doc = oe_doc(tx, e, c->record_id, c);
	for (int i = 0; i < e->ndefs; i++)
	{
		OeDef	   *d = &e->defs[i];
		OeEvent    *ev;

		if (d->choice && taken && strcmp(d->choice, taken) == 0)
		{
			if (cy->explain)
				oe_say(cy, e, c->record_id, d, "another came first", taken);
			continue;
		}
		if (!oe_occasion_fits(e, d, &climb))
		{
			if (cy->explain && d->occasion < OE_ON_CHANGED)
				oe_say(cy, e, c->record_id, d, "not this occasion", oe_occasions[d->occasion]);
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
		if (!oe_holds(cy, &d->condition, &subject))
		{
			if (cy->explain)
				oe_say_condition(cy, e, c->record_id, d, &subject);
			continue;
		}
		taken = d->choice ? d->choice : taken;
		if (!d->emit)
		{
			if (cy->explain)
				oe_say(cy, e, c->record_id, d, "no event by definition", "the catalog says that this is none");
			continue;
		}
		ev = oe_event_new(tx, e, d, c, row, c->record_id, kind);
		if (e->id_column)
			(void) oe_text_int(oe_row_find(row, e->id_column), &ev->record_id);
		if (climb.from)
			ev->from = *climb.from;
		if (climb.to)
			ev->to = *climb.to;
		ev->doc = oe_doc(tx, e, c->record_id, c);
		ev->doc->events = lappend(ev->doc->events, ev);
	}
	if (subject.root != (Datum) 0)
		pfree(DatumGetPointer(subject.root));
}
