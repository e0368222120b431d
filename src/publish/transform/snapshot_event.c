/*
 * snapshot_event.c
 *	  Snapshot events: the state of one row, whatever happened to it.
 *
 * As-owner transaction.  A journal row with op S asks for such an event.  It has
 * only the id of the record, and the name of the entity; behind it, after a
 * space, the subscriptions that the event is for alone, as column classes has
 * them.  The row itself is read when the event is made.  An
 * event with a higher position of the same key is therefore never older.
 */
#include "postgres.h"

#include "base/json_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/rows.h"
#include "publish/transform/entity.h"
#include "publish/transform/predicate.h"
#include "publish/transform/snapshot_event.h"

static OeEntity *
oe_snapshot_entity(OeCycle *cy, OeChange *c)
{
	char	   *space = c->new_text ? strchr(c->new_text, ' ') : NULL;
	OeEntity   *e = NULL;

	if (c->new_text != NULL)
		e = oe_entity_find(cy->cat, space ? pnstrdup(c->new_text, space - c->new_text) : c->new_text);
	return e && e->rule == c->rule ? e : NULL;
}

/*
 * Asks for the row, and for what its key and kind depend on.
 */
void
oe_snapshot_prepare(OeCycle *cy, OeChange *c)
{
	OeEntity   *e = oe_snapshot_entity(cy, c);
	OeJsonRow  *row = e ? oe_row_there(cy, e->rule, c->record_id) : NULL;

	if (row == NULL)
		return;
	oe_refs_wanted(cy, e->rule, row);
	(void) oe_entity_key(cy, e, row, c->record_id, true);
}

char *
oe_snapshot_key(OeCycle *cy, OeChange *c, bool refs)
{
	OeEntity   *e = oe_snapshot_entity(cy, c);
	OeJsonRow  *row = e && refs ? oe_row_there(cy, e->rule, c->record_id) : NULL;

	return row ? oe_entity_key(cy, e, row, c->record_id, true) : oe_key_text(e ? e->label : c->rule_name, c->record_id);
}

/*
 * The event; of a row that is gone it says so.  None where the entity is no
 * more.
 */
void
oe_snapshot_event(OeCycle *cy, OeTx *tx, OeChange *c)
{
	OeEntity   *e = oe_snapshot_entity(cy, c);
	OeJsonRow  *row = e ? oe_row_there(cy, e->rule, c->record_id) : NULL;
	OeDefinition *d = palloc0(sizeof(OeDefinition));
	OeDraftEvent *ev;

	if (e == NULL)
		return;
	d->type = psprintf("odoo.%s.%s.snapshot.v1", e->domain, e->label);
	d->variant = 1;
	d->occasion = OE_ON_CHANGED;
	d->with_lines = row != NULL && e->nparts > 0;
	d->emit = true;
	d->class = 1;
	ev = oe_event_new(tx, e, d, c, row ? row : palloc0(sizeof(OeJsonRow)), c->record_id,
					  row ? oe_kind_of(cy, tx, e, row) : NULL);
	if (row && e->id_column)
		(void) oe_text_int(oe_row_find(row, e->id_column), &ev->record_id);
	ev->read_later = true;
	ev->addressed = strchr(c->new_text, ' ') ? strchr(c->new_text, ' ') + 1 : NULL;
}
