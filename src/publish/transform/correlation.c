/*
 * correlation.c
 *	  To which process an event belongs, and which event of its transaction
 *	  caused it.
 *
 * As-owner transaction, but nothing is read here: rows that are not in memory
 * are asked for.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/lookahead.h"
#include "publish/odoo/rows.h"
#include "publish/transform/correlation.h"
#include "publish/transform/entity.h"

/* Rows that are followed per hop; beyond that the process is unknown. */
#define OE_MAX_HOP_ROWS 100

static List *
oe_append_unique(List *ids, int64 id)
{
	ListCell   *lc;
	int64	   *copy;

	foreach(lc, ids)
	{
		if (*(int64 *) lfirst(lc) == id)
			return ids;
	}
	copy = palloc(sizeof(int64));
	*copy = id;
	return lappend(ids, copy);
}

static List *
oe_append_value(List *ids, const OeJsonRow *row, const char *column)
{
	int64		id;

	if (row && list_length(ids) <= OE_MAX_HOP_ROWS && oe_text_int(oe_row_find(row, column), &id))
		return oe_append_unique(ids, id);
	return ids;
}

/*
 * Adds the ids that one step leads to.  Rows of the transaction are taken as it
 * left them, rows that were deleted later as they were before, others as they
 * are now.
 */
static List *
oe_hop(OeCycle *cy, OeTx *tx, OeMany *m, int64 id, List *next)
{
	bool		by_id = strcmp(m->key, "id") == 0;
	OeChange   *own = m->rule && by_id ? oe_tx_find(tx, m->rule, id) : NULL;
	List	   *lines;
	ListCell   *lc;

	if (own && oe_change_parse(own))
		return oe_append_value(next, own->new.n > 0 ? &own->new : &own->old, m->value);
	foreach(lc, m->part ? oe_tx_children(tx, m->part, id) : NIL)
	{
		OeChange   *c = lfirst(lc);

		next = strcmp(m->value, "id") == 0 ? oe_append_unique(next, c->record_id) : oe_append_value(next, &c->new, m->value);
	}
	lines = oe_many_of(cy, m, id);
	foreach(lc, lines)
	{
		if (list_length(next) <= OE_MAX_HOP_ROWS)
			next = oe_append_unique(next, ((OeLine *) lfirst(lc))->id);
	}
	if (lines == NIL && m->rule && by_id)
		next = oe_append_value(next, oe_lookahead_deleted_row(cy, NULL, m->rule, id), m->value);
	return next;
}

/*
 * The id that a key's path leads to from a row.
 */
static bool
oe_key_path(OeCycle *cy, OeTx *tx, OeCatalogRule *rule, const OeJsonRow *row, OeKeyPath *path, int64 *id)
{
	OeReference *ref;
	List	   *ids;
	ListCell   *lc;

	if (!oe_text_int(oe_path_follow(cy, rule, row, &path->path, &ref), id))
		return false;
	if (path->nmany == 0)
		return true;
	ids = oe_append_unique(NIL, *id);
	for (int hop = 0; hop < path->nmany; hop++)
	{
		List	   *next = NIL;

		foreach(lc, ids)
		{
			next = oe_hop(cy, tx, &path->many[hop], *(int64 *) lfirst(lc), next);
		}
		ids = next;
	}
	if (ids == NIL || (!path->lowest && list_length(ids) > 1))
		return false;
	*id = *(int64 *) linitial(ids);
	foreach(lc, ids)
	{
		*id = Min(*id, *(int64 *) lfirst(lc));
	}
	return true;
}

/*
 * The order at the root of the chain that an event's row belongs to.  Paths
 * behind an unknown row are followed nevertheless, so that what they need is
 * read together.
 */
char *
oe_correlation(OeCycle *cy, OeDraftEvent *ev)
{
	bool		missing = cy->missing;
	char	   *found = NULL;
	int64		id;

	cy->missing = false;
	for (int i = 0; i < ev->e->ncorrelation && (found == NULL || cy->missing); i++)
	{
		OeKeyPath  *path = &ev->e->correlation[i];

		if (oe_key_path(cy, ev->tx, ev->e->rule, ev->row, path, &id) && found == NULL)
			found = oe_key_text(path->entity, id);
	}
	cy->missing |= missing;
	return found;
}

/* ---- causation ---- */

typedef struct OeLead
{
	const char *key;			/* hash key: entity:id, however long */
	OeDraftEvent *ev;			/* that of the document itself which says most */
} OeLead;

static uint32
oe_lead_hash(const void *key, Size size)
{
	const char *s = *(const char *const *) key;

	return DatumGetUInt32(hash_any((const unsigned char *) s, strlen(s)));
}

static int
oe_lead_match(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static OeDraftEvent *
oe_lead_of(HTAB *leads, const char *document, const char *own)
{
	OeLead	   *lead;

	if (document == NULL || strcmp(document, own) == 0)
		return NULL;
	lead = hash_search(leads, &document, HASH_FIND, NULL);
	return lead ? lead->ev : NULL;
}

/*
 * Events that are not about the document are caused by the document's event;
 * events of other documents by the event of the root, if it has one in this
 * transaction.
 */
void
oe_causes(OeTx *tx)
{
	HASHCTL		ctl = {.keysize = sizeof(char *),.entrysize = sizeof(OeLead),.hash = oe_lead_hash,.match = oe_lead_match,.hcxt = CurrentMemoryContext};
	const char *own;
	HTAB	   *leads;
	ListCell   *lc;

	if (list_length(tx->events) < 2)
		return;
	leads = hash_create("odoo_events causes", list_length(tx->events), &ctl, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	foreach(lc, tx->events)
	{
		OeDraftEvent *ev = lfirst(lc);
		OeLead	   *lead;
		bool		found;

		own = oe_key_text(ev->entity, ev->record_id);
		if (ev->e == NULL || (strcmp(ev->key, own) != 0 && ev->e->nkeys == 0))
			continue;
		lead = hash_search(leads, &own, HASH_ENTER, &found);
		if (!found || lead->ev->rank < ev->rank)
			lead->ev = ev;
	}
	foreach(lc, tx->events)
	{
		OeDraftEvent *ev = lfirst(lc);

		if (ev->e == NULL)
			continue;
		own = oe_key_text(ev->entity, ev->record_id);
		ev->cause = oe_lead_of(leads, ev->key, own);
		if (ev->cause == NULL)
			ev->cause = oe_lead_of(leads, ev->correlation, own);
	}
	hash_destroy(leads);
}
