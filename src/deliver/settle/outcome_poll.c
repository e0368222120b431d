/*
 * outcome_poll.c
 *	  Outcomes "poll": asks the Location that an endpoint answered, until it says
 *	  processed or failed.
 *
 * Worker only.  What is to be asked stands in table outcome_state, per event; a
 * Location that several events share is asked once for all of them.  A question
 * under way is in memory alone: after a crash it is asked again.  A step writes
 * the answers and reads what is due, in one trusted transaction, at most one a
 * second.  Polls hold up nothing: neither keys nor requests of deliveries.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/settle/answer.h"
#include "deliver/settle/columns.h"
#include "deliver/settle/outcome_poll.h"
#include "deliver/settle/redact.h"
#include "deliver/transport/http/poll.h"
#include "deliver/transport/request.h"

/* Between two steps, at least. */
#define OE_POLLS_US (INT64CONST(1000) * OE_TUNED("poll-ms", 1000))
#define OE_POLLS_OPEN 16		/* questions under way, over all subscriptions */
#define OE_NOTE_KEPT 200

static dlist_head oe_polls = DLIST_STATIC_INIT(oe_polls);	/* under way, or
															 * answered and not
															 * written */
static int	oe_npolls = 0;
static int	oe_nanswered = 0;
static TimestampTz oe_stepped_at = 0;
static TimestampTz oe_due = PG_INT64_MAX;	/* PG_INT64_MAX: nothing is */

/*
 * What an answer says; libcurl is not on the stack.
 */
static void
oe_poll_take(OeRequest *req, OePoll *poll)
{
	char	   *shown = NULL;
	const char *why = NULL;

	poll->outcome = 'w';
	poll->wait = req->retry_after;
	if (req->failed != NULL)
		shown = oe_shown_text(req, req->failed, strlen(req->failed), false, OE_NOTE_KEPT);
	else if (req->status < 200 || req->status > 299)
		why = psprintf("HTTP status %d", req->status);
	else if ((why = oe_answer_outcome(req, &poll->outcome)) == NULL && poll->outcome == 'f')
		shown = oe_shown_text(req, req->response, req->response_len, req->read > req->response_len, OE_NOTE_KEPT);
	if (shown != NULL || why != NULL)
		poll->note = MemoryContextStrdup(oe_delivery.cxt, shown != NULL ? shown : why);
	if (shown != NULL)
		pfree(shown);
	poll->answered = true;
	oe_nanswered++;
}

void
oe_polls_init(void)
{
	oe_poll_on_answer(oe_poll_take);
}

void
oe_polls_wake(void)
{
	oe_due = Min(oe_due, oe_delivery.now);
}

static bool
oe_polls_wanted(void)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (sub->conf != NULL && sub->conf->outcomes == 'p')
			return true;
	}
	return false;
}

TimestampTz
oe_polls_next(void)
{
	TimestampTz due = oe_nanswered > 0 ? 0 : oe_npolls < OE_POLLS_OPEN ? oe_due : PG_INT64_MAX;

	return due == PG_INT64_MAX ? due : Max(due, oe_stepped_at + OE_POLLS_US);
}

/*
 * Within the transaction: the answers.
 */
static void
oe_polls_write(void)
{
	static SPIPlanPtr plan;
	static const Oid types[] = {INT4OID, TEXTOID, TEXTOID, TEXTOID, INT4OID};
	OeArrayColumn *c;
	dlist_iter	it;
	int			n = 0;

	if (oe_nanswered == 0)
		return;
	c = oe_columns(types, lengthof(types), oe_nanswered);
	dlist_foreach(it, &oe_polls)
	{
		OePoll	   *p = dlist_container(OePoll, node, it.cur);

		if (!p->answered)
			continue;
		oe_columns_put(&c[0], n, Int32GetDatum(p->sub), false);
		oe_columns_put_text(&c[1], n, p->location);
		oe_columns_put_text(&c[2], n, p->outcome == 'p' ? "processed" : p->outcome == 'f' ? "failed" : "pending");
		oe_columns_put_text(&c[3], n, p->note);
		oe_columns_put(&c[4], n, Int32GetDatum(p->wait), p->wait < 0);
		n++;
	}
	oe_columns_run(&plan, "SELECT odoo_events._outcomes_polled($1, $2, $3, $4, $5)", c, lengthof(types), n);
}

/*
 * After the commit.
 */
static void
oe_polls_written(void)
{
	dlist_mutable_iter it;

	dlist_foreach_modify(it, &oe_polls)
	{
		OePoll	   *p = dlist_container(OePoll, node, it.cur);

		if (!p->answered)
			continue;
		dlist_delete(&p->node);
		oe_npolls--;
		pfree(p->location);
		if (p->url)
			pfree(p->url);
		if (p->note)
			pfree(p->note);
		pfree(p);
	}
	oe_nanswered = 0;
}

static bool
oe_poll_open(int sub, const char *location)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_polls)
	{
		OePoll	   *p = dlist_container(OePoll, node, it.cur);

		if (p->sub == sub && strcmp(p->location, location) == 0)
			return true;
	}
	return false;
}

/*
 * Within the transaction: what is due, palloc'd in "fresh"; those that cannot be
 * asked now are due again later, as the statement has it.
 */
static int
oe_polls_read(OePoll **fresh)
{
	static const Oid types[1] = {INT4OID};
	Datum		values[1] = {Int32GetDatum(2 * OE_POLLS_OPEN)};
	int			n = 0;
	bool		isnull;

	(void) oe_spi(NULL, "SELECT subscription_id, location FROM odoo_events._outcomes_to_poll($1)", 1, types, values, NULL, true, 0);
	for (int i = 0; i < (int) SPI_processed && oe_npolls + n < OE_POLLS_OPEN; i++)
	{
		int			sub = oe_cell_int4(SPI_tuptable, i, 1);
		char	   *location = TextDatumGetCString(oe_cell(SPI_tuptable, i, 2, &isnull));
		OePoll	   *p;

		if (oe_poll_open(sub, location))
			continue;
		p = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OePoll));
		p->sub = sub;
		p->location = MemoryContextStrdup(oe_delivery.cxt, location);
		fresh[n++] = p;
	}
	(void) oe_spi(NULL, "SELECT odoo_events._next_poll()", 0, NULL, NULL, NULL, true, 1);
	oe_due = DatumGetTimestampTz(oe_cell(SPI_tuptable, 0, 1, &isnull));
	if (isnull)
		oe_due = PG_INT64_MAX;
	return n;
}

/*
 * Asks.  A subscription that cannot send asks nothing either.
 */
static void
oe_poll_begin(OePoll *p)
{
	OeSub	   *sub = oe_sub_find(p->sub);

	p->wait = -1;
	if (sub != NULL && sub->conf != NULL && sub->active && sub->conf->nsigners > 0 && !sub->conf->dry_run)
		oe_poll_ask(sub->conf, p);
	else
	{
		p->outcome = 'w';
		p->note = MemoryContextStrdup(oe_delivery.cxt, "not asked: the subscription sends nothing");
		p->answered = true;
		oe_nanswered++;
	}
	dlist_push_tail(&oe_polls, &p->node);
	oe_npolls++;
}

void
oe_polls_step(bool reload)
{
	OeSession	session;
	OePoll	   *fresh[OE_POLLS_OPEN];
	int			n;

	if (reload)
		oe_due = oe_polls_wanted() ? 0 : PG_INT64_MAX;
	if (oe_polls_next() > oe_delivery.now)
		return;
	oe_stepped_at = oe_delivery.now;
	oe_own_begin(&session);
	oe_polls_write();
	OE_FAULT("polls-written");
	n = oe_polls_read(fresh);
	oe_own_end(&session);
	oe_polls_written();
	for (int i = 0; i < n; i++)
		oe_poll_begin(fresh[i]);
}
