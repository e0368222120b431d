/*
 * cause.c
 *	  To which process an event belongs, and which event of its transaction
 *	  caused it.
 *
 * Foreign work, but nothing is read here: what is not known yet is asked for.
 */
#include "postgres.h"

#include "utils/hsearch.h"

#include "publish/internal.h"

/* Rows looked at per hop: an id that more than these lead to is not known. */
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

/*
 * The id that a key's path leads to from a row.
 */
bool
oe_key_path(OeCycle *cy, OeRule *rule, const OeRow *row, OeKeyPath *path, int64 *id)
{
	OeReference *ref;
	List	   *ids;
	ListCell   *lc;
	ListCell   *lc2;

	if (!oe_text_int(oe_path(cy, rule, row, &path->path, &ref), id))
		return false;
	if (path->nmany == 0)
		return true;
	ids = oe_append_unique(NIL, *id);
	for (int hop = 0; hop < path->nmany; hop++)
	{
		List	   *next = NIL;

		foreach(lc, ids)
		{
			foreach(lc2, oe_many_of(cy, &path->many[hop], *(int64 *) lfirst(lc)))
			{
				if (list_length(next) <= OE_MAX_HOP_ROWS)
					next = oe_append_unique(next, ((OeLine *) lfirst(lc2))->id);
			}
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
 * The order at the root of the chain that an event's row belongs to.  While
 * something is not known yet the paths behind it are walked all the same, so
 * that what they need is read together.
 */
char *
oe_correlation(OeCycle *cy, OeEvent *ev)
{
	bool		missing = cy->missing;
	char	   *found = NULL;
	int64		id;

	cy->missing = false;
	for (int i = 0; i < ev->e->ncorrelation && (found == NULL || cy->missing); i++)
	{
		OeKeyPath  *path = &ev->e->correlation[i];

		if (oe_key_path(cy, ev->e->rule, ev->row, path, &id) && found == NULL)
			found = oe_key_text(path->entity, id);
	}
	cy->missing |= missing;
	return found;
}

/* ---- causation ---- */

typedef struct OeLead
{
	char		key[NAMEDATALEN];	/* hash key: entity:id */
	OeEvent    *ev;				/* that of the document itself which says most */
} OeLead;

static void
oe_own_key(OeEvent *ev, char *key)
{
	memset(key, 0, NAMEDATALEN);
	snprintf(key, NAMEDATALEN, "%s:" INT64_FORMAT, ev->entity, ev->record_id);
}

static OeEvent *
oe_lead_of(HTAB *leads, const char *document, const char *own)
{
	char		key[NAMEDATALEN] = {0};
	OeLead	   *lead;

	if (document == NULL || strcmp(document, own) == 0)
		return NULL;
	strlcpy(key, document, NAMEDATALEN);
	lead = hash_search(leads, key, HASH_FIND, NULL);
	return lead ? lead->ev : NULL;
}

/*
 * Each event that is not the document's own is caused by the document's, and
 * each that is not the root's by the root's, if that has one in the same
 * transaction.
 */
void
oe_causes(OeTx *tx)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN,.entrysize = sizeof(OeLead),.hcxt = CurrentMemoryContext};
	char		own[NAMEDATALEN];
	HTAB	   *leads;
	ListCell   *lc;

	if (list_length(tx->events) < 2)
		return;
	leads = hash_create("odoo_events causes", list_length(tx->events), &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, tx->events)
	{
		OeEvent    *ev = lfirst(lc);
		OeLead	   *lead;
		bool		found;

		oe_own_key(ev, own);
		if (ev->e == NULL || (strcmp(ev->key, own) != 0 && ev->e->nkeys == 0))
			continue;
		lead = hash_search(leads, own, HASH_ENTER, &found);
		if (!found || lead->ev->rank < ev->rank)
			lead->ev = ev;
	}
	foreach(lc, tx->events)
	{
		OeEvent    *ev = lfirst(lc);

		if (ev->e == NULL)
			continue;
		oe_own_key(ev, own);
		ev->cause = oe_lead_of(leads, ev->key, own);
		if (ev->cause == NULL)
			ev->cause = oe_lead_of(leads, ev->correlation, own);
	}
	hash_destroy(leads);
}
