/*
 * transform.c
 *	  Transactions of the journal become events; what cannot is narrowed down.
 *
 * Foreign work, one bracket per attempt.  A batch is tried as a whole; where
 * that fails, each transaction; where that fails, each document of it, and
 * only what fails by itself goes into quarantine.  Errors that are not about
 * the data (cancelled, shutting down, no memory, a lock not to be had) are
 * not narrowed: the whole cycle is tried again later.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "publish/internal.h"

/* Readings that may become necessary one after another: far more than the
 * longest path through the catalog. */
#define OE_MAX_PASSES 8

static bool
oe_selected(OeChange *c, const char *only)
{
	return !c->quarantined && (only == NULL || strcmp(c->key, only) == 0);
}

/* Reads all that matching looks at, then gives each change its key. */
static void
oe_prepare_changes(OeCycle *cy, int first, int last)
{
	for (int pass = 0; pass < OE_MAX_PASSES; pass++)
	{
		for (int i = first; i <= last; i++)
			for (int j = 0; j < cy->tx[i].n; j++)
			{
				OeChange   *c = &cy->tx[i].changes[j];

				if (c->quarantined || c->prepared)
					continue;
				cy->missing = false;
				oe_match_prepare(cy, &cy->tx[i], c);
				c->prepared = !cy->missing;
			}
		if (!oe_odoo_read(cy))
			break;
	}
	for (int i = first; i <= last; i++)
		for (int j = 0; j < cy->tx[i].n; j++)
		{
			OeChange   *c = &cy->tx[i].changes[j];

			if (c->key == NULL)
				c->key = oe_change_key(cy, &cy->tx[i], c, true);
			if (!c->quarantined)
				(void) oe_blocked(cy, c);
		}
}

/* Is there something to match in this change? */
static bool
oe_matchable(OeChange *c, const char *only)
{
	if (!oe_selected(c, only) || c->op == 'E' || c->op == 'S' || c->op == 'T')
		return false;
	if (c->rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no capture rule \"%s\"", c->rule_name)));
	return oe_change_parse(c);
}

/*
 * The parts first: what a document's own row means may depend on them.
 */
static void
oe_match_changes(OeCycle *cy, OeTx *tx, const char *only)
{
	for (int j = 0; j < tx->n; j++)
		if (oe_matchable(&tx->changes[j], only))
			oe_doc_changes(cy, tx, &tx->changes[j]);
	for (int j = 0; j < tx->n; j++)
	{
		OeChange   *c = &tx->changes[j];
		ListCell   *lc;

		if (oe_selected(c, only) && (c->op == 'E' || c->op == 'T'))
			oe_event_ready_made(cy, tx, c);
		if (oe_selected(c, only) && c->op == 'S')
			oe_snapshot_event(cy, tx, c);
		if (!oe_matchable(c, only))
			continue;
		foreach(lc, c->rule->entities)
			if (oe_entity_active(lfirst(lc), tx))
			oe_match_change(cy, tx, lfirst(lc), c);
	}
}

static void
oe_decide_documents(OeCycle *cy, int first, int last)
{
	ListCell   *lc;

	for (int pass = 0; pass < OE_MAX_PASSES; pass++)
	{
		for (int i = first; i <= last; i++)
			foreach(lc, cy->tx[i].doc_list)
				oe_doc_prepare(cy, lfirst(lc));
		if (!oe_odoo_read(cy))
			break;
	}
	for (int i = first; i <= last; i++)
		foreach(lc, cy->tx[i].doc_list)
			oe_doc_decide(cy, lfirst(lc));
}

static void
oe_render_events(OeCycle *cy, int first, int last)
{
	ListCell   *lc;
	bool		again = true;

	for (int pass = 0; pass < OE_MAX_PASSES; pass++)
	{
		for (int i = first; i <= last; i++)
			foreach(lc, cy->tx[i].events)
				if (((OeEvent *) lfirst(lc))->e)
				oe_render_prepare(cy, lfirst(lc));
		if (!oe_odoo_read(cy))
			break;
	}
	for (int pass = 0; again && pass < OE_MAX_PASSES; pass++)
	{
		again = false;
		for (int i = first; i <= last; i++)
			foreach(lc, cy->tx[i].events)
		{
			OeEvent    *ev = lfirst(lc);

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

/* Keys, 'entity:id', by entity and number. */
static int
oe_key_cmp(const char *x, const char *y)
{
	const char *cx = strrchr(x, ':');
	const char *cy = strrchr(y, ':');
	int			c;

	if (cx && cy && cx - x == cy - y && memcmp(x, y, cx - x) == 0)
	{
		long long	nx = strtoll(cx + 1, NULL, 10);
		long long	ny = strtoll(cy + 1, NULL, 10);

		if (nx != ny)
			return nx < ny ? -1 : 1;
	}
	c = strcmp(x, y);
	return c;
}

/*
 * The order of one transaction's events: by key; within a key by rank.  Ids
 * of the journal do not count: for rows of one statement they depend on the
 * plan it had.
 */
static int
oe_event_cmp(const ListCell *a, const ListCell *b)
{
	OeEvent    *x = lfirst(a);
	OeEvent    *y = lfirst(b);
	int			c = oe_key_cmp(x->key, y->key);

	if (c != 0)
		return c;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->record_id != y->record_id)
		return x->record_id < y->record_id ? -1 : 1;
	if (x->e == NULL && x->change->id != y->change->id)
		return x->change->id < y->change->id ? -1 : 1;
	return strcmp(x->type, y->type);
}

static void
oe_order_events(OeTx *tx)
{
	ListCell   *lc;

	list_sort(tx->events, oe_event_cmp);
	foreach(lc, tx->events)
		oe_event_id(lfirst(lc));
	oe_causes(tx);
}

/*
 * The events of some transactions, or of one document ("only") of one.
 */
void
oe_transform(OeCycle *cy, int first, int last, const char *only)
{
	cy->lines_read_at = GetCurrentTimestamp();
	for (int i = first; i <= last; i++)
	{
		OeTx	   *tx = &cy->tx[i];

		tx->events = NIL;
		tx->doc_list = NIL;
		tx->docs = tx->rows = tx->children = NULL;
		tx->vars = (Datum) 0;
		for (int j = 0; j < tx->n; j++)
			tx->changes[j].prepared = false;
	}
	oe_prepare_changes(cy, first, last);
	for (int i = first; i <= last; i++)
		oe_match_changes(cy, &cy->tx[i], only);
	oe_decide_documents(cy, first, last);
	oe_sums(cy, first, last, only);
	oe_render_events(cy, first, last);
	for (int i = first; i <= last; i++)
		oe_order_events(&cy->tx[i]);
}

/* ---- errors ---- */

/* Is this about the data, so that trying less of it makes sense? */
bool
oe_about_data(int sqlerrcode)
{
	static const int others[] = {
		ERRCODE_OPERATOR_INTERVENTION, ERRCODE_INSUFFICIENT_RESOURCES, ERRCODE_TRANSACTION_ROLLBACK,
		ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, ERRCODE_SYSTEM_ERROR, ERRCODE_CONFIG_FILE_ERROR
	};

	for (int i = 0; i < lengthof(others); i++)
		if (ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TO_CATEGORY(others[i]))
			return false;
	return true;
}

/*
 * oe_transform() in its bracket.  NULL, or why it failed.
 */
char *
oe_attempt(OeCycle *cy, int first, int last, const char *only)
{
	OeSession	s;
	char	   *volatile failure = NULL;
	volatile bool inside = false;

	PG_TRY();
	{
		oe_foreign_begin(&s);
		inside = true;
		MemoryContextSwitchTo(cy->cxt);
		oe_odoo_prepare(cy);
		oe_transform(cy, first, last, only);
		OE_FAULT("publish-foreign");
		inside = false;
		oe_foreign_end(&s);
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(cy->cxt);
		e = CopyErrorData();
		if (!inside || !oe_about_data(e->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		oe_foreign_failed(&s);
		oe_odoo_forget();
		failure = psprintf("%s: %s", unpack_sql_state(e->sqlerrcode), e->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cy->cxt);
	return failure;
}

/* What is no row at all goes into quarantine here. */
static void
oe_safe_parse(OeCycle *cy, OeChange *c)
{
	PG_TRY();
	{
		(void) oe_change_parse(c);
		if (c->op == 'E')
			c->key = oe_event_ready_made_key(c);
	}
	PG_CATCH();
	{
		ErrorData  *e;

		MemoryContextSwitchTo(cy->cxt);
		e = CopyErrorData();
		FlushErrorState();
		c->key = psprintf("%s:" INT64_FORMAT, c->rule && c->rule->entity ? c->rule->entity->label : c->rule_name,
						  c->op == 'E' ? c->id : c->record_id);
		oe_quarantine(cy, c, psprintf("%s: %s", unpack_sql_state(e->sqlerrcode), e->message));
	}
	PG_END_TRY();
}

/*
 * A key for each change of a transaction that failed, from the rows alone.
 */
static void
oe_safe_keys(OeCycle *cy, OeTx *tx)
{
	for (int i = 0; i < tx->n; i++)
		if (!tx->changes[i].quarantined)
			oe_safe_parse(cy, &tx->changes[i]);
	for (int i = 0; i < tx->n; i++)
		if (tx->changes[i].key == NULL)
			tx->changes[i].key = oe_change_key(cy, tx, &tx->changes[i], false);
}

/* Each document of one transaction by itself. */
static void
oe_narrow_tx(OeCycle *cy, OeTx *tx)
{
	List	   *good = NIL;
	List	   *tried = NIL;
	ListCell   *lc;

	tx->rows = tx->children = NULL;
	oe_safe_keys(cy, tx);
	for (int i = 0; i < tx->n; i++)
	{
		OeChange   *c = &tx->changes[i];
		char	   *failure;
		bool		done = false;

		foreach(lc, tried)
			done = done || strcmp(lfirst(lc), c->key) == 0;
		if (done || c->quarantined || oe_blocked(cy, c))
			continue;
		tried = lappend(tried, c->key);
		failure = oe_attempt(cy, tx->index, tx->index, c->key);
		if (failure == NULL)
		{
			good = list_concat(good, tx->events);
			continue;
		}
		for (int j = i; j < tx->n; j++)
			if (oe_selected(&tx->changes[j], c->key))
			{
				bool		is_first = j == i;

				if (!is_first && oe_blocked(cy, &tx->changes[j]))
					continue;
				oe_quarantine(cy, &tx->changes[j], failure);
			}
	}
	tx->events = good;
	oe_order_events(tx);
}

/*
 * After the whole batch failed.
 */
void
oe_narrow(OeCycle *cy)
{
	for (int i = 0; i < cy->ntx; i++)
		for (int j = 0; j < cy->tx[i].n; j++)
			if (!cy->tx[i].changes[j].parsed)
				cy->tx[i].changes[j].key = NULL;
	for (int i = 0; i < cy->ntx; i++)
		if (oe_attempt(cy, i, i, NULL) != NULL)
			oe_narrow_tx(cy, &cy->tx[i]);
}
