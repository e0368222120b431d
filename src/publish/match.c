/*
 * match.c
 *	  Which events the net change of one row is.
 *
 * Foreign work (predicates see what references say), but nothing is read
 * here: what is not known yet is asked for (oe_match_prepare) and read in
 * batch before matching.  The ladder is climbed here; the rest is jsonpath
 * predicates of the catalog, run by PostgreSQL's own functions.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

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
	return psprintf("%s:" INT64_FORMAT, entity, id);
}

/*
 * The net change of a row in this transaction, or NULL.
 */
OeChange *
oe_tx_find(OeTx *tx, OeRule *rule, int64 id)
{
	OeTxKey		key = {.id = id,.rule = rule->index};
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
	OeChildKey	key = {.id = id,.part = part->index};
	OeChildEntry *e;
	bool		found;

	if (tx->children == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(OeChildKey),.entrysize = sizeof(OeChildEntry),.hcxt = CurrentMemoryContext};

		tx->children = hash_create("odoo_events children", tx->n + 8, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
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
					e = hash_search(tx->children, &k, HASH_ENTER, &found);
					e->changes = lappend(found ? e->changes : NIL, c);
					break;
				}
			}
		}
	}
	e = hash_search(tx->children, &key, HASH_FIND, NULL);
	return e ? e->changes : NIL;
}

/*
 * Follows a path from a row.  NULL where there is no value, or none known
 * yet.  *ref: of which reference the value is an id; may be NULL.
 */
const OeText *
oe_path(OeCycle *cy, OeRule *rule, const OeRow *row, const OePath *path, OeReference **ref)
{
	const OeText *t = oe_row_find(row, path->column);
	OeReference *link;
	OeRow	   *other;
	int64		id;

	*ref = NULL;
	if (t == NULL)
		return NULL;
	link = oe_link_of(rule, path->column);
	if (path->field == NULL)
	{
		*ref = link;
		return t;
	}
	if (link == NULL || !oe_text_int(t, &id) || (other = oe_ref(cy, link, id)) == NULL)
		return NULL;
	for (int i = 0; i < link->nfields; i++)
		if (strcmp(link->fields[i].name, path->field) == 0)
			*ref = oe_reference_find(cy->cat, link->fields[i].target);
	t = oe_row_find(other, path->field);
	return oe_text_null(t) ? NULL : t;
}

/* ---- predicates ---- */

static bool
oe_ref_word(const OeWords *words, const char *column)
{
	for (int i = 0; i < words->nrefs; i++)
		if (strcmp(words->refs[i], column) == 0)
			return true;
	return false;
}

static void
oe_push_key(JsonbParseState **st, const char *s, int len)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = (char *) s;
	v.val.string.len = len;
	(void) pushJsonbValue(st, WJB_KEY, &v);
}

static void
oe_push_text(JsonbParseState **st, const OeText *t)
{
	JsonbValue	v;

	v.type = jbvNull;
	if (oe_text_null(t))
		;
	else if (t->s[0] == '"')
	{
		v.type = jbvString;
		v.val.string.val = oe_text_cstring(t);
		v.val.string.len = strlen(v.val.string.val);
	}
	else if (t->s[0] == 't' || t->s[0] == 'f')
	{
		v.type = jbvBool;
		v.val.boolean = t->s[0] == 't';
	}
	else if (t->s[0] != '{' && t->s[0] != '[')
	{
		v.type = jbvNumeric;
		v.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(t->s, t->len)),
															ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	(void) pushJsonbValue(st, WJB_VALUE, &v);
}

/* One image under "name"; only columns that are mentioned. */
static void
oe_push_row(JsonbParseState **st, const char *name, const OeRow *row, const OeWords *words)
{
	oe_push_key(st, name, strlen(name));
	(void) pushJsonbValue(st, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < words->n; i++)
	{
		const OeText *t = oe_row_find(row, words->words[i]);

		if (t == NULL)
			continue;
		oe_push_key(st, words->words[i], strlen(words->words[i]));
		oe_push_text(st, t);
	}
	(void) pushJsonbValue(st, WJB_END_OBJECT, NULL);
}

static void
oe_push_refs(OeCycle *cy, JsonbParseState **st, OeRule *rule, const OeRow *row, const OeWords *words)
{
	oe_push_key(st, "refs", 4);
	(void) pushJsonbValue(st, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < words->nrefs; i++)
	{
		OeReference *link = oe_link_of(rule, words->refs[i]);
		OeRow	   *ref;
		int64		id;

		if (link == NULL || !oe_text_int(oe_row_find(row, words->refs[i]), &id) ||
			(ref = oe_ref(cy, link, id)) == NULL)
			continue;
		oe_push_row(st, words->refs[i], ref, words);
	}
	(void) pushJsonbValue(st, WJB_END_OBJECT, NULL);
}

static Datum
oe_root(OeCycle *cy, OeRule *rule, const OeRow *old, const OeRow *new, const OeWords *words)
{
	JsonbParseState *st = NULL;
	JsonbValue *v;

	(void) pushJsonbValue(&st, WJB_BEGIN_OBJECT, NULL);
	if (old && old->n > 0)
		oe_push_row(&st, "old", old, words);
	if (new && new->n > 0)
		oe_push_row(&st, "new", new, words);
	if (words->nrefs > 0)
		oe_push_refs(cy, &st, rule, new && new->n > 0 ? new : old, words);
	v = pushJsonbValue(&st, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(v));
}

/*
 * {"tx": {rule: {id: {"old": ..., "new": ...}}}}, once per transaction.
 */
static Datum
oe_tx_vars(OeCycle *cy, OeTx *tx)
{
	JsonbParseState *st = NULL;
	JsonbValue *v;

	if (tx->vars != (Datum) 0)
		return tx->vars;
	(void) pushJsonbValue(&st, WJB_BEGIN_OBJECT, NULL);
	oe_push_key(&st, "tx", 2);
	(void) pushJsonbValue(&st, WJB_BEGIN_OBJECT, NULL);
	for (int r = 0; r < cy->cat->nrules; r++)
	{
		OeRule	   *rule = &cy->cat->rules[r];

		oe_push_key(&st, rule->name, strlen(rule->name));
		(void) pushJsonbValue(&st, WJB_BEGIN_OBJECT, NULL);
		for (int i = 0; i < tx->n; i++)
		{
			OeChange   *c = &tx->changes[i];
			char	   *id;

			if (c->rule != rule || !oe_change_parse(c))
				continue;
			id = psprintf(INT64_FORMAT, c->record_id);
			oe_push_key(&st, id, strlen(id));
			(void) pushJsonbValue(&st, WJB_BEGIN_OBJECT, NULL);
			if (c->old.n > 0)
				oe_push_row(&st, "old", &c->old, &cy->cat->words);
			if (c->new.n > 0)
				oe_push_row(&st, "new", &c->new, &cy->cat->words);
			(void) pushJsonbValue(&st, WJB_END_OBJECT, NULL);
		}
		(void) pushJsonbValue(&st, WJB_END_OBJECT, NULL);
	}
	(void) pushJsonbValue(&st, WJB_END_OBJECT, NULL);
	v = pushJsonbValue(&st, WJB_END_OBJECT, NULL);
	tx->vars = JsonbPGetDatum(JsonbValueToJsonb(v));
	return tx->vars;
}

/*
 * Does the predicate hold?  Unknown is no.  The rows are those of c, or, where
 * "new" is given, just that row.
 */
bool
oe_holds(OeCycle *cy, OePredicate *p, OeTx *tx, OeChange *c, OeRule *rule,
		 const OeRow *old, const OeRow *new)
{
	static Datum empty = (Datum) 0;

	LOCAL_FCINFO(fcinfo, 4);
	Datum		root;
	Datum		result;

	if (p->path == (Datum) 0)
		return true;
	if (empty == (Datum) 0)
	{
		MemoryContext save = MemoryContextSwitchTo(TopMemoryContext);

		empty = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		MemoryContextSwitchTo(save);
	}
	if (c != NULL && new == NULL && old == NULL)
	{
		if (c->root == (Datum) 0)
			c->root = oe_root(cy, rule, &c->old, &c->new, &rule->entity->words);
		root = c->root;
	}
	else
		root = oe_root(cy, rule, old, new, &p->words);
	InitFunctionCallInfoData(*fcinfo, NULL, 4, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = root;
	fcinfo->args[1].value = p->path;
	fcinfo->args[2].value = p->uses_tx ? oe_tx_vars(cy, tx) : empty;
	fcinfo->args[3].value = BoolGetDatum(true);
	for (int i = 0; i < 4; i++)
		fcinfo->args[i].isnull = false;
	result = jsonb_path_match(fcinfo);
	return !fcinfo->isnull && DatumGetBool(result);
}

/* ---- what has to be known before ---- */

/*
 * Asks for the references that predicates may look at.
 */
void
oe_refs_wanted(OeCycle *cy, OeRule *rule, const OeRow *row)
{
	for (int i = 0; i < rule->nlinks; i++)
	{
		int64		id;

		if (oe_ref_word(&cy->cat->words, rule->links[i].column) &&
			oe_text_int(oe_row_find(row, rule->links[i].column), &id))
			(void) oe_ref(cy, rule->links[i].reference, id);
	}
}

void
oe_match_prepare(OeCycle *cy, OeTx *tx, OeChange *c)
{
	if (c->rule == NULL || !oe_change_parse(c))
		return;
	if (c->rule->entity || c->rule->parts)
		oe_refs_wanted(cy, c->rule, c->new.n > 0 ? &c->new : &c->old);
	(void) oe_change_key(cy, tx, c, true);
}

/*
 * The key of the document that a row belongs to.  "refs" false: as far as the
 * row itself tells, for when references cannot be read.
 */
char *
oe_change_key(OeCycle *cy, OeTx *tx, OeChange *c, bool refs)
{
	OeRow	   *row;
	OeReference *ref;
	ListCell   *lc;
	int64		id;

	if (c->op == 'E')
		return oe_event_ready_made_key(c);
	if (c->rule == NULL || !oe_change_parse(c))
		return psprintf("%s:" INT64_FORMAT, c->rule_name, c->op == 'T' ? c->id : c->record_id);
	row = c->new.n > 0 ? &c->new : &c->old;
	if (c->rule->entity)
	{
		OeEntity   *e = c->rule->entity;

		for (int i = 0; i < e->nkeys; i++)
			if ((refs || e->keys[i].path.field == NULL) &&
				oe_text_int(oe_path(cy, c->rule, row, &e->keys[i].path, &ref), &id))
				return oe_key_text(e->keys[i].entity, id);
		return oe_key_text(e->name, c->record_id);
	}
	foreach(lc, c->rule->parts)
	{
		OePart	   *part = lfirst(lc);

		/* a part of an entity that has another document counts for that one */
		if (part->entity->nkeys == 0 && (refs || part->within == NULL) &&
			oe_part_document(cy, tx, part, row, &id))
			return oe_key_text(part->entity->name, id);
	}
	return oe_key_text(c->rule_name, c->record_id);
}

/* ---- matching ---- */

OeKind *
oe_kind_of(OeCycle *cy, OeTx *tx, OeEntity *e, OeRow *row)
{
	for (int i = 0; i < e->nkinds; i++)
		if (oe_holds(cy, &e->kinds[i].condition, tx, NULL, e->rule, NULL, row))
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
			return false;		/* decided per document */
	}
	return false;
}

/*
 * The events of one row's own net change.
 */
void
oe_match_change(OeCycle *cy, OeTx *tx, OeChange *c)
{
	OeEntity   *e = c->rule->entity;
	OeRow	   *row = c->new.n > 0 ? &c->new : &c->old;
	const char *taken = NULL;
	OeKind	   *kind = NULL;
	bool		kind_known = false;
	OeClimb		climb;

	oe_climb(e, c, &climb);
	for (int i = 0; i < e->ndefs; i++)
	{
		OeDef	   *d = &e->defs[i];
		OeEvent    *ev;

		if (d->choice && taken && strcmp(d->choice, taken) == 0)
			continue;
		if (!oe_occasion_fits(e, d, &climb))
			continue;
		if (d->kind && !kind_known)
		{
			kind = oe_kind_of(cy, tx, e, row);
			kind_known = true;
		}
		if (d->kind && (kind == NULL || strcmp(kind->kind, d->kind) != 0))
			continue;
		if (!oe_holds(cy, &d->condition, tx, c, c->rule, NULL, NULL))
			continue;
		taken = d->choice ? d->choice : taken;
		if (!d->emit)
			continue;
		ev = oe_event_new(tx, e, d, c, row, c->record_id, kind);
		if (climb.from)
			ev->from = *climb.from;
		if (climb.to)
			ev->to = *climb.to;
		ev->doc = oe_doc(tx, e, c->record_id, c);
		ev->doc->events = lappend(ev->doc->events, ev);
	}
}
