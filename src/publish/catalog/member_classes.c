/*
 * member_classes.c
 *	  Sensitivity classes of the members of events, as one string per
 *	  entity.
 *
 * Reads no tables.  Each event stores the classes of its members that are not
 * internal, as "3:transfer.partner 3:move.partner": the number of the class,
 * and the member as <entity or part>.<field>.  "*" stands for all other members,
 * "subject" for the name in the envelope.  So delivery filters an old event by
 * the classes that were valid when it was published.  The string is made once,
 * when the catalog is loaded.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/classification.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/member_classes.h"
#include "publish/catalog/types.h"

static void
oe_classes_of_owner(StringInfo buf, const char *name, const OeFieldOwner *owner)
{
	for (int i = 0; owner && i < owner->nfields; i++)
		if (owner->fields[i].class != OE_CLASS_INTERNAL)
			appendStringInfo(buf, "%s%d:%s.%s", buf->len > 0 ? " " : "", owner->fields[i].class, name, owner->fields[i].name);
}

/*
 * The subject of the envelope contains the record's name, so it has the same
 * class.
 */
static void
oe_classes_of_subject(StringInfo buf, const OeEntity *e)
{
	const OeFieldOwner *owner = e->owner;

	for (int i = 0; e->name_column && owner && i < owner->nfields; i++)
	{
		OeField    *f = &owner->fields[i];

		if (f->class != OE_CLASS_INTERNAL && f->sources[0].kind == OE_SOURCE_PATH && f->sources[0].path.nhops == 0 &&
			strcmp(f->sources[0].path.column, e->name_column) == 0)
			appendStringInfo(buf, "%s%d:subject", buf->len > 0 ? " " : "", f->class);
	}
}

/*
 * Makes the strings of all entities, in the catalog's memory context.
 */
void
oe_classes_load(OeEntity *entities, int n)
{
	for (int i = 0; i < n; i++)
	{
		OeEntity   *e = &entities[i];
		StringInfoData buf;

		initStringInfo(&buf);
		oe_classes_of_owner(&buf, e->label, e->owner);
		oe_classes_of_subject(&buf, e);
		for (int j = 0; j < e->nparts; j++)
			oe_classes_of_owner(&buf, e->parts[j]->name, e->parts[j]->owner);
		e->member_classes = buf.len > 0 ? buf.data : NULL;
	}
}
