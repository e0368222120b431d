/*
 * corrections.c
 *	  What definitions of the occasion "touched" watch, and what was
 *	  corrected in documents that are done.
 *
 * As-owner transaction; nothing is read here.
 */
#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/model/document.h"
#include "publish/model/transaction.h"
#include "publish/transform/corrections.h"

/* Is it in this state before the change and after it, as far as it is there? */
static bool
oe_stays(const char *state_column, OeChange *c, const char *state)
{
	return (c->old.n == 0 || oe_text_is(oe_row_find(&c->old, state_column), state)) &&
		(c->new.n == 0 || oe_text_is(oe_row_find(&c->new, state_column), state));
}

/* Did the column change, where the definition watches it? */
static bool
oe_watch_changed(const OeWatch *w, const char *state_column, OeChange *c)
{
	return !oe_text_equal(c->old.n ? oe_row_find(&c->old, w->column) : NULL,
						  c->new.n ? oe_row_find(&c->new, w->column) : NULL) &&
		(w->state == NULL || (state_column && oe_stays(state_column, c, w->state)));
}

/* Did a row go from one document to another? */
static bool
oe_changed_hands(const OePartNet *net)
{
	int64		before;
	int64		after;

	return net->part->within == NULL && net->change->op == 'U' && oe_direct_parent(net->part, &net->change->old, &before) &&
		oe_direct_parent(net->part, &net->change->new, &after) && before != after;
}

/*
 * Did one of the columns that the definition watches change in a part, or, of
 * what it watches in a state, in the document's own row?
 */
bool
oe_def_watched(OeDefinition *d, OeDoc *doc)
{
	ListCell   *lc;

	foreach(lc, doc->nets)
	{
		OePartNet  *net = lfirst(lc);

		if (d->corrects && oe_changed_hands(net) && oe_stays(net->part->state_column, net->change, d->watches[0].state))
			return true;
		for (int i = 0; i < d->nwatches; i++)
			if (oe_watch_changed(&d->watches[i], net->part->state_column, net->change))
				return true;
	}
	for (int i = 0; d->corrects && doc->own && i < d->nwatches; i++)
		if (oe_watch_changed(&d->watches[i], doc->e->state_column, doc->own))
			return true;
	return d->nwatches == 0;
}

/* The columns of a row that such a definition watches, and what they were. */
static List *
oe_correction(List *list, OeDefinition *d, OePart *part, const char *state_column, OeChange *c, bool was, bool is)
{
	OePartChange *pc = NULL;

	for (int i = 0; i < d->nwatches; i++)
	{
		const OeText *old = was ? oe_row_find(&c->old, d->watches[i].column) : NULL;
		const OeText *new = is ? oe_row_find(&c->new, d->watches[i].column) : NULL;

		if (oe_text_equal(old, new) || !oe_stays(state_column, c, d->watches[i].state))
			continue;
		if (pc == NULL)
		{
			pc = palloc0(sizeof(OePartChange));
			pc->part = part;
			pc->id = c->record_id;
			pc->op = was && is ? "changed" : is ? "added" : "removed";
			pc->change = c;
			list = lappend(list, pc);
		}
		oe_add_column(pc, d->watches[i].column, old, new);
	}
	return list;
}

/*
 * What was corrected in a document that is done: in its own row, and in its
 * parts.  A row that went from one document to another is removed there, and
 * added here.
 */
List *
oe_doc_corrections(OeDoc *doc, OeDefinition *d)
{
	List	   *list = NIL;
	ListCell   *lc;

	if (doc->own)
		list = oe_correction(list, d, NULL, doc->e->state_column, doc->own, true, true);
	foreach(lc, doc->nets)
	{
		OePartNet  *net = lfirst(lc);
		OeChange   *c = net->change;
		int64		parent;
		bool		was = c->old.n > 0 && (net->part->within || (oe_direct_parent(net->part, &c->old, &parent) && parent == doc->id));
		bool		is = c->new.n > 0 && (net->part->within || (oe_direct_parent(net->part, &c->new, &parent) && parent == doc->id));

		list = oe_correction(list, d, net->part, net->part->state_column, c, was, is);
	}
	return list;
}
