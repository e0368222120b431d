/*
 * promise.c
 *	  Opens, moves and closes promises, and tells of those that are broken.
 *
 * A consumer of the reader behind the publisher (consumer.h).  The open promises
 * are in memory (promise_store.c), so that an event that concerns none costs a
 * look-up.  What SLAs say of an event, and how open hours are counted, is asked
 * of functions in SQL (src/schema/sla.sql).
 *
 *	from			  to		  when
 *	open, at_risk	  paused	  an event of "pauses", pause_promise()
 *	paused			  open		  an event of "resumes", the time of pause_promise()
 *	open			  at_risk	  the reader is at the end, and "warn" has passed
 *	open, at_risk	  breached	  the same of "due"; an event that is later than "due"
 *	breached		  open		  an event of "moves" sets a later "due"
 *	open, at_risk	  met		  an event of "ends" that is not later than "due"
 *	breached		  met_late	  an event of "ends"
 *	any of these	  cancelled	  an event of "stops", drop_sla()
 *
 * Times are those of events.  The clock says only that a promise is overdue
 * though nothing happens, and it is asked only when all events up to now have
 * been read.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/spi_row.h"
#include "process/promise.h"
#include "process/promise_store.h"

#define OE_ESCALATE_MS OE_TUNED("escalate-ms", 60000)
/* Events that one slice tells because of the clock: many promises may be due at
 * the hour at which a warehouse closes. */
#define OE_PROMISE_TELLS 200

/* An event of the current slice that has a role in an SLA. */
typedef struct OePromiseEvent
{
	OeReadEvent ev;
	OeSlaRoles *roles;
} OePromiseEvent;

static List *oe_promise_events = NIL;	/* slice's memory */
static TimestampTz oe_promise_next = DT_NOEND;
static int	oe_ntold = 0;		/* by the clock, in this slice */
static TimestampTz oe_escalated = 0;	/* when that was looked for last */
static bool oe_requests = false;	/* somebody may have asked for a pause */
static bool oe_escalates = false;	/* somebody's care has an escalation */
static TimestampTz oe_week_ends = DT_NOEND; /* when _cycle_weeks() is due */

/* ---- telling ---- */

static void
oe_promise_tell(OePromise *p, const char *kind, TimestampTz at)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[10] = {TEXTOID, INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[10] = {CStringGetTextDatum(kind), Int64GetDatum(p->id), Int32GetDatum(p->sla->id), CStringGetTextDatum(p->document),
		CStringGetTextDatum(p->key), CStringGetTextDatum(p->subject), p->correlation ? CStringGetTextDatum(p->correlation) : (Datum) 0,
	TimestampTzGetDatum(p->started), TimestampTzGetDatum(p->due), TimestampTzGetDatum(at)};
	char		nulls[11] = "          ";

	if (p->correlation == NULL)
		nulls[6] = 'n';
	(void) oe_spi_keep_context(&plan, "SELECT odoo_events._promise_tell($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", 10, types, values, nulls, false, 0);
	oe_ntold++;
	OE_FAULT("promise-told");
}

/*
 * The due time has passed.  What was due before the SLA was defined is counted
 * and not told.
 */
static void
oe_promise_breach(OePromise *p, TimestampTz at)
{
	p->state = OE_PROMISE_BREACHED;
	if (p->due >= p->sla->since)
	{
		p->told = GetCurrentTimestamp();
		oe_promise_tell(p, "breached", at);
	}
	oe_promise_changed(p);
}

/* ---- time ---- */

static void
oe_promise_resumes(OePromise *p, TimestampTz at)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[5] = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[5] = {p->calendar ? CStringGetTextDatum(p->calendar) : (Datum) 0, TimestampTzGetDatum(p->paused), TimestampTzGetDatum(at),
	TimestampTzGetDatum(p->due), TimestampTzGetDatum(p->warn)};
	char		nulls[6] = "     ";

	if (p->calendar == NULL)
		nulls[0] = 'n';
	if (p->warn == OE_NEVER)
		nulls[4] = 'n';
	if (p->due != OE_NEVER)
	{
		bool		isnull;
		Datum		d;

		(void) oe_spi_keep_context(&plan, "SELECT r.due_at, r.warn_at FROM odoo_events._promise_resume($1, $2, $3, $4, $5) r", 5, types, values, nulls, true, 1);
		d = oe_cell(SPI_tuptable, 0, 1, &isnull);
		p->due = isnull ? OE_NEVER : DatumGetTimestampTz(d);
		d = oe_cell(SPI_tuptable, 0, 2, &isnull);
		p->warn = isnull ? OE_NEVER : DatumGetTimestampTz(d);
	}
	p->state = p->warned == OE_NEVER ? OE_PROMISE_OPEN : OE_PROMISE_AT_RISK;
	p->paused = p->resume = OE_NEVER;
	oe_promise_changed(p);
}

/*
 * When the clock has something to say of a promise.
 */
static TimestampTz
oe_promise_time(const OePromise *p)
{
	switch (p->state)
	{
		case OE_PROMISE_OPEN:
			return Min(p->warned == OE_NEVER ? p->warn : OE_NEVER, p->due);
		case OE_PROMISE_AT_RISK:
			return p->due;
		case OE_PROMISE_PAUSED:
			return p->resume;
		default:
			return OE_NEVER;
	}
}

/*
 * What has happened to the promise by a moment because nothing else did: an
 * event of that moment finds it so.
 */
static void
oe_promise_until(OePromise *p, TimestampTz at)
{
	if (p->state == OE_PROMISE_PAUSED && p->resume < at)
		oe_promise_resumes(p, p->resume);
	if ((p->state == OE_PROMISE_OPEN || p->state == OE_PROMISE_AT_RISK) && p->due < at)
		oe_promise_breach(p, at);
}

/*
 * The clock has reached "now", and all events until then are known.
 */
static void
oe_promise_clock(OePromise *p, TimestampTz now)
{
	if (p->state < OE_PROMISE_MET && p->sla->dropped)
	{
		p->state = OE_PROMISE_CANCELLED;
		p->ended = now;
		oe_promise_changed(p);
		return;
	}
	if (oe_promise_time(p) <= now)
	{
		if (oe_ntold >= OE_PROMISE_TELLS)
		{
			oe_promise_next = 0;	/* the next slice goes on */
			return;
		}
		oe_promise_until(p, now);
		if (p->state == OE_PROMISE_OPEN && p->warned == OE_NEVER && p->warn <= now && p->due > now)
		{
			p->state = OE_PROMISE_AT_RISK;
			p->warned = now;
			if (p->due >= p->sla->since)
				oe_promise_tell(p, "at_risk", now);
			oe_promise_changed(p);
		}
	}
	oe_promise_next = Min(oe_promise_next, oe_promise_time(p) == OE_NEVER ? OE_NEVER : oe_promise_time(p) + 1);
}

/* ---- events ---- */

/*
 * Asks what the terms make of an event.  False: it starts nothing.
 */
static bool
oe_promise_ask(OeSla *sla, OeReadEvent *ev, bool moving, OePromise *p)
{
	static SPIPlanPtr plan = NULL;
	static const Oid types[6] = {INT4OID, TEXTOID, TIMESTAMPTZOID, INT4OID, INT4OID, BOOLOID};
	Datum		values[6] = {Int32GetDatum(sla->id), ev->text, TimestampTzGetDatum(moving ? p->started : ev->time), Int32GetDatum(ev->company),
	Int32GetDatum(moving ? p->warehouse : ev->warehouse), BoolGetDatum(moving)};
	char		nulls[7] = "      ";
	bool		isnull;
	Datum		d;

	if (sla->plain && !moving)
	{
		p->due = sla->within ? ev->time + sla->within : OE_NEVER;
		p->warn = sla->warn_after ? ev->time + sla->warn_after : OE_NEVER;
		return true;
	}
	nulls[3] = ev->company ? ' ' : 'n';
	nulls[4] = (moving ? p->warehouse : ev->warehouse) ? ' ' : 'n';
	(void) oe_spi_keep_context(&plan, "SELECT t.wanted, t.calendar, t.due_at, t.warn_at FROM odoo_events._promise_terms($1, $2, $3, $4, $5, $6) t", 6, types, values, nulls, true, 1);
	if (!oe_cell_bool(SPI_tuptable, 0, 1))
		return false;
	if (!moving)
		p->calendar = oe_spi_text(0, 2);
	d = oe_cell(SPI_tuptable, 0, 3, &isnull);
	if (isnull && moving)
		return false;
	p->due = isnull ? OE_NEVER : DatumGetTimestampTz(d);
	d = oe_cell(SPI_tuptable, 0, 4, &isnull);
	p->warn = isnull ? OE_NEVER : DatumGetTimestampTz(d);
	return true;
}

static void
oe_promise_start(OeSla *sla, OeReadEvent *ev, const char *document, int64 hash)
{
	OePromise	asked = {0};
	OePromise  *p;

	if (!sla->active || ev->position <= sla->from_position || ev->time < sla->from_time || !oe_promise_ask(sla, ev, false, &asked))
		return;
	p = oe_promise_add(hash, sla);
	p->document = oe_promise_string(document);
	p->key = oe_promise_string(ev->key);
	p->subject = oe_promise_string(ev->subject);
	p->correlation = oe_promise_string(ev->correlation);
	p->calendar = oe_promise_string(asked.calendar);
	p->company = ev->company;
	p->warehouse = ev->warehouse;
	p->position = ev->position;
	p->started = ev->time;
	p->first_due = p->due = asked.due;
	p->warn = asked.warn;
	oe_promise_next = Min(oe_promise_next, oe_promise_time(p) == OE_NEVER ? OE_NEVER : oe_promise_time(p) + 1);
	oe_promise_changed(p);
}

/*
 * Is this event the end, by ends_filter and by what "complete" asks for?
 */
static bool
oe_promise_is_end(OePromise *p, OeReadEvent *ev)
{
	static SPIPlanPtr filter_plan = NULL;
	static SPIPlanPtr all_plan = NULL;
	static const Oid filter_types[2] = {INT4OID, TEXTOID};
	static const Oid all_types[4] = {INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID};

	if (p->sla->ends_filter)
	{
		Datum		values[2] = {Int32GetDatum(p->sla->id), ev->text};

		(void) oe_spi_keep_context(&filter_plan, "SELECT odoo_events._promise_ends($1, $2)", 2, filter_types, values, NULL, true, 1);
		if (!oe_cell_bool(SPI_tuptable, 0, 1))
			return false;
	}
	if (p->sla->all && ev->correlation)
	{
		Datum		values[4] = {Int32GetDatum(p->sla->id), CStringGetTextDatum(ev->correlation), CStringGetTextDatum(ev->type->entity), TimestampTzGetDatum(ev->time)};

		/*
		 * The milestones of this slice have been written before.  A
		 * transaction of more events than a slice may be cut by its end.
		 */
		(void) oe_spi_keep_context(&all_plan, "SELECT odoo_events._promise_complete($1, $2, $3, $4)", 4, all_types, values, NULL, false, 1);
		return oe_cell_bool(SPI_tuptable, 0, 1);
	}
	return true;
}

static void
oe_promise_ends(OePromise *p, OeReadEvent *ev)
{
	/* an end that came while it was paused ends the pause first */
	if (p->state == OE_PROMISE_PAUSED)
		oe_promise_resumes(p, ev->time);
	p->ended = ev->time;
	p->state = p->state == OE_PROMISE_BREACHED && p->due < ev->time ? OE_PROMISE_MET_LATE : OE_PROMISE_MET;
	if (p->state == OE_PROMISE_MET_LATE && p->due >= p->sla->since)
		oe_promise_tell(p, "met_late", ev->time);
	oe_promise_changed(p);
}

static void
oe_promise_moves(OePromise *p, OeReadEvent *ev)
{
	TimestampTz was = p->due;

	if (!oe_promise_ask(p->sla, ev, true, p) || p->due == was)
		return;
	if (p->first_due == OE_NEVER)
		p->first_due = p->due;
	if (p->state == OE_PROMISE_AT_RISK || (p->state == OE_PROMISE_BREACHED && p->due > ev->time))
		p->state = OE_PROMISE_OPEN;
	p->warned = OE_NEVER;
	oe_promise_next = Min(oe_promise_next, oe_promise_time(p) == OE_NEVER ? OE_NEVER : oe_promise_time(p) + 1);
	oe_promise_changed(p);
}

/*
 * What an event does to the promise that is open.
 */
static void
oe_promise_affected(OePromise *p, OeReadEvent *ev, int roles)
{
	oe_promise_until(p, ev->time);
	if (roles & OE_ROLE_STOP)
	{
		p->state = OE_PROMISE_CANCELLED;
		p->ended = ev->time;
		oe_promise_changed(p);
	}
	else if ((roles & OE_ROLE_END) && oe_promise_is_end(p, ev))
		oe_promise_ends(p, ev);
	else if ((roles & OE_ROLE_PAUSE) && (p->state == OE_PROMISE_OPEN || p->state == OE_PROMISE_AT_RISK))
	{
		p->state = OE_PROMISE_PAUSED;
		p->paused = ev->time;
		oe_promise_changed(p);
	}
	else if ((roles & OE_ROLE_RESUME) && p->state == OE_PROMISE_PAUSED)
	{
		oe_promise_resumes(p, ev->time);
		oe_promise_next = Min(oe_promise_next, oe_promise_time(p) == OE_NEVER ? OE_NEVER : oe_promise_time(p) + 1);
	}
	else if (roles & OE_ROLE_MOVE)
		oe_promise_moves(p, ev);
}

static void
oe_promise_apply(OeSla *sla, OeReadEvent *ev)
{
	const char *document = sla->document == 's' ? ev->subject : sla->document == 'c' && ev->correlation ? ev->correlation : ev->key;
	int64		hash = oe_promise_hash(sla, document);
	int			roles = oe_sla_roles(sla, ev->type->type);
	OePromise  *p = oe_promise_find(hash);
	bool		open = p != NULL && p->state < OE_PROMISE_MET;

	/* an older version of the SLA has no promise that is not its own */
	if (open && p->sla == sla)
		oe_promise_affected(p, ev, roles);
	else if (!open && (roles & OE_ROLE_START))
	{
		/* one that was closed in this slice gets its row first */
		if (p != NULL)
			oe_promises_flush();
		oe_promise_start(sla, ev, document, hash);
	}
}

/* ---- the consumer ---- */

static void
oe_promise_load(void)
{
	oe_promise_events = NIL;
	oe_promises_load();
	oe_promise_next = 0;		/* the clock is looked at once */
	oe_requests = true;
	oe_week_ends = oe_slas_any() ? 0 : DT_NOEND;
	(void) oe_spi_keep_context(NULL, "SELECT EXISTS (SELECT FROM odoo_events.care_rule c WHERE c.escalation IS NOT NULL)", 0, NULL, NULL, NULL, true, 1);
	oe_escalates = oe_cell_bool(SPI_tuptable, 0, 1);
}

static bool
oe_promise_wants(OeReadType *type, int index)
{
	type->data[index] = oe_slas_of_type(type->type, oe_promises_memory());
	return type->data[index] != NULL;
}

/*
 * Promises are looked at when the milestones of the slice have been written.
 */
static void
oe_promise_event(OeReadEvent *ev, int index)
{
	OePromiseEvent *noted = palloc(sizeof(OePromiseEvent));

	noted->ev = *ev;
	noted->ev.text = datumCopy(ev->text, false, -1);
	noted->roles = ev->type->data[index];
	oe_promise_events = lappend(oe_promise_events, noted);
}

/*
 * Pauses that pause_promise() asked for.
 */
static void
oe_promise_pauses(OePromise *p, TimestampTz now)
{
	if (p->state != OE_PROMISE_OPEN && p->state != OE_PROMISE_AT_RISK)
		return;
	for (uint64 i = 0; i < SPI_processed; i++)
		if (oe_spi_int8(i, 1) == p->id)
		{
			p->state = OE_PROMISE_PAUSED;
			p->paused = (TimestampTz) oe_spi_int8(i, 2);
			p->resume = (TimestampTz) oe_spi_int8(i, 3);
			oe_promise_changed(p);
		}
}

static void
oe_promise_requests(TimestampTz now)
{
	/* in one statement: what comes meanwhile must not be deleted unread */
	(void) oe_spi_keep_context(NULL, "WITH asked AS (DELETE FROM odoo_events.promise_request r RETURNING r.promise_id, r.at, r.until, r.n)"
							   " SELECT a.promise_id, a.at, a.until FROM asked a ORDER BY a.n", 0, NULL, NULL, NULL, false, 0);
	if (SPI_processed > 0)
	{
		oe_promises_each(oe_promise_pauses, now);
		oe_promise_next = 0;
	}
	oe_requests = false;
}

static void
oe_promise_write(TimestampTz now, bool done)
{
	ListCell   *lc;

	foreach(lc, oe_promise_events)
	{
		OePromiseEvent *noted = lfirst(lc);

		for (int i = 0; i < noted->roles->n; i++)
			oe_promise_apply(noted->roles->sla[i], &noted->ev);
	}
	oe_promise_events = NIL;
	if (oe_requests)
		oe_promise_requests(now);
	if (done && oe_promise_next <= now)
	{
		oe_promise_next = DT_NOEND;
		oe_ntold = 0;
		oe_promises_each(oe_promise_clock, now);
	}
	oe_promises_flush();
	OE_FAULT("promise-written");
	if (done && oe_week_ends <= now)
	{
		(void) oe_spi_keep_context(NULL, "SELECT odoo_events._cycle_weeks()", 0, NULL, NULL, NULL, false, 1);
		oe_week_ends = (TimestampTz) oe_spi_int8(0, 1);
	}
	if (done && oe_escalates && now - oe_escalated > OE_ESCALATE_MS * INT64CONST(1000))
	{
		oe_escalated = now;
		(void) oe_spi_keep_context(NULL, "SELECT odoo_events._escalate()", 0, NULL, NULL, NULL, false, 0);
	}
}

static TimestampTz
oe_promise_next_time(void)
{
	/* where the clock was set back, nothing waits longer for that */
	oe_escalated = Min(oe_escalated, GetCurrentTimestamp());
	return Min(Min(oe_promise_next, oe_week_ends), oe_escalates ? oe_escalated + OE_ESCALATE_MS * INT64CONST(1000) + 1 : DT_NOEND);
}

const OeConsumer oe_promise_consumer = {
	.name = "promises",
	.load = oe_promise_load,
	.wants = oe_promise_wants,
	.event = oe_promise_event,
	.write = oe_promise_write,
	.next = oe_promise_next_time
};
