/*
 * attempt.c
 *	  Making the events of a cycle in turns; what cannot be made is narrowed
 *	  down.
 *
 * Foreign work, one bracket per turn, which ends after OE_TURN_MS: between two
 * turns there is no transaction and no lock, and whoever publishes may do other
 * things.  What a cycle has read and made lives in its memory.
 *
 * A cycle is tried as a whole; where that fails, each transaction; where that
 * fails, each half of its documents and so on, and only what fails by itself
 * goes into quarantine.  Errors that are not about the data (cancelled, shutting
 * down, no memory, a lock not to be had) are not narrowed: the whole cycle is
 * tried again later.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/watch.h"
#include "publish/internal.h"

/* How long others wait, about: for a cycle, and for each of the many turns that
 * a large one takes. */
#define OE_TURN_MS 20
#define OE_TURN_LARGE_MS 8
#define OE_MAX_RESTARTS 3

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
 * Adds an attempt; the one added last is made first.
 */
void
oe_attempt_add(OeCycle *cy, int first, int last, int low, int high)
{
	OeAttempt  *a = palloc0(sizeof(OeAttempt));

	a->first = first;
	a->last = last;
	a->low = low;
	a->high = high;
	cy->attempts = lappend(cy->attempts, a);
}

/* ---- narrowing down ---- */

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

static int
oe_change_key_cmp(const void *a, const void *b)
{
	const OeChange *x = *(OeChange *const *) a;
	const OeChange *y = *(OeChange *const *) b;
	int			c = strcmp(x->key, y->key);

	return c != 0 ? c : x < y ? -1 : x > y ? 1 : 0;
}

/*
 * Numbers the keys of a transaction, so that some of its documents can be tried
 * without the others.
 */
static void
oe_number_keys(OeTx *tx)
{
	OeChange  **sorted = palloc(sizeof(OeChange *) * Max(tx->n, 1));

	for (int i = 0; i < tx->n; i++)
		sorted[i] = &tx->changes[i];
	qsort(sorted, tx->n, sizeof(OeChange *), oe_change_key_cmp);
	tx->by_key = palloc(sizeof(int) * Max(tx->n, 1));
	tx->key_start = palloc(sizeof(int) * (tx->n + 1));
	for (int i = 0; i < tx->n; i++)
	{
		if (i == 0 || strcmp(sorted[i]->key, sorted[i - 1]->key) != 0)
			tx->key_start[tx->nkeys++] = i;
		tx->by_key[i] = sorted[i] - tx->changes;
		sorted[i]->key_number = tx->nkeys - 1;
	}
	tx->key_start[tx->nkeys] = tx->n;
	pfree(sorted);
}

/* A single document that cannot be published: its first change says why. */
static void
oe_give_up(OeCycle *cy, OeTx *tx, const char *failure)
{
	bool		first = true;

	for (int i = 0; i < oe_attempt_changes(cy, tx); i++)
	{
		OeChange   *c = oe_attempt_change(cy, tx, i);

		if (!oe_selected(cy, c))
			continue;
		if (first || !oe_blocked(cy, c))
			oe_quarantine(cy, c, failure);
		first = false;
	}
}

/*
 * What to try in place of an attempt that failed.
 */
static void
oe_narrow(OeCycle *cy, OeAttempt *a, const char *failure)
{
	OeTx	   *tx = &cy->tx[a->first];
	int			middle;

	if (a->first < a->last)
	{
		for (int i = a->last; i >= a->first; i--)
			oe_attempt_add(cy, i, i, 0, 0);
		return;
	}
	if (a->high == 0)
	{
		oe_safe_keys(cy, tx);
		oe_number_keys(tx);
		tx->narrowed = true;
		a->high = tx->nkeys;
	}
	if (a->high - a->low <= 1)
	{
		oe_give_up(cy, tx, failure);
		return;
	}
	middle = a->low + (a->high - a->low) / 2;
	oe_attempt_add(cy, a->first, a->last, middle, a->high);
	oe_attempt_add(cy, a->first, a->last, a->low, middle);
}

/* ---- turns ---- */

/*
 * Tables have changed between two turns: what was asked of them counts no
 * longer.  While they go on changing the attempt has one long turn instead.
 */
static void
oe_again(OeCycle *cy)
{
	if (cy->attempt->phase > 0 || cy->attempt->item > 0)
		cy->attempt->restarts++;
	oe_transform_begin(cy);
}

/* Slices until the attempt is done, or the turn is over. */
static bool
oe_slices(OeCycle *cy)
{
	TimestampTz start = GetCurrentTimestamp();
	int			most = OE_TUNED("turn-ms", cy->reading.rows > OE_LARGE_ROWS ? OE_TURN_LARGE_MS : OE_TURN_MS);
	bool		done;

	do
		done = oe_transform(cy);
	while (!done && (cy->attempt->restarts > OE_MAX_RESTARTS ||
					 !TimestampDifferenceExceeds(start, GetCurrentTimestamp(), most)));
	if (done)
		OE_FAULT("publish-foreign");
	return done;
}

/*
 * A turn of the attempt, in its bracket.  *failure: why it failed, if it did.
 */
static bool
oe_turn(OeCycle *cy, char **failure)
{
	OeSession	s;
	volatile bool inside = false;
	volatile bool done = false;
	volatile bool watched = false;

	*failure = NULL;
	PG_TRY();
	{
		oe_foreign_begin(&s);
		inside = true;
		watched = oe_watch_on();
		MemoryContextSwitchTo(cy->cxt);
		if (!oe_odoo_prepare(cy))
			oe_again(cy);
		done = oe_slices(cy);
		oe_watch_off(watched);
		inside = false;
		oe_foreign_end(&s);
	}
	PG_CATCH();
	{
		bool		slow = oe_watch_end();
		ErrorData  *e;

		oe_watch_off(watched);
		MemoryContextSwitchTo(cy->cxt);
		e = CopyErrorData();
		slow = slow && e->sqlerrcode == ERRCODE_QUERY_CANCELED;
		if (!inside || (!slow && !oe_about_data(e->sqlerrcode)))
			PG_RE_THROW();
		FlushErrorState();
		oe_foreign_failed(&s);
		oe_odoo_forget();
		if (cy->slice_cxt)
			MemoryContextReset(cy->slice_cxt);
		if (slow)
			*failure = psprintf("a condition took more than %d ms of processor time", oe_guc_filter_timeout);
		else
			*failure = psprintf("%s: %s", unpack_sql_state(e->sqlerrcode), e->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cy->cxt);
	return done;
}

/*
 * Goes on with the attempts of a cycle for a turn.  True: nothing is left to do,
 * but to put the events into order.  "failure" NULL: an attempt that fails is
 * narrowed down; else it ends there, and says so.
 */
bool
oe_make(OeCycle *cy, char **failure)
{
	OeAttempt  *a;
	char	   *why;
	bool		done;

	if (cy->attempts == NIL)
		return true;
	/* where a test wants it to stand while delivery goes on */
	if (OE_TUNED("make-stands", 0) > 0 && cy->attempt != NULL)
		return false;
	a = llast(cy->attempts);
	if (cy->attempt != a)
	{
		cy->attempt = a;
		oe_transform_begin(cy);
	}
	done = oe_turn(cy, &why);
	if (!done && why == NULL)
		return false;
	cy->attempts = list_delete_last(cy->attempts);
	if (why && failure)
	{
		*failure = why;
		return true;
	}
	if (why)
		oe_narrow(cy, a, why);
	else if (a->high > 0)
		cy->tx[a->first].good = list_concat(cy->tx[a->first].good, cy->tx[a->first].events);
	return cy->attempts == NIL;
}
