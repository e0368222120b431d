/*
 * table_names.c
 *	  Names of tables, in paths and as arrays.
 *
 * Memory only.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "publish/odoo/table_names.h"

/* 'a>table.b', 'a^table.b': the table's name, or NULL for a plain column. */
char *
oe_hop_table(const char *path, char *column, char *table, char *field)
{
	const char *hop = strpbrk(path, ">^");
	const char *dot = hop ? strchr(hop, '.') : NULL;

	if (hop == NULL || dot == NULL)
		return NULL;
	strlcpy(column, path, Min(hop - path + 1, NAMEDATALEN));
	strlcpy(table, hop + 1, Min(dot - hop, NAMEDATALEN));
	strlcpy(field, dot + 1, NAMEDATALEN);
	return table;
}

Datum
oe_text_array(List *names)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(list_length(names), 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, names)
	{
		elems[n++] = CStringGetTextDatum(lfirst(lc));
	}
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false, TYPALIGN_INT));
}
