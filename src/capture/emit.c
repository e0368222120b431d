/*
 * emit.c
 *	  emit(): ready-made events in the caller's transaction (emit.h).
 *
 * Any backend.  An event is a change record in the log of the transaction, as the
 * change of a row is, and is written to the journal just before the commit.  Its
 * order relative to other transactions' changes of the same document is that of
 * the commits, not that of the calls.  Takes no lock and touches no table.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "base/guc.h"
#include "base/json.h"
#include "capture/emit.h"
#include "capture/log.h"

#define OE_EMIT_RULE "emit"
#define OE_EMIT_DATA_MAX (1024 * 1024)
#define OE_EMIT_NAME_MAX 255	/* bytes of a subject or a key */
#define OE_EMIT_RESERVED "odoo."

PG_FUNCTION_INFO_V1(oe_sql_check_type);
PG_FUNCTION_INFO_V1(oe_sql_emit);
PG_FUNCTION_INFO_V1(oe_sql_emit_platform);

/* The layout of change records that belong to no table. */
static OeRowLayout oe_emit_layout = {.rule = OE_EMIT_RULE};
static OeRowLayout *oe_snapshot_layouts = NULL; /* one per rule, for good */

static void
oe_emit_member(StringInfo buf, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(buf, ",\"%s\":", name);
	oe_json_cstring(buf, value);
}

/*
 * Appends a change record.  Where the log of this transaction has failed already,
 * counts the event as lost, which makes a gap.
 */
static void
oe_emit_record(OeRowLayout *layout, char op, int64 id, const char *text, int len)
{
	Size		size = MAXALIGN(sizeof(OeChangeRecord)) + MAXALIGN(len);
	OeChangeRecord *record = oe_log_reserve(size);

	if (record == NULL)
	{
		OeTarget   *t = oe_log_layout_target(layout);

		t->lost++;
		if (t->reason == NULL)
			t->reason = "the transaction's changes could not be kept";
		return;
	}
	memset(record, 0, sizeof(*record));
	record->size = size;
	record->layout = layout;
	record->op = op;
	record->id = id;
	record->new_image = MAXALIGN(sizeof(OeChangeRecord));
	record->new_len = len;
	memcpy((char *) record + record->new_image, text, len);
	oe_log->matters = true;
	oe_log_append(record);
}

void
oe_emit(const char *type, const char *subject, const char *data,
		const char *key, const char *correlation, pg_uuid_t *id)
{
	StringInfoData buf;
	Datum		uuid = id ? UUIDPGetDatum(id) : DirectFunctionCall1(gen_random_uuid, (Datum) 0);

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"id\":\"%s\"", DatumGetCString(DirectFunctionCall1(uuid_out, uuid)));
	oe_emit_member(&buf, "type", type);
	oe_emit_member(&buf, "subject", subject);
	oe_emit_member(&buf, "key", key ? key : subject);
	oe_emit_member(&buf, "correlation", correlation);
	appendStringInfo(&buf, ",\"data\":%s}", data);
	oe_emit_record(&oe_emit_layout, 'E', 0, buf.data, buf.len);
	pfree(buf.data);
}

void
oe_note_snapshot(const char *rule, const char *entity, int64 id)
{
	OeRowLayout *layout = oe_snapshot_layouts;

	while (layout && strcmp(layout->rule, rule) != 0)
		layout = layout->next;
	if (layout == NULL)
	{
		layout = MemoryContextAllocZero(TopMemoryContext, sizeof(OeRowLayout));
		strlcpy(layout->rule, rule, NAMEDATALEN);
		layout->next = oe_snapshot_layouts;
		oe_snapshot_layouts = layout;
	}
	oe_emit_record(layout, 'S', id, entity, strlen(entity));
}

/* ---- SQL ---- */

static char *
oe_emit_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* The end of the word of [a-z0-9_] at p; NULL where there is no word. */
static const char *
oe_type_word(const char *p)
{
	const char *start = p;

	while ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_')
		p++;
	return p > start ? p : NULL;
}

/*
 * Is it <prefix>.<domain>.<entity>.<verb>.v<n>?  The prefix may have several
 * words.
 */
static bool
oe_type_is_form(const char *type)
{
	const char *p = type;
	const char *last = type;
	int			words = 0;

	if (strlen(type) > OE_EMIT_NAME_MAX || type[0] < 'a' || type[0] > 'z')
		return false;
	for (;;)
	{
		last = p;
		if ((p = oe_type_word(p)) == NULL)
			return false;
		words++;
		if (*p == '\0')
			break;
		if (*p++ != '.')
			return false;
	}
	return words >= 5 && last[0] == 'v' && last[1] >= '1' && last[1] <= '9' &&
		strlen(last) <= 4 && strspn(last + 1, "0123456789") == strlen(last + 1);
}

static void
oe_emit_check_type(const char *type)
{
	if (!oe_type_is_form(type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"type\" cannot be \"%s\"", type),
				 errdetail("A type has the form prefix.domain.entity.verb.v1, of lower case letters, digits and underscores."),
				 errhint("For example: acme.logistics.customs_hold.placed.v1")));
	if (strncmp(type, OE_EMIT_RESERVED, strlen(OE_EMIT_RESERVED)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("argument \"type\" cannot be \"%s\": the prefix \"%s\" is the catalog's own", type, OE_EMIT_RESERVED),
				 errhint("Use a prefix of your own: acme.%s", type + strlen(OE_EMIT_RESERVED))));
}

/*
 * Refuses a subject or a key that is empty, too long or not printable.
 */
static void
oe_emit_check_name(const char *argument, const char *value)
{
	int			len = strlen(value);

	if (len == 0 || len > OE_EMIT_NAME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must have 1 to %d bytes", argument, OE_EMIT_NAME_MAX),
				 errdetail("It has %d.", len),
				 errhint("For example: customs_hold/WH/OUT/00042")));
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" contains a control character", argument),
					 errhint("For example: customs_hold/WH/OUT/00042")));
}

static char *
oe_emit_data(Jsonb *jb)
{
	StringInfoData buf;

	if (!JB_ROOT_IS_OBJECT(jb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"data\" must be a JSON object"),
				 errhint("For example: {\"customs_hold\": {\"id\": 42}}")));
	initStringInfo(&buf);
	(void) JsonbToCString(&buf, &jb->root, VARSIZE(jb));
	if (buf.len > OE_EMIT_DATA_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"data\" has %d bytes; at most %d can be sent", buf.len, OE_EMIT_DATA_MAX),
				 errhint("Emit the address of a large document instead of its content.")));
	return buf.data;
}

static Datum
oe_sql_emit_any(FunctionCallInfo fcinfo, bool platform)
{
	static const char *const names[] = {"type", "subject", "data"};
	char	   *type;
	char	   *subject;
	char	   *key;
	char	   *correlation;
	char	   *data;
	pg_uuid_t  *id;

	for (int i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be null", names[i])));
	PreventCommandIfReadOnly("emit()");
	PreventCommandIfParallelMode("emit()");
	PreventCommandDuringRecovery("emit()");
	type = oe_emit_argument(fcinfo, 0);
	subject = oe_emit_argument(fcinfo, 1);
	key = oe_emit_argument(fcinfo, 3);
	correlation = oe_emit_argument(fcinfo, 4);
	if (!platform)
		oe_emit_check_type(type);
	oe_emit_check_name("subject", subject);
	if (key)
		oe_emit_check_name("key", key);
	if (correlation)
		oe_emit_check_name("correlation", correlation);
	data = oe_emit_data(PG_GETARG_JSONB_P(2));
	id = DatumGetUUIDP(DirectFunctionCall1(gen_random_uuid, (Datum) 0));
	oe_emit(type, subject, data, key, correlation, id);
	PG_RETURN_UUID_P(id);
}

/*
 * emit(type, subject, data, key, correlation)
 */
Datum
oe_sql_emit(PG_FUNCTION_ARGS)
{
	return oe_sql_emit_any(fcinfo, false);
}

/*
 * _emit(...): the same for types of the platform, which emit() refuses.
 */
Datum
oe_sql_emit_platform(PG_FUNCTION_ARGS)
{
	return oe_sql_emit_any(fcinfo, true);
}

/*
 * _check_type(type): raises an error where a DBA may not define such a type.
 */
Datum
oe_sql_check_type(PG_FUNCTION_ARGS)
{
	oe_emit_check_type(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}
