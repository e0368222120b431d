/*
 * transform.c
 *	  Transactions of the journal become events, phase by phase, slice by slice.
 *
 * Foreign work; the bracket is the caller's (attempt.c), and so is when to go
 * on: between two slices nothing but memory of the cycle is held.  A phase
 * looks at every change, document or event of an attempt before the next one
 * begins, because what one row means may depend on all of them.  A slice first
 * reads of Odoo's tables all that its phase will look at, in batch.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "publish/internal.h"

/* Changes, documents or events that are looked at, and read for, together: the
 * more the faster, the fewer the sooner others go on. */
#define OE_SLICE_ITEMS 128
#define OE_SLICE_ITEMS_LARGE 64
/* Sums of one statement: each reads more rows than it answers. */
#define OE_SLICE_SUMS 64

/* Readings that may become necessary one after another: far more than the
 * longest path through the catalog. */
#define OE_MAX_PASSES 8

typedef struct OeItem
{
	OeTx	   *tx;
	int			i;				/* of its changes, documents or events */
} OeItem;

/*
 * Is this change one of those that the attempt is about?
 */
bool
oe_selected(OeCycle *cy, OeChange *c)
{
	OeAttempt  *a = cy->attempt;

	return !c->quarantined && (a->high == 0 || (c->key_number >= a->low && c->key_number < a->high));
}

/*
 * How many changes of a transaction an attempt looks at, and the i-th of them;
 * they are all of it, or those of some of its keys.
 */
int
oe_attempt_changes(OeCycle *cy, OeTx *tx)
{
	OeAttempt  *a = cy->attempt;

	return a->high == 0 ? tx->n : tx->key_start[a->high] - tx->key_start[a->low];
}

OeChange *
oe_attempt_change(OeCycle *cy, OeTx *tx, int i)
{
	OeAttempt  *a = cy->attempt;

	return &tx->changes[a->high == 0 ? i : tx->by_key[tx->key_start[a->low] + i]];
}

/* Reads all that matching looks at, then gives each change its key. */
static void
oe_prepare_changes(OeCycle *cy, OeItem *items, int n)
{
	for (int pass = 0; pass < OE_MAX_PASSES; pass++)
	{
		for (int i = 0; i < n; i++)
		{
			OeChange   *c = oe_attempt_change(cy, items[i].tx, items[i].i);

			if (c->prepared || !oe_selected(cy, c))
				continue;
			cy->missing = false;
			oe_match_prepare(cy, items[i].tx, c);
			c->prepared = !cy->missing;
		}
		if (!oe_odoo_read(cy))
			break;
	}
	for (int i = 0; i < n; i++)
	{
		OeChange   *c = oe_attempt_change(cy, items[i].tx, items[i].i);

		if (c->key == NULL)
			c->key = oe_change_key(cy, items[i].tx, c, true);
		if (oe_selected(cy, c))
			(void) oe_blocked(cy, c);
	}
}

/* Is there something to match in this change? */
static bool
oe_matchable(OeCycle *cy, OeChange *c)
{
	if (!oe_selected(cy, c) || c->op == 'E' || c->op == 'S' || c->op == 'T')
		return false;
	if (c->rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no capture rule \"%s\"", c->rule_name)));
	return oe_change_parse(c) && !c->unseen;
}

static void
oe_gather_parts(OeCycle *cy, OeItem *items, int n)
{
	for (int i = 0; i < n; i++)
	{
		OeChange   *c = oe_attempt_change(cy, items[i].tx, items[i].i);

		/* every row is split by now; what is made here outlives predicates */
		if (i == 0 || items[i].tx != items[i - 1].tx)
			oe_tx_ready(items[i].tx);
		if (oe_matchable(cy, c))
			oe_doc_changes(cy, items[i].tx, c);
	}
}

static void
oe_match_changes(OeCycle *cy, OeItem *items, int n)
{
	for (int i = 0; i < n; i++)
	{
		OeTx	   *tx = items[i].tx;
		OeChange   *c = oe_attempt_change(cy, tx, items[i].i);
		ListCell   *lc;

		if (oe_selected(cy, c) && (c->op == 'E' || c->op == 'T'))
			oe_event_ready_made(cy, tx, c);
		if (oe_selected(cy, c) && c->op == 'S')
			oe_snapshot_event(cy, tx, c);
		if (!oe_matchable(cy, c))
			continue;
		foreach(lc, c->rule->entities)
		{
			if (oe_entity_active(lfirst(lc), tx))
				oe_match_change(cy, tx, lfirst(lc), c);
		}
	}
}

static void
oe_decide_documents(OeCycle *cy, OeItem *items, int n)
{
	for (int pass = 0; pass < OE_MAX_PASSES; pass++)
	{
		for (int i = 0; i < n; i++)
			oe_doc_prepare(cy, list_nth(items[i].tx->doc_list, items[i].i));
		if (!oe_odoo_read(cy))
			break;
	}
	for (int i = 0; i < n; i++)
		oe_doc_decide(cy, list_nth(items[i].tx->doc_list, items[i].i));
}

static OeEvent *
oe_item_event(OeItem *item)
{
	return list_nth(item->tx->events, item->i);
}

/* Rendering leaves much behind that only the slice needs. */
static void
oe_keep(OeCycle *cy, char **s)
{
	if (*s)
		*s = MemoryContextStrdup(cy->cxt, *s);
}

static void
oe_render_slice(OeCycle *cy, OeItem *items, int n)
{
	bool		again = true;

	for (int pass = 0; pass < OE_MAX_PASSES; pass++)
	{
		for (int i = 0; i < n; i++)
			if (oe_item_event(&items[i])->e)
				oe_render_prepare(cy, oe_item_event(&items[i]));
		if (!oe_odoo_read(cy))
			break;
	}
	for (int pass = 0; again && pass < OE_MAX_PASSES; pass++)
	{
		again = false;
		for (int i = 0; i < n; i++)
		{
			OeEvent    *ev = oe_item_event(&items[i]);

			if (ev->e && (pass == 0 || ev->incomplete))
			{
				oe_render(cy, ev);
				again |= ev->incomplete;
			}
		}
		if (again)
			(void) oe_odoo_read(cy);
	}
}

static void
oe_render_events(OeCycle *cy, OeItem *items, int n)
{
	MemoryContext save;

	if (cy->slice_cxt == NULL)
		cy->slice_cxt = AllocSetContextCreate(cy->cxt, "odoo_events slice", ALLOCSET_DEFAULT_SIZES);
	save = MemoryContextSwitchTo(cy->slice_cxt);
	oe_render_slice(cy, items, n);
	MemoryContextSwitchTo(save);
	for (int i = 0; i < n; i++)
	{
		OeEvent    *ev = oe_item_event(&items[i]);

		if (ev->e == NULL)
			continue;
		oe_keep(cy, &ev->dataschema);
		oe_keep(cy, &ev->subject);
		oe_keep(cy, &ev->key);
		oe_keep(cy, &ev->data);
		oe_keep(cy, &ev->correlation);
		oe_keep(cy, &ev->per_company);
		ev->lines = NIL;
	}
	MemoryContextReset(cy->slice_cxt);
}

static int
oe_count_changes(OeCycle *cy, OeTx *tx)
{
	return oe_attempt_changes(cy, tx);
}

static int
oe_count_documents(OeCycle *cy, OeTx *tx)
{
	return list_length(tx->doc_list);
}

static int
oe_count_events(OeCycle *cy, OeTx *tx)
{
	return list_length(tx->events);
}

/* The phases, in their order; that without items is the sums'. */
static const struct
{
	int			(*count) (OeCycle *cy, OeTx *tx);
	void		(*slice) (OeCycle *cy, OeItem *items, int n);
}			oe_phases[] = {
	{oe_count_changes, oe_prepare_changes},
	{oe_count_changes, oe_gather_parts},	/* the parts first: what a
											 * document's own row means may
											 * depend on them */
	{oe_count_changes, oe_match_changes},
	{oe_count_documents, oe_decide_documents},
	{NULL, NULL},
	{oe_count_events, oe_render_events},
};

static bool
oe_sum_slice(OeCycle *cy)
{
	OeAttempt  *a = cy->attempt;

	if (!a->summed)
		oe_sums_list(cy);
	if (a->sums == NIL)
		return false;
	oe_sums_read(cy, OE_SLICE_SUMS);
	return true;
}

/* The next slice of a phase; false at its end. */
static bool
oe_phase_slice(OeCycle *cy)
{
	OeAttempt  *a = cy->attempt;
	OeItem		items[OE_SLICE_ITEMS];
	int			room = oe_session_is_worker && cy->reading.rows > OE_LARGE_ROWS ? OE_SLICE_ITEMS_LARGE : OE_SLICE_ITEMS;
	int			n = 0;

	if (oe_phases[a->phase].slice == NULL)
		return oe_sum_slice(cy);
	room = Min(OE_TUNED("slice-items", room), OE_SLICE_ITEMS);
	while (n < room && a->tx <= a->last)
	{
		OeTx	   *tx = &cy->tx[a->tx];

		if (a->item < oe_phases[a->phase].count(cy, tx))
		{
			items[n].tx = tx;
			items[n++].i = a->item++;
		}
		else
		{
			a->tx++;
			a->item = 0;
		}
	}
	if (n > 0)
		oe_phases[a->phase].slice(cy, items, n);
	return n > 0;
}

/*
 * Begins an attempt, or begins it again.
 */
void
oe_transform_begin(OeCycle *cy)
{
	OeAttempt  *a = cy->attempt;

	cy->lines_read_at = GetCurrentTimestamp();
	a->phase = a->item = 0;
	a->tx = a->first;
	a->summed = false;
	a->sums = NIL;
	for (int i = a->first; i <= a->last; i++)
	{
		OeTx	   *tx = &cy->tx[i];

		tx->events = NIL;
		tx->doc_list = NIL;
		tx->docs = NULL;
		for (int j = 0; j < oe_attempt_changes(cy, tx); j++)
			oe_attempt_change(cy, tx, j)->prepared = false;
	}
}

/*
 * Does a slice of the attempt; true once its events are made.
 */
bool
oe_transform(OeCycle *cy)
{
	OeAttempt  *a = cy->attempt;

	while (a->phase < lengthof(oe_phases))
	{
		if (oe_phase_slice(cy))
			return false;
		a->phase++;
		a->tx = a->first;
		a->item = 0;
	}
	return true;
}

/* Where the number of a key, 'entity:id', stands, and what it is. */
static void
oe_key_split(OeEvent *ev)
{
	const char *colon = strrchr(ev->key, ':');

	ev->key_colon = colon ? colon - ev->key : -1;
	ev->key_id = colon ? strtoll(colon + 1, NULL, 10) : 0;
}

/* Keys by entity and number. */
static int
oe_key_cmp(const OeEvent *x, const OeEvent *y)
{
	if (x->key_colon >= 0 && x->key_colon == y->key_colon && x->key_id != y->key_id &&
		memcmp(x->key, y->key, x->key_colon) == 0)
		return x->key_id < y->key_id ? -1 : 1;
	return strcmp(x->key, y->key);
}

/*
 * The order of one transaction's events: by key; within a key by rank.  Ids
 * of the journal do not count: for rows of one statement they depend on the
 * plan it had.
 */
static int
oe_event_order(const OeEvent *x, const OeEvent *y)
{
	int			c = oe_key_cmp(x, y);

	if (c != 0)
		return c;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->record_id != y->record_id)
		return x->record_id < y->record_id ? -1 : 1;
	if (x->e == NULL && x->change->id != y->change->id)
		return x->change->id < y->change->id ? -1 : 1;
	if (x->sum_id != y->sum_id)
		return x->sum_id < y->sum_id ? -1 : 1;
	return strcmp(x->type, y->type);
}

static int
oe_event_cmp(const ListCell *a, const ListCell *b)
{
	return oe_event_order(lfirst(a), lfirst(b));
}

/*
 * Puts the events of a transaction into their order, with ids and causes.  Where
 * it was taken apart several of its parts may have told of the same sum.
 */
void
oe_order_events(OeTx *tx)
{
	OeEvent    *before = NULL;
	ListCell   *lc;

	foreach(lc, tx->events)
	{
		oe_key_split(lfirst(lc));
	}
	list_sort(tx->events, oe_event_cmp);
	foreach(lc, tx->events)
	{
		OeEvent    *ev = lfirst(lc);

		(void) oe_breathe();
		if (ev->dropped)
		{
			tx->events = foreach_delete_current(tx->events, lc);
			continue;
		}
		if (before && before->sums && ev->sums && oe_event_order(before, ev) == 0)
		{
			tx->events = foreach_delete_current(tx->events, lc);
			continue;
		}
		before = ev;
		oe_event_id(ev);
	}
	(void) oe_breathe();
	oe_causes(tx);
}
