/*
 * settle.c
 *	  Commits the results of requests, all of them in one transaction.
 *
 * Worker only.  Every 100 ms (10 ms if keys wait for it), or after 500 results:
 * attempts, dead letters, blocked keys, progress, replays.  Marks are removed
 * only after the commit, so that a failed commit is simply repeated.  All rows
 * describe the same moment, which is why they belong into one transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/session.h"
#include "deliver/model/clock.h"
#include "deliver/model/command_list.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/replay.h"
#include "deliver/settle/outcome.h"
#include "deliver/settle/outcome_poll.h"
#include "deliver/settle/settle.h"
#include "deliver/settle/write.h"

#define OE_SETTLE_US (INT64CONST(1000) * OE_TUNED("settle-ms", 100))
#define OE_SETTLE_DYING_US 10000
#define OE_SETTLE_ANSWERS 500

/*
 * A cursor that only moved is written after this time; with many subscriptions
 * later.
 */
#define OE_MOVED_US (INT64CONST(1000) * OE_TUNED("moved-ms", 5000))
#define OE_MOVED_SUBS 200

static TimestampTz oe_settled_at = 0;
static bool oe_worked = false;

/*
 * Is the progress row outdated in a way that need not be written immediately?
 */
static bool
oe_sub_stale(OeSub *sub)
{
	return sub->written_at != 0 && (sub->moved || sub->requests != sub->requests_written);
}

/*
 * Delay before writing a moved cursor.  Grows with the number of subscriptions,
 * to limit the rows written per second.
 */
static int64
oe_moved_us(void)
{
	return OE_MOVED_US * (1 + oe_delivery.nsubs / OE_MOVED_SUBS);
}

static bool
oe_sub_unwritten(OeSub *sub)
{
	return sub->written_at != 0 &&
		(sub->dirty || (oe_sub_stale(sub) && oe_delivery.now - sub->written_at >= oe_moved_us()));
}

static bool
oe_anything_unwritten(void)
{
	dlist_iter	it;

	if (oe_delivery.nattempts > 0 || oe_delivery.ndead_letters > 0 || oe_commands_done() || !dlist_is_empty(&oe_delivery.dirty_keys))
		return true;
	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (oe_sub_unwritten(sub) || sub->disable != NULL)
			return true;
	}
	return false;
}

/*
 * When the next commit is due: sooner if a key waits for it.
 */
static TimestampTz
oe_settle_at(void)
{
	return oe_settled_at + (dlist_is_empty(&oe_delivery.dead_letter_keys) ? OE_SETTLE_US : OE_SETTLE_DYING_US);
}

bool
oe_settle_due(void)
{
	if (oe_delivery.nattempts >= OE_SETTLE_ANSWERS || oe_delivery.ndead_letters >= OE_SETTLE_ANSWERS)
		return true;
	return oe_delivery.now >= oe_settle_at() && oe_anything_unwritten();
}

/*
 * The clock was set.
 */
void
oe_settle_shift(int64 by)
{
	oe_settled_at += by;
}

/*
 * When the next commit is due; PG_INT64_MAX: nothing has to be written.
 */
TimestampTz
oe_settle_next(void)
{
	TimestampTz next = PG_INT64_MAX;
	dlist_iter	it;

	if (oe_anything_unwritten())
		return oe_settle_at();
	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (oe_sub_stale(sub))
			next = Min(next, sub->written_at + oe_moved_us());
	}
	return next;
}

/*
 * Disables a subscription in its table.  If somebody else holds a lock on the
 * row, the next commit tries again.
 */
static bool
oe_write_disabled(OeSub *sub)
{
	static const Oid types[2] = {INT4OID, TEXTOID};
	Datum		v[2] = {Int32GetDatum(sub->id), CStringGetTextDatum(sub->disable)};

	(void) oe_spi(NULL, "WITH c AS (UPDATE odoo_events.subscription_config c"
				  " SET state = 'disabled', state_reason = $2, state_since = clock_timestamp()"
				  " WHERE c.id IN (SELECT x.id FROM odoo_events.subscription_config x WHERE x.id = $1 AND x.state = 'active'"
				  " FOR UPDATE SKIP LOCKED) RETURNING c.name)"
				  " SELECT odoo_events._platform_event('odoo.platform.subscription.disabled.v1', c.name, jsonb_build_object('reason', $2)) FROM c",
				  2, types, v, NULL, false, 0);
	return SPI_processed == 1;
}

static void
oe_write_replays(OeSub *sub)
{
	static const Oid types[5] = {INT8OID, INT8OID, INT8OID, INT8OID, BOOLOID};
	dlist_iter	it;

	dlist_foreach(it, &sub->replays)
	{
		OeReplay   *r = dlist_container(OeReplay, node, it.cur);
		bool		done = r->read_all && r->nitems == 0;
		int64		cursor = r->nitems > 0 ?
		dlist_head_element(OeItem, in_sub, &r->items)->event->position - 1 : r->read;
		Datum		v[5] = {Int64GetDatum(r->id), Int64GetDatum(cursor), Int64GetDatum(r->sent),
		Int64GetDatum(r->failed), BoolGetDatum(done)};

		if (r->dirty)
			(void) oe_spi(NULL, "UPDATE odoo_events.replay_job SET cursor = $2, sent = $3, failed = $4,"
						  " state = CASE WHEN $5 AND state = 'running' THEN 'done' ELSE state END,"
						  " finished_at = CASE WHEN $5 AND state = 'running' THEN clock_timestamp() ELSE finished_at END WHERE id = $1",
						  5, types, v, NULL, false, 0);
	}
}

/*
 * After the commit: removes all marks.
 */
static void
oe_settled(void)
{
	dlist_mutable_iter it;

	oe_attempts_written();
	if (oe_delivery.nreceived > 0)
	{
		oe_outcomes_wake();
		oe_polls_wake();
	}
	oe_results_clear();
	oe_commands_written();
	dlist_foreach_modify(it, &oe_delivery.dirty_keys)
	{
		OeKey	   *key = dlist_container(OeKey, in_dirty, it.cur);

		key->stored = key->blocked_from != 0;
		key->dirty = false;
		dlist_delete(&key->in_dirty);
		if (key->state == OE_KEY_IDLE)
			oe_key_schedule(key);
	}
	while (!dlist_is_empty(&oe_delivery.dead_letter_keys))
	{
		OeKey	   *key = dlist_container(OeKey, in_dead_letter_pending, dlist_pop_head_node(&oe_delivery.dead_letter_keys));

		key->dead_letter_pending = false;
		oe_key_schedule(key);
	}
	dlist_foreach_modify(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);
		dlist_mutable_iter r;

		if (oe_sub_unwritten(sub))
		{
			sub->dirty = sub->moved = false;
			sub->requests_written = sub->requests;
			sub->lost_from = sub->lost_to = 0;
			sub->written_at = oe_delivery.now;
			oe_batches_committed(sub);
		}
		dlist_foreach_modify(r, &sub->replays)
		{
			OeReplay   *replay = dlist_container(OeReplay, node, r.cur);

			replay->dirty = false;
			if (replay->read_all && replay->nitems == 0)
				oe_replay_free(replay);
		}
	}
	oe_settled_at = oe_delivery.now;
	oe_worked = true;
}

/*
 * See deliver.h.
 */
bool
oe_deliver_worked(void)
{
	bool		worked = oe_worked;

	oe_worked = false;
	return worked;
}

/*
 * Writes everything that has not been written.
 */
void
oe_settle_commit(void)
{
	OeSession	session;
	dlist_iter	it;
	OeSub	  **unwritten;
	int			n = 0;
	OeSub	   *disabled = NULL;

	oe_delivery.now = oe_clock();
	if (!oe_anything_unwritten())
		return;
	oe_own_begin(&session);
	oe_write_attempts();
	OE_FAULT("settle-attempts");
	oe_write_dead_letters();
	oe_write_received();
	oe_write_held();
	oe_write_commands();
	OE_FAULT("settle-held");
	unwritten = palloc(sizeof(OeSub *) * Max(oe_delivery.nsubs, 1));
	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (oe_sub_unwritten(sub))
			unwritten[n++] = sub;
		oe_write_replays(sub);
		oe_write_overrun(sub);
		if (sub->disable != NULL && disabled == NULL && oe_write_disabled(sub))
			disabled = sub;
	}
	if (n > 0)
		oe_write_progress(unwritten, n, oe_progress_member());
	OE_FAULT("settle-progress");
	oe_own_end(&session);
	OE_FAULT("settle-committed");
	oe_settled();
	if (disabled != NULL)
	{
		ereport(LOG,
				(errmsg("subscription \"%s\" is disabled: %s", disabled->conf->name, disabled->disable)));
		pfree(disabled->disable);
		disabled->disable = NULL;
	}
}
