/*
 * retry_unit.c
 *	  Makes the events of a cycle in time slices; narrows down what cannot
 *	  be made.
 *
 * As-owner transaction, one per time slice, which ends after OE_TIME_SLICE_MS.
 * Between two slices there is no transaction and no lock, and the worker does
 * other things.  What a cycle has read and made stays in its memory.
 *
 * A cycle is first made as a whole.  If that fails, each transaction is made by
 * itself; if that fails, each half of its documents, and so on.  Only a document
 * that fails by itself goes into quarantine.  Errors that are not about the data
 * (cancelled, shutting down, out of memory, a lock that is not available) are
 * not narrowed down: the whole cycle is repeated later.  So is one whose reading
 * took too long, but not for ever: what makes Odoo's tables slow may be the one
 * row that it reads.
 */
#include "postgres.h"

#include "access/xact.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/guc.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "base/watch.h"
#include "publish/model/cycle.h"
#include "publish/model/failure.h"
#include "publish/model/limits.h"
#include "publish/model/transaction.h"
#include "publish/odoo/shown_values.h"
#include "publish/odoo/tables.h"
#include "publish/phases.h"
#include "publish/retry_unit.h"
#include "publish/source/quarantine.h"
#include "publish/transform/match.h"
#include "publish/transform/predicate.h"
#include "publish/transform/ready_made.h"
#include "publish/transform/selection.h"

/*
 * Length of a time slice, in milliseconds: of a small cycle, and of a large
 * one.
 */
#define OE_TIME_SLICE_MS 20
#define OE_TIME_SLICE_LARGE_MS 8
#define OE_MAX_RESTARTS 3

/*
 * So often a cycle may exceed odoo_events.read_timeout before its documents are
 * tried one by one: about eight minutes, with the pauses between.
 */
#define OE_READ_TRIES OE_TUNED("read-tries", 10)

static int	oe_late = 0;		/* times that reading took too long, since a
								 * cycle was made */

static bool oe_slow_met = false;	/* a DBA's condition took too long */

/*
 * Disables the event types whose conditions take too long again and again.
 */
void
oe_slow_conditions_disable(void)
{
	OeSession	s;

	if (!oe_slow_met)
		return;
	oe_slow_met = false;
	oe_own_begin(&s);
	/* not in a database that has not been updated yet */
	(void) oe_spi(NULL, "SELECT pg_catalog.to_regprocedure('odoo_events._disable_slow_conditions()') IS NOT NULL",
				  0, NULL, NULL, NULL, true, 1);
	if (oe_cell_bool(SPI_tuptable, 0, 1))
		(void) oe_spi(NULL, "SELECT odoo_events._disable_slow_conditions()", 0, NULL, NULL, NULL, false, 0);
	oe_own_end(&s);
}

/*
 * Adds a unit; the one that was added last is made first.
 */
void
oe_retry_unit_add(OeCycle *cy, int first, int last, int low, int high)
{
	OeRetryUnit *a = palloc0(sizeof(OeRetryUnit));

	a->first = first;
	a->last = last;
	a->low = low;
	a->high = high;
	cy->attempts = lappend(cy->attempts, a);
}

/* ---- narrowing down ---- */

/*
 * Parses a change; one that cannot be parsed goes into quarantine.
 */
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
 * Determines a key for each change of a failed transaction, from the rows
 * alone.
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
 * Numbers the ordering keys of a transaction, so that some of its documents can
 * be made without the others.
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

/*
 * A single document cannot be published: its first change goes into quarantine
 * with the reason.
 */
static void
oe_give_up(OeCycle *cy, OeTx *tx, const char *failure)
{
	bool		first = true;

	for (int i = 0; i < oe_selection_size(cy, tx); i++)
	{
		OeChange   *c = oe_selection_change(cy, tx, i);

		if (!oe_selection_has(cy, c))
			continue;
		if (first || !oe_blocked(cy, c))
			oe_quarantine(cy, c, failure);
		first = false;
	}
}

/*
 * Replaces a failed unit by smaller ones.
 */
static void
oe_narrow(OeCycle *cy, OeRetryUnit *a, const char *failure)
{
	OeTx	   *tx = &cy->tx[a->first];
	int			middle;

	if (a->first < a->last)
	{
		for (int i = a->last; i >= a->first; i--)
			oe_retry_unit_add(cy, i, i, 0, 0);
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
	oe_retry_unit_add(cy, a->first, a->last, middle, a->high);
	oe_retry_unit_add(cy, a->first, a->last, a->low, middle);
}

/* ---- time slices ---- */

/*
 * Tables have changed between two time slices: rows that were read are
 * outdated.  If they keep changing the unit gets one long slice instead.
 */
static void
oe_again(OeCycle *cy)
{
	if (cy->attempt->phase > 0 || cy->attempt->item > 0)
		cy->attempt->restarts++;
	oe_transform_begin(cy);
}

/*
 * Runs quanta until the unit is done or the time slice is over.
 */
static bool
oe_run_quanta(OeCycle *cy)
{
	TimestampTz start = GetCurrentTimestamp();
	int			most = OE_TUNED("turn-ms", cy->reading.rows > OE_LARGE_ROWS ? OE_TIME_SLICE_LARGE_MS : OE_TIME_SLICE_MS);
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
 * One time slice, in its as-owner transaction.  *failure: why it failed; NULL:
 * it did not.
 */
static bool
oe_time_slice(OeCycle *cy, char **failure)
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
		done = oe_run_quanta(cy);
		oe_watch_off(watched);
		inside = false;
		oe_foreign_end(&s);
	}
	PG_CATCH();
	{
		bool		slow = oe_watch_end();
		bool		late;
		ErrorData  *e;

		oe_watch_off(watched);
		MemoryContextSwitchTo(cy->cxt);
		e = CopyErrorData();
		slow = slow && e->sqlerrcode == ERRCODE_QUERY_CANCELED;
		late = !slow && oe_foreign_time_is_up(e->sqlerrcode);
		oe_late += late;
		if (!inside || (!slow && !(late && oe_late > OE_READ_TRIES) && !oe_about_data(e->sqlerrcode)))
			PG_RE_THROW();
		FlushErrorState();
		oe_foreign_failed(&s);
		oe_odoo_forget();
		if (cy->quantum_cxt)
			MemoryContextReset(cy->quantum_cxt);
		if (slow && oe_predicate_type != NULL)
		{
			*failure = psprintf("the condition of %s took more than %d ms of processor time", oe_predicate_type, oe_guc_filter_timeout);
			oe_slow_met = true;
		}
		else if (slow)
			*failure = psprintf("a condition took more than %d ms of processor time", oe_guc_filter_timeout);
		else if (late)
			*failure = psprintf("reading Odoo's tables took longer than odoo_events.read_timeout (%d ms)", oe_guc_read_timeout);
		else
			*failure = psprintf("%s: %s", unpack_sql_state(e->sqlerrcode), e->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cy->cxt);
	return done;
}

/*
 * Works on the units of a cycle for one time slice.  True: all are made.
 * "failure" NULL: a unit that fails is narrowed down; else the error is
 * returned and nothing more is made.
 */
bool
oe_retry_units_make(OeCycle *cy, char **failure)
{
	OeRetryUnit *a;
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
	done = oe_time_slice(cy, &why);
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
	if (cy->attempts == NIL)
		oe_late = 0;
	return cy->attempts == NIL;
}
