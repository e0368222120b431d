/*
 * past_rows.c
 *	  The rows that were a part of a document when a transaction committed.
 *
 * As-owner transaction.  A row of the part that the transaction did not touch
 * is read from its table, unless a later change in the journal shows that it
 * was different, or not there, at that time (lookahead.c).
 */
#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/transaction.h"
#include "publish/odoo/lookahead.h"
#include "publish/odoo/rows.h"
#include "publish/transform/past_rows.h"

static bool
oe_was_parent(OePart *part, const OeJsonRow *row, int64 id)
{
	int64		parent;

	for (int i = 0; i < part->nparents; i++)
		if (oe_text_int(oe_row_find(row, part->parents[i]), &parent) && parent == id)
			return true;
	return false;
}

/* Is a row of this id in the list already? */
static bool
oe_listed_row(List *rows, int64 id)
{
	ListCell   *lc;
	int64		other;

	foreach(lc, rows)
	{
		if (oe_text_int(oe_row_find(lfirst(lc), "id"), &other) && other == id)
			return true;
	}
	return false;
}

/*
 * The rows (OeJsonRow *) that were this part of "id" and that the transaction left
 * alone, as it found them.
 */
List *
oe_past_rows(OeCycle *cy, OeTx *tx, OePart *part, int64 id)
{
	OeLookaheadKey key = {.id = id,.rule = -1,.part = part->index};
	List	   *rows = NIL;
	ListCell   *lc;
	OeJsonRow  *row;

	for (int j = 0; j < part->nparents; j++)
		foreach(lc, oe_lines_of(cy, part->rule, part->parents[j], id))
	{
		OeLine	   *line = lfirst(lc);

		if (oe_tx_find(tx, part->rule, line->id) != NULL)
			continue;
		if (!oe_lookahead_row(cy, tx, part->rule, line->id, &row))
			rows = lappend(rows, &line->row);
		else if (row != NULL && oe_was_parent(part, row, id))
			rows = lappend(rows, row);
	}
	for (int which = 0; part->rule->ahead && which < 2; which++)
		foreach(lc, oe_lookahead_changes(cy, which, key))
	{
		OeLaterChange *l = lfirst(lc);
		int64		other = l->change->record_id;

		if (oe_lookahead_is_later(cy, tx, l) && oe_tx_find(tx, part->rule, other) == NULL && !oe_listed_row(rows, other) &&
			oe_lookahead_row(cy, tx, part->rule, other, &row) && row != NULL && oe_was_parent(part, row, id))
			rows = lappend(rows, row);
	}
	return rows;
}
