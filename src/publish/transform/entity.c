/*
 * entity.c
 *	  What a row is as an entity of the catalog: key, kind, paths to other
 *	  rows.
 *
 * As-owner transaction.  Rows of other tables that are not in memory yet are
 * asked for and answer NULL; oe_odoo_read() reads all of them in batch, and
 * the caller tries again.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"

#include "base/json_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/rows.h"
#include "publish/transform/entity.h"
#include "publish/transform/predicate.h"

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
 * Follows a path from a row.  NULL where there is no value, or none known
 * yet.  *ref: of which reference the value is an id; may be NULL.
 */
const OeText *
oe_path_follow(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *row, const OePath *path, OeReference **ref)
{
	const OeText *t = oe_row_find_near(row, path->column, path->len, path->tag, &path->seen->at);
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
		OeJsonRow  *other;
		int64		id;

		if (link == NULL || !oe_text_int(t, &id) || (other = oe_reference_row(cy, link, id)) == NULL)
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

/*
 * Does the entity apply to this transaction? Changes that were captured before
 * detach() are still published.
 */
bool
oe_entity_active(OeEntity *e, OeTx *tx)
{
	return e->attached || tx->xid < e->detached_at;
}

/*
 * The ordering key of an entity's row.  "refs" false: from the row alone, if
 * other rows cannot be read.
 */
char *
oe_entity_key(OeCycle *cy, OeEntity *e, const OeJsonRow *row, int64 id, bool refs)
{
	OeReference *ref;
	int64		other;

	for (int i = 0; i < e->nkeys; i++)
		if ((refs || e->keys[i].path.nhops == 0) &&
			oe_text_int(oe_path_follow(cy, e->rule, row, &e->keys[i].path, &ref), &other))
			return oe_key_text(e->keys[i].entity, other);
	return oe_key_text(e->label, id);
}

OeKind *
oe_kind_of(OeCycle *cy, OeTx *tx, OeEntity *e, OeJsonRow *row)
{
	OePredicateInput s = {.tx = tx,.rule = e->rule,.new = row,.words = &e->kind_words};

	for (int i = 0; i < e->nkinds; i++)
		if (oe_predicate_holds(cy, &e->kinds[i].condition, &s))
			return &e->kinds[i];
	return NULL;
}

OeDraftEvent *
oe_event_new(OeTx *tx, OeEntity *e, OeDefinition *def, OeChange *c, OeJsonRow *row, int64 id, OeKind *kind)
{
	OeDraftEvent *ev = palloc0(sizeof(OeDraftEvent));

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

/* Is the definition one of this kind, or of any? */
bool
oe_def_is_kind(OeDefinition *d, OeKind *kind)
{
	return d->kind == NULL || (kind != NULL && strcmp(kind->kind, d->kind) == 0);
}
