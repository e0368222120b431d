/*
 * ready_made.c
 *	  Events whose data their producer has made: emit() and platform events.
 *
 * Memory only.  The journal row has the whole event as JSON text (op E);
 * truncations of captured tables (op T) become an event here, too.
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/fmgrprotos.h"
#include "utils/uuid.h"

#include "base/guc.h"
#include "base/json_row.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/transform/ready_made.h"

/*
 * The third word from the end of <prefix>.<domain>.<entity>.<verb>.v<n>.
 */
static char *
oe_entity_of_type(const char *type)
{
	const char *end = type + strlen(type);
	const char *start;

	for (int i = 0; i < 2; i++)
		do
			end--;
		while (end > type && *end != '.');
	for (start = end; start > type && start[-1] != '.';)
		start--;
	return start < end ? pnstrdup(start, end - start) : pstrdup("event");
}

static char *
oe_member_string(const OeJsonRow *row, const char *name, char *otherwise)
{
	char	   *s = oe_text_cstring(oe_row_find(row, name));

	return s ? s : otherwise;
}

/*
 * The key of such an event, which may be that of a document.
 */
char *
oe_event_ready_made_key(OeChange *c)
{
	OeJsonRow	row = {0};

	oe_row_parse(c->new_text ? c->new_text : "", &row);
	return oe_member_string(&row, "key", psprintf("event:" INT64_FORMAT, c->id));
}

/*
 * An event that somebody put into the journal as it is, or that a table was
 * truncated.
 */
void
oe_event_ready_made(OeCycle *cy, OeTx *tx, OeChange *c)
{
	OeDraftEvent *ev = palloc0(sizeof(OeDraftEvent));
	OeJsonRow	row = {0};
	char	   *p;
	const char *version;
	const OeText *data;

	ev->tx = tx;
	ev->change = c;
	ev->record_id = c->record_id;
	ev->rank = 50;
	ev->class = 1;
	if (c->op == 'T')
	{
		ev->type = "odoo.platform.capture.truncated.v1";
		ev->subject = psprintf("capture/%s", c->rule_name);
		ev->key = psprintf("capture:%s", c->rule_name);
		ev->data = psprintf("{\"capture\":{\"table\":\"%s\"}}", c->rule_name);
	}
	else
	{
		oe_row_parse(c->new_text ? c->new_text : "", &row);
		ev->type = oe_member_string(&row, "type", NULL);
		data = oe_row_find(&row, "data");
		if (ev->type == NULL || data == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("a ready-made event lacks its type or its data")));
		ev->subject = oe_member_string(&row, "subject", psprintf("event/" INT64_FORMAT, c->id));
		ev->key = oe_event_ready_made_key(c);
		ev->data = pnstrdup(data->s, data->len);
		ev->correlation = oe_member_string(&row, "correlation", NULL);
		p = oe_member_string(&row, "id", NULL);
		if (p)
		{
			memcpy(ev->id, DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(p))), sizeof(ev->id));
			ev->has_id = true;
		}
	}
	ev->entity = oe_entity_of_type(ev->type);
	version = strrchr(ev->type, 'v');
	ev->dataschema = psprintf("%s/%s/%d.0.json", oe_guc_schema_base, ev->type, version ? atoi(version + 1) : 1);
	tx->events = lappend(tx->events, ev);
}
