/*
 * answer.c
 *	  Reads the body of a 2xx answer, for subscriptions with outcomes "body" and
 *	  "poll".
 *
 * Worker only, in any or no transaction: reading JSON and matching a path keep
 * nothing but memory, so their errors are caught here.  The body comes from
 * outside: libjansson judges it first, strictly and with a bound on its depth.
 * A body that says nothing that can be relied on refuses the whole request; as
 * the answer to a poll it says nothing.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/outside.h"
#include "base/watch.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "deliver/settle/answer.h"
#include "deliver/transport/http/request.h"

#define OE_REASON_KEPT 200

/* The whole request is refused. */
static void
oe_answer_refuse(OeRequest *req, OeBodyVerdict *a, const char *reason)
{
	a->nrejected = req->batch ? req->batch->n : 1;
	for (int i = 0; i < a->nrejected; i++)
		a->rejected[i] = true;
	a->reason = MemoryContextStrdup(a->cxt, reason);
}

static const char *
oe_answer_invalid(OeRequest *req)
{
	if (req->read > OE_RESPONSE_READ)
		return "the answer has more than 64 kB";
	if (req->response_len == 0)
		return "the answer has no body";
	if (!oe_outside_json(req->response, req->response_len))
		return "the answer is no valid JSON";
	return NULL;
}

/*
 * A function of jsonpath; NULL: it answers null.
 */
static bool
oe_path_call(PGFunction function, Jsonb *body, JsonPath *path, Datum *result)
{
	LOCAL_FCINFO(fcinfo, 4);

	InitFunctionCallInfoData(*fcinfo, NULL, 4, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = JsonbPGetDatum(body);
	fcinfo->args[1].value = PointerGetDatum(path);
	fcinfo->args[2].value = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	fcinfo->args[3].value = BoolGetDatum(true);
	for (int i = 0; i < 4; i++)
		fcinfo->args[i].isnull = false;
	*result = function(fcinfo);
	return !fcinfo->isnull;
}

/*
 * Which member has this id; -1: none.
 */
static int
oe_member_of(OeRequest *req, const char *id, int len)
{
	int			n = req->batch ? req->batch->n : 1;

	for (int i = 0; i < n; i++)
	{
		OeOutboxEvent *event = req->batch ? req->batch->items[i]->event : req->item->event;

		if ((int) strlen(event->id) == len && pg_strncasecmp(event->id, id, len) == 0)
			return i;
	}
	return -1;
}

/*
 * One rejection: an id, or an object with id and reason.
 */
static bool
oe_reject(OeRequest *req, OeBodyVerdict *a, JsonbValue *v)
{
	JsonbValue	buf;
	JsonbValue *id = v;
	JsonbValue *reason = NULL;
	int			member;

	if (v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data))
	{
		id = getKeyJsonValueFromContainer(v->val.binary.data, "id", 2, NULL);
		reason = getKeyJsonValueFromContainer(v->val.binary.data, "reason", 6, &buf);
	}
	if (id == NULL || id->type != jbvString)
		return false;
	member = oe_member_of(req, id->val.string.val, id->val.string.len);
	if (member < 0)
		return false;
	if (!a->rejected[member])
		a->nrejected++;
	a->rejected[member] = true;
	if (a->reason == NULL)
		a->reason = reason != NULL && reason->type == jbvString ?
			MemoryContextStrdup(a->cxt, pnstrdup(reason->val.string.val, pg_mbcliplen(reason->val.string.val, reason->val.string.len, OE_REASON_KEPT)))
			: MemoryContextStrdup(a->cxt, "without a reason");
	return true;
}

static Jsonb *
oe_answer_jsonb(OeRequest *req)
{
	char	   *text = pg_any_to_server(pnstrdup(req->response, req->response_len), req->response_len, PG_UTF8);

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static void
oe_answer_judge(OeRequest *req, void *arg)
{
	OeBodyVerdict *a = arg;
	Jsonb	   *body = oe_answer_jsonb(req);
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;
	Datum		result;

	if (req->conf->accepted != NULL &&
		(!oe_path_call(jsonb_path_match, body, req->conf->accepted, &result) || !DatumGetBool(result)))
	{
		oe_answer_refuse(req, a, "the answer does not say that it was accepted");
		return;
	}
	if (req->conf->rejected == NULL || !oe_path_call(jsonb_path_query_array, body, req->conf->rejected, &result))
		return;
	it = JsonbIteratorInit(&DatumGetJsonbP(result)->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_ELEM && !oe_reject(req, a, &v))
		{
			oe_answer_refuse(req, a, "the answer rejects something that was not sent");
			return;
		}
}

/*
 * Has "judge" read the body.  Reading JSON and matching a path keep nothing but
 * memory, so that an error needs no transaction to be caught.  False if the body
 * cannot be judged.
 */
static bool
oe_answer_watched(void (*judge) (OeRequest *req, void *arg), OeRequest *req, void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	bool		was = oe_watch_on();
	volatile bool judged = false;

	oe_watch_begin();
	PG_TRY();
	{
		judge(req, arg);
		(void) oe_watch_end();
		judged = true;
	}
	PG_CATCH();
	{
		(void) oe_watch_end();
		MemoryContextSwitchTo(cxt);
		FlushErrorState();
	}
	PG_END_TRY();
	oe_watch_off(was);
	return judged;
}

/*
 * What the answer says of each event of the request.
 */
void
oe_answer_read(OeRequest *req, OeBodyVerdict *a)
{
	MemoryContext old;
	const char *invalid;

	a->cxt = AllocSetContextCreate(oe_delivery.cxt, "odoo_events answer", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(a->cxt);
	a->rejected = palloc0(sizeof(bool) * (req->batch ? req->batch->n : 1));
	invalid = oe_answer_invalid(req);
	if (invalid == NULL && !oe_answer_watched(oe_answer_judge, req, a))
		invalid = "the answer could not be judged";
	if (invalid != NULL)
		oe_answer_refuse(req, a, invalid);
	MemoryContextSwitchTo(old);
}

/*
 * Words of receivers for what is over; any other one says that it is not.
 */
static char
oe_status_word(const char *word, int len)
{
	static const char *const processed[] = {"processed", "succeeded", "success", "successful", "completed", "complete", "done", "finished", "ok"};
	static const char *const failed[] = {"failed", "failure", "error", "rejected", "cancelled", "canceled", "aborted"};

	for (int i = 0; i < lengthof(processed); i++)
		if ((int) strlen(processed[i]) == len && pg_strncasecmp(processed[i], word, len) == 0)
			return 'p';
	for (int i = 0; i < lengthof(failed); i++)
		if ((int) strlen(failed[i]) == len && pg_strncasecmp(failed[i], word, len) == 0)
			return 'f';
	return 'w';
}

static void
oe_outcome_judge(OeRequest *req, void *arg)
{
	char	   *outcome = arg;
	Jsonb	   *body = oe_answer_jsonb(req);
	JsonbValue *v;
	Datum		found;

	*outcome = 'w';
	if (req->conf->outcome_status == NULL || !oe_path_call(jsonb_path_query_array, body, req->conf->outcome_status, &found))
		return;
	v = getIthJsonbValueFromContainer(&DatumGetJsonbP(found)->root, 0);
	if (v != NULL && v->type == jbvBool)
		*outcome = v->val.boolean ? 'p' : 'f';
	else if (v != NULL && v->type == jbvString)
		*outcome = oe_status_word(v->val.string.val, v->val.string.len);
}

/*
 * What the answer to a poll says: 'p'rocessed, 'f'ailed, 'w'aits.  NULL, or why
 * it says nothing.
 */
const char *
oe_answer_outcome(OeRequest *req, char *outcome)
{
	MemoryContext cxt = AllocSetContextCreate(oe_delivery.cxt, "odoo_events answer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	const char *invalid = oe_answer_invalid(req);

	*outcome = 'w';
	if (invalid == NULL && !oe_answer_watched(oe_outcome_judge, req, outcome))
		invalid = "the answer could not be judged";
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return invalid;
}

void
oe_answer_free(OeBodyVerdict *a)
{
	if (a->cxt != NULL)
		MemoryContextDelete(a->cxt);
}
