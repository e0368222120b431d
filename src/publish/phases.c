/*
 * phases.c
 *	  Makes draft events of transactions, phase by phase, quantum by
 *	  quantum.
 *
 * As-owner transaction; retry_unit.c opens it and decides when to pause.
 * Between two quanta only memory of the cycle is held.  A phase handles every
 * change, document or event of a retry unit before the next phase begins,
 * because the meaning of one row may depend on all of them.  A quantum first
 * reads from Odoo's tables everything that its phase needs, in batch.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/session.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/limits.h"
#include "publish/model/transaction.h"
#include "publish/model/yield.h"
#include "publish/odoo/rows.h"
#include "publish/phases.h"
#include "publish/render/envelope.h"
#include "publish/render/render.h"
#include "publish/source/quarantine.h"
#include "publish/transform/aggregate.h"
#include "publish/transform/correlation.h"
#include "publish/transform/document.h"
#include "publish/transform/entity.h"
#include "publish/transform/match.h"
#include "publish/transform/ready_made.h"
#include "publish/transform/selection.h"
#include "publish/transform/snapshot_event.h"

/*
 * Changes, documents or events of one quantum: more are faster, fewer let
 * others run sooner.
 */
#define OE_QUANTUM_ITEMS 128
#define OE_QUANTUM_ITEMS_LARGE 64

/* Aggregates of one statement: each of them reads many rows. */
#define OE_QUANTUM_AGGREGATES 64

/*
 * How often reading may lead to more reading: far more than the longest path.
 */
#define OE_MAX_PASSES 8

typedef struct OeWorkItem
{
	OeTx	   *tx;
	int			i;				/* of its changes, documents or events */
} OeWorkItem;

/*
 * Reads everything that matching needs, then determines the key of each change.
 */
static void
oe_prepare_changes(OeCycle *cy, OeWorkItem *items, int n)
{
	for (int pass = 0; pass < OE_MAX_PASSES; pass++)
	{
		for (int i = 0; i < n; i++)
		{
			OeChange   *c = oe_selection_change(cy, items[i].tx, items[i].i);

			if (c->prepared || !oe_selection_has(cy, c))
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
		OeChange   *c = oe_selection_change(cy, items[i].tx, items[i].i);

		if (c->key == NULL)
			c->key = oe_change_key(cy, items[i].tx, c, true);
		if (oe_selection_has(cy, c))
			(void) oe_blocked(cy, c);
	}
}

/* Is there something to match in this change? */
static bool
oe_matchable(OeCycle *cy, OeChange *c)
{
	if (!oe_selection_has(cy, c) || c->op == 'E' || c->op == 'S' || c->op == 'T')
		return false;
	if (c->rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no capture rule \"%s\"", c->rule_name)));
	return oe_change_parse(c) && !c->unseen;
}

static void
oe_gather_parts(OeCycle *cy, OeWorkItem *items, int n)
{
	for (int i = 0; i < n; i++)
	{
		OeChange   *c = oe_selection_change(cy, items[i].tx, items[i].i);

		/* every row is split by now; what is made here outlives predicates */
		if (i == 0 || items[i].tx != items[i - 1].tx)
			oe_tx_ready(items[i].tx);
		if (oe_matchable(cy, c))
			oe_doc_changes(cy, items[i].tx, c);
	}
}

static void
oe_match_changes(OeCycle *cy, OeWorkItem *items, int n)
{
	for (int i = 0; i < n; i++)
	{
		OeTx	   *tx = items[i].tx;
		OeChange   *c = oe_selection_change(cy, tx, items[i].i);
		ListCell   *lc;

		if (oe_selection_has(cy, c) && (c->op == 'E' || c->op == 'T'))
			oe_event_ready_made(cy, tx, c);
		if (oe_selection_has(cy, c) && c->op == 'S')
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
oe_decide_documents(OeCycle *cy, OeWorkItem *items, int n)
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

static OeDraftEvent *
oe_item_event(OeWorkItem *item)
{
	return list_nth(item->tx->events, item->i);
}

/*
 * Copies what rendering made and the event keeps; the rest is freed with the
 * quantum.
 */
static void
oe_keep(OeCycle *cy, char **s)
{
	if (*s)
		*s = MemoryContextStrdup(cy->cxt, *s);
}

static void
oe_render_quantum(OeCycle *cy, OeWorkItem *items, int n)
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
			OeDraftEvent *ev = oe_item_event(&items[i]);

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
oe_render_events(OeCycle *cy, OeWorkItem *items, int n)
{
	MemoryContext save;

	if (cy->quantum_cxt == NULL)
		cy->quantum_cxt = AllocSetContextCreate(cy->cxt, "odoo_events slice", ALLOCSET_DEFAULT_SIZES);
	save = MemoryContextSwitchTo(cy->quantum_cxt);
	oe_render_quantum(cy, items, n);
	MemoryContextSwitchTo(save);
	for (int i = 0; i < n; i++)
	{
		OeDraftEvent *ev = oe_item_event(&items[i]);

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
	MemoryContextReset(cy->quantum_cxt);
}

static int
oe_count_changes(OeCycle *cy, OeTx *tx)
{
	return oe_selection_size(cy, tx);
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

/* The phases in their order.  The one without items makes aggregates. */
static const struct
{
	int			(*count) (OeCycle *cy, OeTx *tx);
	void		(*slice) (OeCycle *cy, OeWorkItem *items, int n);
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
	OeRetryUnit *a = cy->attempt;

	if (!a->summed)
		oe_aggregates_list(cy);
	if (a->sums == NIL)
		return false;
	oe_aggregates_read(cy, OE_QUANTUM_AGGREGATES);
	return true;
}

/* The next quantum of a phase; false at its end. */
static bool
oe_phase_quantum(OeCycle *cy)
{
	OeRetryUnit *a = cy->attempt;
	OeWorkItem	items[OE_QUANTUM_ITEMS];
	int			room = oe_session_is_worker && cy->reading.rows > OE_LARGE_ROWS ? OE_QUANTUM_ITEMS_LARGE : OE_QUANTUM_ITEMS;
	int			n = 0;

	if (oe_phases[a->phase].slice == NULL)
		return oe_sum_slice(cy);
	room = Min(OE_TUNED("slice-items", room), OE_QUANTUM_ITEMS);
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
 * Begins a retry unit, or begins it again.
 */
void
oe_transform_begin(OeCycle *cy)
{
	OeRetryUnit *a = cy->attempt;

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
		for (int j = 0; j < oe_selection_size(cy, tx); j++)
			oe_selection_change(cy, tx, j)->prepared = false;
	}
}

/*
 * Runs one quantum; true when the unit's events are made.
 */
bool
oe_transform(OeCycle *cy)
{
	OeRetryUnit *a = cy->attempt;

	while (a->phase < lengthof(oe_phases))
	{
		if (oe_phase_quantum(cy))
			return false;
		a->phase++;
		a->tx = a->first;
		a->item = 0;
	}
	return true;
}

/* Where the number of a key, 'entity:id', stands, and what it is. */
static void
oe_key_split(OeDraftEvent *ev)
{
	const char *colon = strrchr(ev->key, ':');

	ev->key_colon = colon ? colon - ev->key : -1;
	ev->key_id = colon ? strtoll(colon + 1, NULL, 10) : 0;
}

/* Keys by entity and number. */
static int
oe_key_cmp(const OeDraftEvent *x, const OeDraftEvent *y)
{
	if (x->key_colon >= 0 && x->key_colon == y->key_colon && x->key_id != y->key_id &&
		memcmp(x->key, y->key, x->key_colon) == 0)
		return x->key_id < y->key_id ? -1 : 1;
	return strcmp(x->key, y->key);
}

/*
 * Orders the events of one transaction by key, and within a key by rank.
 * Journal ids are not used: for rows of one statement they depend on its plan.
 */
static int
oe_event_order(const OeDraftEvent *x, const OeDraftEvent *y)
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
 * Puts the events of a transaction into order and gives them ids and causes.  If
 * it was made in parts, several of them may have made the same aggregate.
 */
void
oe_order_events(OeTx *tx)
{
	OeDraftEvent *before = NULL;
	ListCell   *lc;

	foreach(lc, tx->events)
	{
		oe_key_split(lfirst(lc));
	}
	list_sort(tx->events, oe_event_cmp);
	foreach(lc, tx->events)
	{
		OeDraftEvent *ev = lfirst(lc);

		(void) oe_publish_yield();
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
	(void) oe_publish_yield();
	oe_causes(tx);
}
