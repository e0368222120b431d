/*
 * event.c
 *	  The envelope: ids, ready-made events, the frozen text.
 *
 * No reading.  The text is CloudEvents JSON, attributes always in the same
 * order; it is built once and stored as it is sent.
 */
#include "postgres.h"

#include <openssl/sha.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/fmgrprotos.h"
#include "utils/uuid.h"

#include "base/classification.h"
#include "base/guc.h"
#include "base/json.h"
#include "publish/internal.h"

/*
 * A UUID (version 8) of what the event is: the same whenever and by whomever
 * it is published.
 */
void
oe_event_id(OeEvent *ev)
{
	char	   *text;
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (ev->has_id)
		return;
	text = psprintf(UINT64_FORMAT "/%u/" UINT64_FORMAT "/%s/" INT64_FORMAT "/%s/" INT64_FORMAT,
					GetSystemIdentifier(), MyDatabaseId, ev->tx->xid, ev->e ? ev->e->name : ev->entity,
					ev->record_id, ev->type,
					ev->e == NULL ? ev->change->id : ev->tx->slice);
	if (ev->sum_id != 0)
		text = psprintf("%s/" INT64_FORMAT, text, ev->sum_id);
	SHA256((unsigned char *) text, strlen(text), digest);
	memcpy(ev->id, digest, 16);
	ev->id[6] = (ev->id[6] & 0x0f) | 0x80;
	ev->id[8] = (ev->id[8] & 0x3f) | 0x80;
	pfree(text);
}

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
oe_member_string(const OeRow *row, const char *name, char *otherwise)
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
	OeRow		row = {0};

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
	OeEvent    *ev = palloc0(sizeof(OeEvent));
	OeRow		row = {0};
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

/*
 * As UUIDs are written.
 */
char *
oe_uuid_text(const unsigned char *u)
{
	char	   *text = palloc(37);

	oe_uuid_digits(u, text);
	return text;
}

static void
oe_attribute(StringInfo buf, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfoChar(buf, ',');
	oe_json_name(buf, name);
	oe_json_cstring(buf, value);
}

/*
 * The text of the event as it is stored, in memory of the caller's context.
 */
text *
oe_event_text(OeCycle *cy, OeEvent *ev, int64 position)
{
	StringInfoData buf;
	char		sequence[24];

	initStringInfo(&buf);
	enlargeStringInfo(&buf, strlen(ev->data) + 1024);
	buf.len = VARHDRSZ;
	appendStringInfoString(&buf, "{\"specversion\":\"1.0\"");
	oe_attribute(&buf, "id", oe_uuid_text(ev->id));
	oe_attribute(&buf, "source", cy->source);
	oe_attribute(&buf, "type", ev->type);
	oe_attribute(&buf, "subject", ev->subject);
	appendStringInfoString(&buf, ",\"time\":");
	oe_json_timestamptz(&buf, ev->change->at);
	appendStringInfoString(&buf, ",\"recordedtime\":");
	oe_json_timestamptz(&buf, cy->now);
	oe_attribute(&buf, "datacontenttype", "application/json");
	oe_attribute(&buf, "dataschema", ev->dataschema);
	oe_attribute(&buf, "partitionkey", ev->key);
	snprintf(sequence, sizeof(sequence), "%020lld", (long long) position);
	oe_attribute(&buf, "sequence", sequence);
	oe_attribute(&buf, "correlationid", ev->correlation);
	oe_attribute(&buf, "causationid", ev->cause ? oe_uuid_text(ev->cause->id) : NULL);
	oe_attribute(&buf, "traceparent", ev->change->traceparent && ev->change->traceparent[0] ? ev->change->traceparent : NULL);
	if (ev->actor > 0)
	{
		oe_attribute(&buf, "authtype", ev->actor == 1 ? "system" : "app_user");
		appendStringInfo(&buf, ",\"authid\":\"" INT64_FORMAT "\"", ev->actor);
	}
	oe_attribute(&buf, "dataclassification", oe_class_names[ev->class]);
	if (ev->company > 0)
		appendStringInfo(&buf, ",\"odoocompany\":" INT64_FORMAT, ev->company);
	oe_attribute(&buf, "odoomodel", ev->model);
	if (ev->e)
	{
		appendStringInfoString(&buf, ",\"odoorecordid\":");
		/* an integer of CloudEvents has 32 bits */
		if (ev->record_id > PG_INT32_MAX || ev->record_id < PG_INT32_MIN)
			appendStringInfo(&buf, "\"" INT64_FORMAT "\"", ev->record_id);
		else
			oe_json_int(&buf, ev->record_id);
	}
	appendStringInfo(&buf, ",\"odootx\":\"" UINT64_FORMAT "\",\"data\":", ev->tx->xid);
	appendStringInfoString(&buf, ev->data);
	appendStringInfoChar(&buf, '}');
	SET_VARSIZE(buf.data, buf.len);
	return (text *) buf.data;
}
