/*
 * result.c
 *	  What the result of a request means: accepted, retry, give up, stop.
 *
 * Worker only, outside any transaction: memory is changed here, settle.c writes
 * it.  A failed delivery is data, not an error.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/fault.h"
#include "base/guc.h"
#include "base/span.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/breaker.h"
#include "deliver/queue/dead_letter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/settle/answer.h"
#include "deliver/settle/measure.h"
#include "deliver/settle/redact.h"
#include "deliver/settle/result.h"
#include "deliver/settle/span.h"
#include "deliver/transport/http/poll.h"
#include "deliver/transport/http/request.h"
#include "deliver/transport/transport.h"

/*
 * Delays before each retry.  Their sum is also the time limit of retries by age.
 */
static const int64 oe_default_schedule[] = {
	5 * OE_SECOND, 300 * OE_SECOND, 1800 * OE_SECOND, 7200 * OE_SECOND, 18000 * OE_SECOND,
	36000 * OE_SECOND, 50400 * OE_SECOND, 72000 * OE_SECOND, 86400 * OE_SECOND,
};

#define OE_ERROR_KEPT 200
#define OE_HELD_US (36525 * USECS_PER_DAY)	/* until retry_now() */
#define OE_DEFAULT_AGE (272105 * OE_SECOND)

/*
 * Does the status say that the content is at fault, so that repeating it is
 * pointless?
 */
static bool
oe_content_refused(int status)
{
	return status == 400 || status == 413 || status == 422;
}

typedef enum OeOutcome
{
	OE_DELIVERED,
	OE_FAILED,
	OE_GIVE_UP,					/* the endpoint says so */
	OE_STOPPED					/* the endpoint wants no more: not counted */
} OeOutcome;

static int64
oe_jitter(int64 delay)
{
	return (int64) (delay * (0.9 + 0.2 * pg_prng_double(&pg_global_prng_state)));
}

/*
 * When to try again after "attempts" attempts; 0: never.
 */
static TimestampTz
oe_retry_at(const OeConfiguration *conf, bool by_age, int attempts, TimestampTz first_at, int retry_after)
{
	int64		delay;

	if (conf->schedule != NULL)
	{
		if (attempts > conf->nschedule)
			return 0;
		delay = conf->schedule[attempts - 1];
	}
	else if (by_age)
	{
		delay = attempts > 9 ? 300 * OE_SECOND : Min(OE_SECOND << (attempts - 1), 300 * OE_SECOND);
		if (oe_delivery.now + delay > first_at + OE_DEFAULT_AGE)
			return 0;
	}
	else
	{
		if (attempts > lengthof(oe_default_schedule))
			return 0;
		delay = oe_default_schedule[attempts - 1];
	}
	delay = oe_jitter(delay);
	if (retry_after > 0)
		delay = Max(delay, retry_after * OE_SECOND);
	return oe_delivery.now + Max(delay, 1);
}

/*
 * Moves a retry forward to the time at which the event expires, if that is
 * earlier.
 */
static TimestampTz
oe_retry_or_expire(const OeConfiguration *conf, const OeOutboxEvent *event, TimestampTz next)
{
	if (next == 0 || conf->expire_after == 0)
		return next;
	return Max(Min(next, oe_event_time(event) + conf->expire_after + 1), oe_delivery.now + 1);
}

/*
 * What the view attempt says of a request, as far as it is the same of one
 * that libcurl has repeated.
 */
static void
oe_note_request(OeRequest *req, OeAttempt *a)
{
	OeOutboxEvent *first = req->batch ? req->batch->items[0]->event : req->item->event;
	OeOutboxEvent *last = req->batch ? req->batch->items[req->batch->n - 1]->event : first;

	memset(a, 0, sizeof(*a));
	a->sub = req->sub->id;
	a->first = first->position;
	a->last = last->position;
	a->attempt = req->attempt;
	a->at = req->started;
	if (req->batch != NULL)
	{
		a->has_batch = true;
		a->batch_id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(req->batch->id)));
	}
	if (req->batch == NULL || req->batch->n == 1)
	{
		a->has_event = true;
		a->event_id = first->uuid;
	}
}

/*
 * May one row tell of this message and of others?  Only where there is nothing
 * to say of it alone: a broker acknowledged it at the first attempt.  Replays
 * are apart, since their positions would stretch the row's range.
 */
static bool
oe_attempt_shared(const OeRequest *req, const char *error)
{
	return oe_guc_attempt_detail == OE_DETAIL_BATCH && req->conf->broker != NULL && req->acknowledged && error == NULL &&
		req->attempt == 1 && req->batch == NULL && req->item->kind == OE_LIVE;
}

/*
 * Adds a message to the subscription's shared row of the next commit; false if
 * there is none yet.
 */
static bool
oe_attempt_join(OeRequest *req, double took)
{
	int			i = req->sub->shared_attempt;
	int64		position = req->item->event->position;
	OeAttempt  *a;

	if (i >= oe_delivery.nattempts)
		return false;
	a = &oe_delivery.attempts[i];
	if (!a->shared || a->sub != req->sub->id)
		return false;
	a->has_event = false;
	a->first = Min(a->first, position);
	a->last = Max(a->last, position);
	a->at = Min(a->at, req->started);
	a->duration = Max(a->duration, took);
	return true;
}

/*
 * Records the request for view attempt.
 */
static void
oe_note_attempt(OeRequest *req, const char *error, double took)
{
	int			n = Max(req->sends, 1);
	bool		shared = oe_attempt_shared(req, error);
	OeAttempt  *rows;

	if (shared && oe_attempt_join(req, took))
		return;
	rows = oe_attempts_room(n);
	for (int i = 0; i < n; i++)
		oe_note_request(req, &rows[i]);
	for (int i = 0; i < n - 1; i++)
	{
		rows[i].duration = Max(req->sent_at - req->started, 0) / 1000000.0;
		rows[i].error = MemoryContextStrdup(oe_delivery.cxt, "the connection ended without an answer; sent again at once");
	}
	rows[n - 1].duration = took;
	rows[n - 1].status = req->status;
	if ((!req->acknowledged || error != NULL || req->conf->keep_answers) && req->response_len > 0)
		rows[n - 1].response = oe_shown_text(req, req->response, req->response_len, req->read > req->response_len, OE_RESPONSE_KEPT);
	if (error != NULL)
		rows[n - 1].error = MemoryContextStrdup(oe_delivery.cxt, error);
	if (shared)
	{
		rows[0].shared = true;
		req->sub->shared_attempt = oe_delivery.nattempts;
	}
	oe_delivery.nattempts += n;
}

/*
 * Updates the subscription's counters, and decides what follows.
 */
static OeOutcome
oe_note_outcome(OeSub *sub, OeRequest *req, int accepted, const char *error, double took)
{
	bool		good = req->acknowledged && !req->rejected;

	sub->dirty = true;
	if (req->dry)
		return OE_DELIVERED;
	sub->failed += Max(req->sends - 1, 0);
	sub->last_status = req->status;
	sub->took[sub->ntook++ % lengthof(sub->took)] = (float) took;
	if (req->disable || req->status == 410)
		oe_sub_disable(sub, req, req->disable ? "the endpoint answered webhook-delivery: disable" :
					   "the endpoint answered 410 Gone");
	if (good)
	{
		sub->delivered += accepted;
		strlcpy(sub->last_error, error ? error : "", sizeof(sub->last_error));
		oe_breaker_success(sub, req);
		return OE_DELIVERED;
	}
	sub->failed++;
	if (error != NULL)
		strlcpy(sub->last_error, error, sizeof(sub->last_error));
	else
		snprintf(sub->last_error, sizeof(sub->last_error), "HTTP status %d", req->status);
	if (req->disable || req->status == 410)
		return OE_STOPPED;
	/* who says what is wrong with an event is alive */
	if (!req->at_fault || req->conf->on_reject == 'r')
		oe_breaker_failure(sub, req);
	else if (sub->breaker != OE_BREAKER_CLOSED)
		oe_breaker_success(sub, req);
	return req->abort_message ? OE_GIVE_UP : OE_FAILED;
}

/*
 * The event is at fault, and is given up for that.
 */
static bool
oe_gives_up(const OeRequest *req)
{
	return req->at_fault && req->conf->on_reject == 'd';
}

/*
 * The event is at fault, and its key waits until an operator decides.
 */
static bool
oe_holds(const OeRequest *req)
{
	return req->at_fault && req->conf->on_reject == 'h';
}

/*
 * The request of a single event failed.
 */
static void
oe_single_failed(OeItem *item, OeRequest *req, bool give_up)
{
	OeKey	   *key = item->key;
	OeSub	   *sub = item->sub;
	TimestampTz next = 0;

	if (key->first_at == 0)
		key->first_at = req->started;
	if (item->skip_reason != NULL)
	{
		key->early = false;
		oe_item_dead_letter(item, key->attempts + 1, key->first_at, req->status, item->skip_reason);
		return;
	}
	if (key->early)
	{
		/* a probe ahead of its time costs it nothing */
		next = Max(key->next_at, oe_delivery.now + 1);
		key->early = false;
	}
	else
	{
		key->attempts++;
		next = oe_retry_at(req->conf, key->mode != 'n', key->attempts, key->first_at, req->retry_after);
		if (next == 0 && oe_holds(req))
			next = oe_delivery.now + OE_HELD_US;
	}
	if (give_up || next == 0)
	{
		oe_item_dead_letter(item, Max(key->attempts, 1), key->first_at, req->status, sub->last_error);
		return;
	}
	if (oe_holds(req))
		next = oe_delivery.now + OE_HELD_US;
	key->next_at = oe_retry_or_expire(req->conf, item->event, next);
	key->last_status = req->status;
	if (key->last_error)
		pfree(key->last_error);
	key->last_error = MemoryContextStrdup(oe_delivery.cxt, sub->last_error);
	oe_key_hold(key, item->event->position);
}

/*
 * The request of a replayed event failed.  It is retried from memory, and the
 * replay's cursor does not pass it.  A replayed dead letter stays a dead letter.
 */
static void
oe_replayed_failed(OeItem *item, OeRequest *req, bool give_up)
{
	TimestampTz next;

	item->attempts++;
	if (item->first_at == 0)
		item->first_at = req->started;
	next = oe_retry_at(req->conf, item->key->mode != 'n', item->attempts, item->first_at, req->retry_after);
	if (give_up || next == 0 || item->replay->dead_letters || oe_holds(req))
		oe_item_dead_letter(item, item->attempts, item->first_at, req->status, item->sub->last_error);
	else
		item->key->replay_at = next;
}

static void
oe_single_answered(OeRequest *req, OeOutcome outcome)
{
	OeItem	   *item = req->item;
	OeKey	   *key = item->key;

	key->busy--;
	if (outcome == OE_DELIVERED)
		oe_item_delivered(item, req->dry);
	else if (outcome == OE_STOPPED)
		key->early = false;		/* stays where it is */
	else if (item->replay != NULL)
		oe_replayed_failed(item, req, outcome == OE_GIVE_UP || oe_gives_up(req));
	else
		oe_single_failed(item, req, outcome == OE_GIVE_UP || oe_gives_up(req));
	oe_key_schedule(key);
}

/*
 * Makes dead letters of all members: the endpoint asked to give up, or this was
 * the last try of a single event.
 */
static void
oe_batch_dead_letter(OeBatch *batch, OeRequest *req)
{
	int			n = batch->n;
	OeItem	  **items = batch->items;

	batch->items = NULL;
	batch->n = 0;
	for (int i = 0; i < n; i++)
	{
		OeKey	   *key = items[i]->key;

		key->busy--;
		items[i]->batch = NULL;
		oe_item_dead_letter(items[i], batch->attempts, batch->first_at, req->status, items[i]->sub->last_error);
		if (key->busy == 0)
			oe_key_schedule(key);
	}
	pfree(items);
	oe_batch_free(batch);
}

static bool
oe_item_skipped(const OeItem *item)
{
	return item->skip_reason != NULL;
}

static void
oe_batch_failed(OeBatch *batch, OeRequest *req, bool give_up)
{
	TimestampTz next;
	bool		last = batch->items[0]->single;

	if (oe_batch_drop(batch, oe_item_skipped, NULL, batch->attempts + 1, req->status))
		return;
	if (batch->early && !give_up)
	{
		batch->early = false;
		batch->state = OE_BATCH_WAITING;
		return;
	}
	if (batch->first_at == 0)
		batch->first_at = req->started;
	batch->attempts++;
	batch->sub->dirty = true;
	if (batch->replay)
	{
		batch->items[0]->attempts = batch->attempts - 1;
		batch->items[0]->first_at = batch->first_at;
	}
	next = oe_retry_at(req->conf, req->conf->ordering != 'n', batch->attempts, batch->first_at, req->retry_after);
	if (batch->n > 1 && req->at_fault && !give_up)
		oe_batch_take_apart(batch, true);
	else if (oe_holds(req) && !give_up && !batch->replay)
	{
		batch->state = OE_BATCH_WAITING;
		batch->next_at = oe_retry_or_expire(req->conf, batch->items[0]->event, oe_delivery.now + OE_HELD_US);
	}
	else if (give_up || oe_gives_up(req) || (last && !req->rejected) || (next == 0 && batch->n == 1) ||
			 (batch->replay && batch->items[0]->replay->dead_letters))
		oe_batch_dead_letter(batch, req);
	else if (next == 0)
		oe_batch_take_apart(batch, true);
	else
	{
		batch->state = OE_BATCH_WAITING;
		batch->next_at = oe_retry_or_expire(req->conf, batch->items[0]->event, next);
	}
}

static void
oe_batch_answered(OeRequest *req, OeOutcome outcome, const OeBodyVerdict *answer)
{
	OeBatch    *batch = req->batch;

	if (outcome == OE_DELIVERED && answer->nrejected > 0)
	{
		if (oe_batch_partly(batch, answer->rejected))
			ereport(LOG,
					(errmsg("subscription \"%s\": the receiver rejected an event and accepted a later one of the same key",
							req->conf->name)));
	}
	else if (outcome == OE_DELIVERED)
		oe_batch_delivered(batch, req->dry);
	else if (outcome == OE_STOPPED)
		batch->state = OE_BATCH_READY;
	else
		oe_batch_failed(batch, req, outcome == OE_GIVE_UP);
}

/*
 * Reads what the answer says of single events, for those who ask for that.
 * Answers the error to be shown, palloc'd; NULL: there is none.
 */
static char *
oe_take_answer(OeRequest *req, OeBodyVerdict *answer)
{
	int			n = req->batch ? req->batch->n : 1;
	char	   *reason;
	char	   *error;

	req->at_fault = oe_content_refused(req->status);
	req->rejected = false;
	if (req->failed != NULL)
		return oe_shown_text(req, req->failed, strlen(req->failed), false, OE_ERROR_KEPT);
	if (req->dry || req->conf->outcomes != 'b' || req->status < 200 || req->status > 299)
		return NULL;
	oe_answer_read(req, answer);
	if (answer->nrejected == 0)
		return NULL;
	req->rejected = req->at_fault = answer->nrejected == n;
	reason = oe_shown_text(req, answer->reason, strlen(answer->reason), false, OE_ERROR_KEPT);
	error = MemoryContextStrdup(oe_delivery.cxt, n == 1 ? psprintf("rejected by the receiver: %s", reason)
								: psprintf("%d of %d events were rejected by the receiver: %s", answer->nrejected, n, reason));
	pfree(reason);
	return error;
}

/*
 * Notes where the outcome of the events that this request brought is asked for:
 * oe_delivery.received[from...].  Whoever has nothing to wait for is done with
 * them; a 202 without a Location cannot be asked.
 */
static void
oe_note_received(OeRequest *req, int from)
{
	for (int i = from; i < oe_delivery.nreceived && req->location != NULL; i++)
	{
		OeReceived *r = &oe_delivery.received[i];

		r->wait = req->retry_after;
		r->processed = req->location[0] == '\0' && req->status != 202;
		if (req->location[0] != '\0')
			r->location = oe_poll_location(req->conf, req->location, &r->note);
		else if (!r->processed)
			r->note = "the answer has no Location to ask";
	}
}

/*
 * Takes the result of a finished request, which its transport takes back
 * afterwards.
 */
void
oe_result_take(OeRequest *req)
{
	OeSub	   *sub = req->sub;
	OeBodyVerdict answer = {NULL, NULL, 0, NULL};
	char	   *error;
	double		took;
	int			received;
	OeOutcome	outcome;

	oe_delivery.now = oe_clock();
	OE_FAULT("deliver-answered");
	took = Max(oe_delivery.now - req->started, 0) / 1000000.0;
	error = oe_take_answer(req, &answer);
	oe_note_attempt(req, error, took);
	if (oe_spans_on() && !req->dry)
		oe_attempt_span(req, error);
	oe_transport_ended(req);
	oe_measure(req, took);
	received = oe_delivery.nreceived;
	outcome = oe_note_outcome(sub, req, (req->batch ? req->batch->n : 1) - answer.nrejected, error, took);
	if (error != NULL)
		pfree(error);
	if (req->batch != NULL)
		oe_batch_answered(req, outcome, &answer);
	else
		oe_single_answered(req, outcome);
	oe_answer_free(&answer);
	oe_note_received(req, received);
}
