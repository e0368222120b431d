/*
 * leaf.c
 *	  What the evidence log keeps of one event.
 *
 * Any backend, in the caller's transaction: functions of seal.sql.
 *
 * A leaf is made of position and id, of the hash of what is left when a person
 * is erased, and of the hash of a salt and the whole text.  When a person is
 * erased the salt goes, too: then nobody can find out by trying names what had
 * been there, and the rest still verifies.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "base/classification.h"
#include "base/compat.h"
#include "deliver/message/body.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"
#include "seal/merkle.h"

PG_FUNCTION_INFO_V1(oe_sql_event_rest);
PG_FUNCTION_INFO_V1(oe_sql_seal_leaf);

/*
 * Cuts an attribute of the envelope out of a text, if it is there: from the
 * comma before it to the end of its value, which is a string without escapes.
 */
static void
oe_cut_attribute(char *text, const char *name)
{
	char	   *data = strstr(text, ",\"data\":");
	char	   *p = strstr(text, name);
	char	   *end;

	if (p == NULL || (data != NULL && p > data) || (end = strchr(p + strlen(name), '"')) == NULL)
		return;
	memmove(p, end + 1, strlen(end + 1) + 1);
}

/*
 * The event without members that were personal when it was published, without
 * the actor, and without the time of an erasure: the same text before and after
 * one.  What cannot be taken apart has no such members and is all rest.
 */
static char *
oe_event_rest(char *text, char *classes)
{
	OeConfiguration conf;
	OeOutboxEvent event;
	StringInfoData out;
	int			none;

	if (oe_delivery.cxt == NULL)
		oe_delivery.cxt = AllocSetContextCreate(TopMemoryContext, "odoo_events rendering", ALLOCSET_DEFAULT_SIZES);
	memset(&conf, 0, sizeof(conf));
	memset(&event, 0, sizeof(event));
	conf.format = 's';
	conf.clearance = (1 << OE_CLASSES) - 1 - (1 << (OE_CLASSES - 1));	/* all but personal */
	event.body = text;
	event.body_len = strlen(text);
	event.classes = classes;
	if (!oe_body_as_is(&conf, &event))
	{
		initStringInfo(&out);
		if (oe_body_try(&conf, &event, 's', &out, NULL, &none) == NULL)
			text = out.data;
	}
	oe_cut_attribute(text, ",\"authid\":\"");
	oe_cut_attribute(text, ",\"erasedtime\":\"");
	return text;
}

/*
 * _event_rest(event, classes)
 */
Datum
oe_sql_event_rest(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(oe_event_rest(text_to_cstring(PG_GETARG_TEXT_PP(0)),
												   PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}

/*
 * Where no event is, both hashes are zeros.
 */
static void
oe_leaf_hashes(FunctionCallInfo fcinfo, unsigned char *rest, unsigned char *whole)
{
	text	   *event;
	bytea	   *salt = PG_GETARG_BYTEA_PP(4);
	OeBytes		parts[2] = {{VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt)}};

	memset(rest, 0, OE_HASH_LEN);
	memset(whole, 0, OE_HASH_LEN);
	if (PG_ARGISNULL(2))
		return;
	event = PG_GETARG_TEXT_PP(2);
	parts[1].data = VARDATA_ANY(event);
	parts[1].len = VARSIZE_ANY_EXHDR(event);
	oe_sha256(parts, 2, whole);
	parts[0].data = oe_event_rest(text_to_cstring(event), PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)));
	parts[0].len = strlen(parts[0].data);
	oe_sha256(parts, 1, rest);
}

/*
 * _seal_leaf(position, id, event, classes, salt): the hash of the leaf, then
 * those of the rest and of the whole text.
 */
Datum
oe_sql_seal_leaf(PG_FUNCTION_ARGS)
{
	static const pg_uuid_t no_id = {{0}};
	bytea	   *result = palloc(VARHDRSZ + 3 * OE_HASH_LEN);
	unsigned char *hashes = (unsigned char *) VARDATA(result);
	uint64		position = (uint64) PG_GETARG_INT64(0);
	const pg_uuid_t *id = PG_ARGISNULL(1) ? &no_id : PG_GETARG_UUID_P(1);
	unsigned char place[8];
	const OeBytes leaf[] = {{"\0", 1}, {place, sizeof(place)}, {id->data, UUID_LEN}, {hashes + OE_HASH_LEN, 2 * OE_HASH_LEN}};

	for (int i = 0; i < 8; i++)
		place[i] = (unsigned char) (position >> (56 - 8 * i));
	oe_leaf_hashes(fcinfo, hashes + OE_HASH_LEN, hashes + 2 * OE_HASH_LEN);
	oe_sha256(leaf, lengthof(leaf), hashes);
	SET_VARSIZE(result, VARHDRSZ + 3 * OE_HASH_LEN);
	PG_RETURN_BYTEA_P(result);
}
