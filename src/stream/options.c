/*
 * options.c
 *	  Options of the output plugin (stream.h).
 *
 * Options that are unknown, given twice, or belong to the other source are errors:
 * a consumer that misspells an option must not get another stream than it asked
 * for.
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "stream/stream.h"

typedef enum OeOption
{
	OE_OPT_SOURCE, OE_OPT_TYPES, OE_OPT_ENTITIES, OE_OPT_LSN, OE_OPT_XID,
	OE_OPT_TIMESTAMP, OE_OPT_SKIP_EMPTY, OE_OPT_COUNT
} OeOption;

static const char *const oe_option_names[OE_OPT_COUNT] = {
	[OE_OPT_SOURCE] = "source",
	[OE_OPT_TYPES] = "types",
	[OE_OPT_ENTITIES] = "entities",
	[OE_OPT_LSN] = "include-lsn",
	[OE_OPT_XID] = "include-xid",
	[OE_OPT_TIMESTAMP] = "include-timestamp",
	[OE_OPT_SKIP_EMPTY] = "skip-empty-xacts",
};

static OeOption
oe_option_of(const char *name)
{
	for (int i = 0; i < OE_OPT_COUNT; i++)
		if (strcmp(name, oe_option_names[i]) == 0)
			return (OeOption) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("output plugin \"odoo_events\" has no option \"%s\"", name),
			 errhint("Its options are source, types, entities, include-lsn, include-xid, include-timestamp and skip-empty-xacts.")));
}

static bool
oe_option_bool(DefElem *e)
{
	bool		value = true;

	if (e->arg && !parse_bool(strVal(e->arg), &value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is \"%s\"", e->defname, strVal(e->arg)),
				 errhint("Give on or off.")));
	return value;
}

/*
 * Parses names separated by commas; braces around them are allowed, as in an array.
 */
static void
oe_option_list(OeStream *s, DefElem *e, const char *allowed)
{
	char	   *text = pstrdup(e->arg ? strVal(e->arg) : "");
	int			len = strlen(text);
	char	   *save;

	if (len >= 2 && text[0] == '{' && text[len - 1] == '}')
	{
		text[len - 1] = '\0';
		text++;
	}
	s->names = palloc((len + 1) * sizeof(char *));
	for (char *name = strtok_r(text, ", ", &save); name != NULL; name = strtok_r(NULL, ", ", &save))
	{
		if (name[strspn(name, allowed)] != '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" has the unusable name \"%s\"", e->defname, name),
					 errhint("Give names separated by commas, of the characters %s.", allowed)));
		s->names[s->nnames++] = name;
	}
	if (s->nnames == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" is empty", e->defname),
				 errhint("Leave it out to get all.")));
}

static void
oe_option_source(OeStream *s, DefElem *e)
{
	const char *value = e->arg ? strVal(e->arg) : "";

	if (strcmp(value, "tables") == 0)
		s->source = OE_SOURCE_TABLES;
	else if (strcmp(value, "outbox") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"source\" is \"%s\"", value),
				 errhint("outbox: published events; tables: net changes of Odoo's tables.")));
}

/*
 * Refuses an option that belongs to the other source.
 */
static void
oe_option_foreign(OeStream *s, const DefElem *e, OeStreamSource source)
{
	if (e && s->source != source)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" needs source=%s", e->defname,
						source == OE_SOURCE_TABLES ? "tables" : "outbox"),
				 errhint("types chooses among published events, entities among tables.")));
}

void
oe_stream_options(OeStream *s, List *options)
{
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	static const char pattern[] = "abcdefghijklmnopqrstuvwxyz0123456789_.*";
	DefElem    *given[OE_OPT_COUNT] = {NULL};
	ListCell   *lc;

	s->source = OE_SOURCE_OUTBOX;
	s->skip_empty = true;
	foreach(lc, options)
	{
		DefElem    *e = lfirst_node(DefElem, lc);
		OeOption	option = oe_option_of(e->defname);

		if (given[option])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is given twice", e->defname)));
		given[option] = e;
	}
	if (given[OE_OPT_SOURCE])
		oe_option_source(s, given[OE_OPT_SOURCE]);
	oe_option_foreign(s, given[OE_OPT_TYPES], OE_SOURCE_OUTBOX);
	oe_option_foreign(s, given[OE_OPT_ENTITIES], OE_SOURCE_TABLES);
	if (given[OE_OPT_TYPES])
		oe_option_list(s, given[OE_OPT_TYPES], pattern);
	if (given[OE_OPT_ENTITIES])
		oe_option_list(s, given[OE_OPT_ENTITIES], lower);
	if (given[OE_OPT_LSN])
		s->lsn = oe_option_bool(given[OE_OPT_LSN]);
	if (given[OE_OPT_XID])
		s->xid = oe_option_bool(given[OE_OPT_XID]);
	if (given[OE_OPT_TIMESTAMP])
		s->timestamp = oe_option_bool(given[OE_OPT_TIMESTAMP]);
	if (given[OE_OPT_SKIP_EMPTY])
		s->skip_empty = oe_option_bool(given[OE_OPT_SKIP_EMPTY]);
}
