/*
 * document.c
 *	  What one transaction did to one document and its parts.
 *
 * Memory only.
 */
#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/model/document.h"

bool
oe_direct_parent(OePart *part, const OeJsonRow *row, int64 *id)
{
	for (int i = 0; i < part->nparents; i++)
		if (oe_text_int(oe_row_find(row, part->parents[i]), id))
			return true;
	return false;
}

void
oe_add_column(OePartChange *pc, const char *column, const OeText *old, const OeText *new)
{
	OeColumnChange *cc = palloc0(sizeof(OeColumnChange));

	cc->column = column;
	if (old)
		cc->old = *old;
	if (new)
		cc->new = *new;
	pc->columns = lappend(pc->columns, cc);
}
