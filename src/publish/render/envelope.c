/*
 * envelope.c
 *	  The envelope: ids, and the text that is stored.
 *
 * Reads no tables.  The text is CloudEvents JSON with the attributes in a fixed
 * order.  It is made once and sent as it is stored.
 */
#include "postgres.h"

#include <openssl/sha.h>

#include "access/xlog.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/fmgrprotos.h"
#include "utils/uuid.h"

#include "base/classification.h"
#include "base/compat.h"
#include "base/json.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/render/envelope.h"

/*
 * A UUID (version 8) derived from what the event is: the same whenever and by
 * whomever it is published.
 */
void
oe_event_id(OeDraftEvent *ev)
{
	char	   *text;
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (ev->has_id)
		return;
	text = psprintf(UINT64_FORMAT "/%u/" UINT64_FORMAT "/%s/" INT64_FORMAT "/%s/" INT64_FORMAT,
					GetSystemIdentifier(), MyDatabaseId, ev->tx->xid, ev->e ? ev->e->name : ev->entity,
					ev->record_id, ev->type,
					ev->e == NULL ? ev->change->id : ev->tx->chunk);
	if (ev->sum_id != 0)
		text = psprintf("%s/" INT64_FORMAT, text, ev->sum_id);
	SHA256((unsigned char *) text, strlen(text), digest);
	memcpy(ev->id, digest, 16);
	ev->id[6] = (ev->id[6] & 0x0f) | 0x80;
	ev->id[8] = (ev->id[8] & 0x3f) | 0x80;
	pfree(text);
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
 * The event's text as it is stored, in the current memory context.
 */
text *
oe_event_text(OeCycle *cy, OeDraftEvent *ev, int64 position)
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
