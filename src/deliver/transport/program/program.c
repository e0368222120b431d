/*
 * program.c
 *	  Brokers as endpoints: a transport whose work a helper program does.
 *
 * Worker only; never within a transaction, except by oe_deliver_yield().
 * process.c has the process, message.c the frames that go to it.
 *
 * A message is in one place at a time: handed over to a program
 * (OeProgram.requests), or over (oe_over).  It has a number, by which the
 * program answers; numbers are never used again, so that an answer that comes
 * after its message was given up finds nothing.  A program that says nothing
 * for longer than a message may take hangs, and is killed.  Whatever a program
 * dies of, what was handed over to it counts as sent over a lost connection.
 */
#include "postgres.h"

#include <sys/epoll.h>

#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/fault.h"
#include "deliver/model/clock.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/transport/program/answer.h"
#include "deliver/transport/program/frame.h"
#include "deliver/transport/program/message.h"
#include "deliver/transport/program/process.h"
#include "deliver/transport/program/program.h"
#include "deliver/transport/transport.h"
#include "deliver/transport/wait.h"

#define OE_MESSAGES_MAX 4096	/* under way, over all subscriptions */
#define OE_IDLE_MAX 512			/* requests kept for reuse */
#define OE_UNSENT_MAX (4 * 1024 * 1024) /* bytes beyond which a program gets
										 * no more */
#define OE_TEXT_MAX 400			/* bytes kept of an answer's text */
#define OE_SHOWN_MAX 4096		/* of a message in a dry run */
/* A program answers by itself when a message has taken too long. */
#define OE_GRACE_MS OE_TUNED("program-grace-ms", 5000)

/* A message under way. */
typedef struct OeProgramRequest
{
	OeRequest	common;
	dlist_node	link;			/* program->requests, oe_over or oe_idle */
	OeProgram  *program;		/* that has it; NULL: none */
	uint32		slot;			/* in oe_slots */
	uint64		number;			/* the program's name for it */
	int64		overdue_at;		/* us, monotonic */
	bool		tombstone_due;	/* a null message must follow it */
	char		text[OE_TEXT_MAX];	/* why it was not acknowledged */
} OeProgramRequest;

static OeProgramRequest *oe_slots[OE_MESSAGES_MAX];
static uint32 oe_free_slots[OE_MESSAGES_MAX];
static int	oe_nfree = 0;
static uint64 oe_numbers = 0;	/* given so far */
static dlist_head oe_over = DLIST_STATIC_INIT(oe_over);
static dlist_head oe_idle = DLIST_STATIC_INIT(oe_idle);
static int	oe_nidle = 0;
static StringInfoData oe_frames;	/* of a message, before it is handed over */

/* ---- requests ---- */

static OeProgramRequest *
oe_message_request(OeSub *sub, OeItem *item, int attempt)
{
	OeProgramRequest *req;

	if (oe_nidle > 0)
	{
		req = dlist_container(OeProgramRequest, link, dlist_pop_head_node(&oe_idle));
		oe_nidle--;
		memset(req, 0, sizeof(*req));
	}
	else
		req = MemoryContextAllocZero(oe_delivery.cxt, sizeof(OeProgramRequest));
	req->common.conf = sub->conf;
	req->common.sub = sub;
	req->common.item = item;
	req->common.attempt = attempt;
	req->common.started = oe_clock();
	req->common.retry_after = -1;
	req->common.dry = sub->conf->dry_run;
	req->slot = oe_free_slots[--oe_nfree];
	oe_slots[req->slot] = req;
	req->number = ++oe_numbers * OE_MESSAGES_MAX + req->slot;
	sub->conf->refs++;
	return req;
}

/*
 * The message of this number; NULL: it was given up.
 */
static OeProgramRequest *
oe_message_find(uint64 number)
{
	OeProgramRequest *req = oe_slots[number % OE_MESSAGES_MAX];

	return req != NULL && req->number == number && req->program != NULL ? req : NULL;
}

/*
 * It is over.  "text" says why it was not acknowledged; NULL: it was, or was
 * not meant to be sent.
 */
static void
oe_message_over(OeProgramRequest *req, const char *text)
{
	if (req->program != NULL)
		dlist_delete(&req->link);
	req->program = NULL;
	if (text != NULL)
	{
		strlcpy(req->text, text, sizeof(req->text));
		req->common.failed = req->text;
	}
	dlist_push_tail(&oe_over, &req->link);
}

/*
 * Takes a request back, out of wherever it is.  What a program has of it is
 * not wanted any more.
 */
static void
oe_program_put(OeRequest *common)
{
	OeProgramRequest *req = (OeProgramRequest *) common;
	OeConfiguration *conf = common->conf;

	dlist_delete(&req->link);
	oe_slots[req->slot] = NULL;
	oe_free_slots[oe_nfree++] = req->slot;
	if (common->response != NULL)
		pfree(common->response);
	if (oe_nidle < OE_IDLE_MAX)
	{
		dlist_push_head(&oe_idle, &req->link);
		oe_nidle++;
	}
	else
		pfree(req);
	oe_conf_release(conf);
}

/* ---- handing over ---- */

/*
 * Tells the program of a configuration, unless it knows it.
 */
static void
oe_program_configure(OeProgram *program, OeSub *sub)
{
	OeBroker   *broker = sub->conf->broker;
	int			i;

	if (broker->run == program->run)
		return;
	for (i = 0; i < program->nconnections && program->connections[i] != sub->id; i++)
		;
	if (i == program->nconnections)
	{
		Size		size = sizeof(int) * (program->nconnections + 1);

		program->connections = program->connections == NULL ? MemoryContextAlloc(oe_delivery.cxt, size) :
			repalloc(program->connections, size);
		program->connections[program->nconnections++] = sub->id;
	}
	oe_frame_configure(&program->out, (uint32) sub->id, sub->conf);
	broker->run = program->run;
}

/*
 * Sends an event, unless the program cannot be started: then it fails like one
 * that was sent over a lost connection.
 */
static void
oe_program_send(OeSub *sub, OeItem *item, int attempt)
{
	OeConfiguration *conf = sub->conf;
	OeProgram  *program = oe_program_of(conf->broker->kind);
	bool		runs = oe_program_start(program);
	OeProgramRequest *req;
	uint64		number;

	if (runs)
	{
		oe_program_configure(program, sub);
		resetStringInfo(&oe_frames);
		oe_frame_message(&oe_frames, (uint32) sub->id, 0, conf, item->event, false);
		enlargeStringInfo(&program->out, oe_frames.len);
	}
	OE_FAULT("deliver-start");
	req = oe_message_request(sub, item, attempt);

	/* nothing raises from here on */
	oe_transport_begun(&req->common);
	if (!runs)
	{
		oe_message_over(req, program->ended);
		return;
	}
	/* the program would end, as of a frame that makes no sense */
	if (oe_frames.len - sizeof(uint32) > OE_FRAME_MAX)
	{
		req->common.abort_message = true;
		oe_message_over(req, "the message is larger than the 64 MB that a helper program takes");
		return;
	}
	number = pg_hton64(req->number);
	memcpy(oe_frames.data + OE_FRAME_ITEM_AT, &number, sizeof(number));
	appendBinaryStringInfo(&program->out, oe_frames.data, oe_frames.len);
	req->program = program;
	req->tombstone_due = conf->broker->compacted && oe_message_deletes(item->event);
	req->overdue_at = oe_mono() + (int64) (conf->timeout_ms + OE_GRACE_MS) * 1000;
	if (program->check_at == 0 || req->overdue_at < program->check_at)
		program->check_at = req->overdue_at;
	dlist_push_tail(&program->requests, &req->link);
}

/*
 * In a dry run the message becomes the response instead.
 */
static void
oe_program_show(OeSub *sub, OeItem *item, int attempt)
{
	OeProgramRequest *req;
	StringInfoData scratch;
	StringInfoData attributes;
	const char *body;
	char	   *shown;
	Size		len;

	initStringInfo(&scratch);
	initStringInfo(&attributes);
	body = oe_message_body(sub->conf, item->event, &scratch, &attributes, &len);
	shown = MemoryContextAlloc(oe_delivery.cxt, OE_SHOWN_MAX);
	req = oe_message_request(sub, item, attempt);
	oe_transport_begun(&req->common);
	req->common.response_len = Min(len, OE_SHOWN_MAX);
	memcpy(shown, body, req->common.response_len);
	req->common.response = shown;
	oe_message_over(req, NULL);
	pfree(scratch.data);
	pfree(attributes.data);
}

/* OeTransport.start.  Brokers get no batches: subscribe() has seen to that. */
static void
oe_program_item(OeSub *sub, OeItem *item, OeBatch *batch, int attempt)
{
	Assert(batch == NULL);
	if (sub->conf->dry_run)
		oe_program_show(sub, item, attempt);
	else
		oe_program_send(sub, item, attempt);
}

/* ---- answers ---- */

/*
 * The broker has a message; of a record that is gone it gets a second one,
 * without a body, and only that acknowledges the event.
 */
static void
oe_message_acknowledged(OeProgramRequest *req)
{
	OeProgram  *program = req->program;

	if (!req->tombstone_due)
	{
		req->common.acknowledged = true;
		oe_message_over(req, NULL);
		return;
	}
	req->tombstone_due = false;
	oe_frame_message(&program->out, (uint32) req->common.sub->id, req->number, req->common.conf, req->common.item->event, true);
	req->overdue_at = oe_mono() + (int64) (req->common.conf->timeout_ms + OE_GRACE_MS) * 1000;
}

/*
 * An answer to a message; false: it cannot be read.
 */
static bool
oe_message_answered(OeAnswer *a)
{
	OeProgramRequest *req = oe_message_find(oe_answer_number(a, sizeof(uint64)));
	char		text[OE_TEXT_MAX] = "";

	if (a->kind == OE_FRAME_RETRY)
		(void) oe_answer_number(a, 1);
	if (a->kind != OE_FRAME_ACKNOWLEDGED)
		oe_answer_text(a, text, sizeof(text));
	if (a->broken)
		return false;
	if (req == NULL)
		return true;
	if (a->kind == OE_FRAME_ACKNOWLEDGED)
		oe_message_acknowledged(req);
	else
	{
		req->common.abort_message = a->kind == OE_FRAME_REFUSED;
		oe_message_over(req, text[0] != '\0' ? text : "the broker did not say why");
	}
	return true;
}

/*
 * One frame of a program; false: it makes no sense, and *why says so.
 */
static bool
oe_program_answer(OeAnswer *a, const char **why)
{
	*why = "sent a frame that cannot be read";
	switch (a->kind)
	{
		case OE_FRAME_READY:
			if (oe_answer_ready(a))
				break;
			*why = "is of another version: install the one that belongs to this extension";
			return false;
		case OE_FRAME_STATE:
			break;
		case OE_FRAME_ACKNOWLEDGED:
		case OE_FRAME_REFUSED:
		case OE_FRAME_RETRY:
			if (oe_message_answered(a))
				break;
			return false;
		default:
			return false;
	}
	*why = NULL;
	return true;
}

/*
 * Takes all frames that are complete; false if the program is to go.
 */
static bool
oe_program_answers(OeProgram *program, const char **why)
{
	OeAnswer	a;

	while (oe_answer_next(program, &a, why))
		if (!oe_program_answer(&a, why))
			return false;
	return *why == NULL;
}

/* ---- what does not come ---- */

/*
 * The program is gone: all that was handed over to it is to be sent again.
 */
static void
oe_program_lost(OeProgram *program, const char *reason)
{
	oe_program_end(program, reason);
	while (!dlist_is_empty(&program->requests))
		oe_message_over(dlist_head_element(OeProgramRequest, link, &program->requests), program->ended);
}

/*
 * Looks for messages without an answer.  While others are answered only the
 * message itself is given up.
 */
static void
oe_program_check(OeProgram *program)
{
	int64		now = oe_mono();
	dlist_mutable_iter it;

	if (program->check_at == 0 || now < program->check_at)
		return;
	program->check_at = 0;
	dlist_foreach_modify(it, &program->requests)
	{
		OeProgramRequest *req = dlist_container(OeProgramRequest, link, it.cur);
		int64		allowed = (int64) (req->common.conf->timeout_ms + OE_GRACE_MS) * 1000;

		if (req->overdue_at <= now && now - program->heard_at >= allowed)
		{
			oe_program_lost(program, "does not answer any more and was killed");
			return;
		}
		if (req->overdue_at <= now)
		{
			oe_frame_abandon(&program->out, req->number);
			oe_message_over(req, "no answer in time");
		}
		else if (program->check_at == 0 || req->overdue_at < program->check_at)
			program->check_at = req->overdue_at;
	}
}

/* ---- the transport ---- */

/*
 * Called by the one wait.
 */
static void
oe_program_on_ready(int fd, uint32 events)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_programs)
	{
		OeProgram  *program = dlist_container(OeProgram, node, it.cur);

		if (fd >= 0 && program->fd == fd && (events & ~EPOLLOUT) != 0)
			program->readable = true;
	}
}

static void
oe_program_init(void)
{
	MemoryContext old = MemoryContextSwitchTo(oe_delivery.cxt);

	initStringInfo(&oe_frames);
	MemoryContextSwitchTo(old);
	for (uint32 i = 0; i < OE_MESSAGES_MAX; i++)
		oe_free_slots[oe_nfree++] = OE_MESSAGES_MAX - 1 - i;
	oe_wait_on(OE_WAITER_PROGRAM, oe_program_on_ready);
}

/*
 * OeTransport.poll: reads what programs have said, gives up what has waited
 * too long, sends what waits, and hands over results.
 */
static void
oe_program_poll(void)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_programs)
	{
		OeProgram  *program = dlist_container(OeProgram, node, it.cur);
		const char *why = NULL;

		if (program->pid == 0)
			continue;
		if (program->readable && !oe_program_read(program))
		{
			/* what it said before it ended counts */
			(void) oe_program_answers(program, &why);
			oe_program_lost(program, NULL);
		}
		else if (!oe_program_answers(program, &why))
			oe_program_lost(program, why);
		else
			oe_program_check(program);
		if (program->pid != 0 && !oe_program_write(program))
			program->readable = true;
	}
	(void) oe_program_reap();
	while (!dlist_is_empty(&oe_over))
		oe_transport_result(&dlist_head_element(OeProgramRequest, link, &oe_over)->common);
}

/* OeTransport.timeout. */
static long
oe_program_timeout(void)
{
	int64		next = PG_INT64_MAX;
	int64		now;
	dlist_iter	it;

	if (!dlist_is_empty(&oe_over))
		return 0;
	if (oe_program_reap())
		next = oe_mono() + OE_SECOND;
	dlist_foreach(it, &oe_programs)
	{
		OeProgram  *program = dlist_container(OeProgram, node, it.cur);

		if (program->readable)
			return 0;
		if (program->check_at != 0)
			next = Min(next, program->check_at);
	}
	if (next == PG_INT64_MAX)
		return -1;
	now = oe_mono();
	return next <= now ? 0 : (long) ((next - now + 999) / 1000);
}

static int
oe_program_limit(void)
{
	return OE_MESSAGES_MAX;
}

/*
 * Does the program take more?  When it has stopped reading, frames wait here,
 * up to a bound.
 */
static bool
oe_program_room(const OeSub *sub)
{
	return oe_nfree > 0 && oe_program_unsent(oe_program_of(sub->conf->broker->kind)) < OE_UNSENT_MAX;
}

/*
 * The subscription needs no connection any more; a program without any ends.
 */
static void
oe_program_close_connection(OeSub *sub)
{
	OeProgram  *program = oe_program_of(sub->conf->broker->kind);

	for (int i = 0; i < program->nconnections; i++)
	{
		if (program->connections[i] != sub->id)
			continue;
		program->connections[i] = program->connections[--program->nconnections];
		oe_frame_close(&program->out, (uint32) sub->id);
		break;
	}
	if (program->nconnections == 0)
		oe_program_leave(program);
}

/*
 * OeTransport.release: the configuration that was sent to the program has
 * credentials in it.
 */
static void
oe_program_release(OeConfiguration *conf)
{
	explicit_bzero(conf->broker->connection, strlen(conf->broker->connection));
}

static void
oe_program_shutdown(void)
{
	dlist_iter	it;

	dlist_foreach(it, &oe_programs)
		oe_program_leave(dlist_container(OeProgram, node, it.cur));
}

OeTransport oe_program_transport = {
	.init = oe_program_init,
	.start = oe_program_item,
	.poll = oe_program_poll,
	.timeout = oe_program_timeout,
	.limit = oe_program_limit,
	.room = oe_program_room,
	.put = oe_program_put,
	.close = oe_program_close_connection,
	.release = oe_program_release,
	.shutdown = oe_program_shutdown,
};
