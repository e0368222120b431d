/*
 * classes.c
 *	  Which members of an event are not internal, frozen with it.
 *
 * No reading.  Delivery leaves out what a subscription may not see; it must
 * find the same in an event years of catalog changes later, so the outbox
 * keeps the classes beside the text: "3:transfer.partner 3:move.partner",
 * the index of the class, and the member as <entity or part>.<field>.  "*" is
 * what is not named; "subject" the name in the envelope.  "@:product.cost" is a
 * member of a record that companies share, with a value for each of them.  A text per entity,
 * made when the catalog is loaded: it costs an event nothing but its bytes.
 */
#include "postgres.h"

#include "base/classification.h"
#include "publish/internal.h"

static void
oe_classes_of_owner(StringInfo buf, const char *name, const OeOwner *owner)
{
	for (int i = 0; owner && i < owner->nfields; i++)
		if (owner->fields[i].class != OE_CLASS_INTERNAL)
			appendStringInfo(buf, "%s%d:%s.%s", buf->len > 0 ? " " : "", owner->fields[i].class, name, owner->fields[i].name);
}

/*
 * The name of the record stands in the subject, too.
 */
static void
oe_classes_of_subject(StringInfo buf, const OeEntity *e)
{
	const OeOwner *owner = e->owner;

	for (int i = 0; e->name_column && owner && i < owner->nfields; i++)
	{
		OeField    *f = &owner->fields[i];

		if (f->class != OE_CLASS_INTERNAL && f->sources[0].kind == OE_SOURCE_PATH && f->sources[0].path.nhops == 0 &&
			strcmp(f->sources[0].path.column, e->name_column) == 0)
			appendStringInfo(buf, "%s%d:subject", buf->len > 0 ? " " : "", f->class);
	}
}

/*
 * Notes the classes of all entities, in the catalog's memory.
 */
void
oe_classes_load(OeCatalog *cat)
{
	for (int i = 0; i < cat->nentities; i++)
	{
		OeEntity   *e = &cat->entities[i];
		StringInfoData buf;

		initStringInfo(&buf);
		oe_classes_of_owner(&buf, e->label, e->owner);
		oe_classes_of_subject(&buf, e);
		for (int j = 0; j < e->nparts; j++)
			oe_classes_of_owner(&buf, e->parts[j]->name, e->parts[j]->owner);
		e->member_classes = buf.len > 0 ? buf.data : NULL;
	}
}

/*
 * The classes of an event's members, and which of them hold a value per
 * company; NULL where all are internal and none does.
 */
const char *
oe_event_classes(const OeEvent *ev)
{
	const char *const texts[] = {
		ev->def && ev->def->class != OE_CLASS_INTERNAL ? psprintf("%d:*", ev->def->class) : NULL,
		ev->e ? ev->e->member_classes : NULL,
		ev->per_company
	};
	const char *all = NULL;

	for (int i = 0; i < lengthof(texts); i++)
		if (texts[i])
			all = all ? psprintf("%s %s", all, texts[i]) : texts[i];
	return all;
}
