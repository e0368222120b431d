/*
 * ring.c
 *	  Rings of tables (ring.h).
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/fault.h"
#include "base/oe.h"
#include "base/ring.h"
#include "base/session.h"
#include "base/spi_row.h"

/*
 * Looks each member up by name; syscache look-ups only.
 */
void
oe_ring_members(const char *name, int n, Oid *members)
{
	Oid			nsp = get_namespace_oid(OE_SCHEMA, false);
	char		table[NAMEDATALEN];

	for (int i = 0; i < n; i++)
	{
		snprintf(table, sizeof(table), "%s_%d", name, i);
		members[i] = get_relname_relid(table, nsp);
		if (!OidIsValid(members[i]))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("table \"%s.%s\" does not exist", OE_SCHEMA, table)));
	}
}

/*
 * One member at most is being emptied, and is locked only for the moment of a
 * TRUNCATE.  So one of several members is always free.
 */
Relation
oe_ring_open(const Oid *members, int n, int *hint)
{
	int			first = (*hint >= 0 && *hint < n) ? *hint : 0;

	for (int i = 0; i < n; i++)
	{
		int			m = (first + i) % n;

		if (!ConditionalLockRelationOid(members[m], RowExclusiveLock))
			continue;
		*hint = m;
		return table_open(members[m], NoLock);
	}
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("no member of the ring of \"%s\" can be locked",
					get_rel_name(members[0])),
			 errhint("Look in pg_locks for who holds a strong lock on the tables of schema %s.", OE_SCHEMA)));
	return NULL;
}

bool
oe_ring_empty(const char *name, int i, const char *needed, int nargs,
			  const Oid *types, const Datum *values, const char *nulls)
{
	OeSession	session;
	char		table[NAMEDATALEN * 2];
	Oid			relid;
	bool		empty = false;

	oe_own_begin(&session);
	snprintf(table, sizeof(table), "%s_%d", name, i);
	relid = get_relname_relid(table, get_namespace_oid(OE_SCHEMA, false));
	if (OidIsValid(relid) && ConditionalLockRelationOid(relid, AccessExclusiveLock))
	{
		bool		isnull;
		Datum		answer;

		OE_FAULT_OF("rotate-locked", name);
		/* a snapshot that was taken under the lock sees all committed rows */
		PopActiveSnapshot();
		PushActiveSnapshot(GetLatestSnapshot());
		(void) oe_spi(NULL, needed, nargs, types, values, nulls, false, 1);
		answer = SPI_processed == 1 ?
			oe_cell(SPI_tuptable, 0, 1, &isnull)
			: (Datum) 0;
		if (SPI_processed == 1 && !isnull && !DatumGetBool(answer))
		{
			char	   *sql = psprintf("TRUNCATE ONLY %s.%s", OE_SCHEMA, table);

			(void) oe_spi(NULL, sql, 0, NULL, NULL, NULL, false, 0);
			OE_FAULT_OF("rotate-truncated", name);
			empty = true;
		}
	}
	oe_own_end(&session);
	if (empty)
		OE_FAULT_OF("rotate-committed", name);
	return empty;
}
