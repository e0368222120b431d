/*
 * type_stats.c
 *	  Counts the published events of each type, and what policies refuse to
 *	  each role.
 *
 * Any process that publishes.  The entries are part of the metrics of a
 * database in shared memory; making a new one takes the slots' lock.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "base/shmem.h"
#include "base/type_stats.h"

/*
 * The entry of a type, or the free one where it would be made; NULL when all are
 * taken.
 */
static OeTypeStats *
oe_type_search(OeMetrics *m, const char *type, uint32 hash)
{
	for (int i = 0; i < OE_MAX_TYPES; i++)
	{
		OeTypeStats *s = &m->types[(hash + i) % OE_MAX_TYPES];

		if (s->type[0] == '\0' || strcmp(s->type, type) == 0)
			return s;
	}
	return NULL;
}

/*
 * An entry keeps its place, so that only making one needs the lock.  A process
 * that sees a half-made entry takes it for another type's, and searches again
 * under the lock.
 */
void
oe_metrics_published(OeMetrics *m, const char *type, TimestampTz at)
{
	uint32		hash = hash_bytes((const unsigned char *) type, (int) strlen(type));
	OeTypeStats *s;

	if (strlen(type) >= OE_TYPE_LEN)
		return;
	s = oe_type_search(m, type, hash);
	if (s != NULL && s->type[0] == '\0')
	{
		oe_slots_lock(true);
		s = oe_type_search(m, type, hash);
		if (s != NULL && s->type[0] == '\0')
			strlcpy(s->type, type, OE_TYPE_LEN);
		oe_slots_unlock();
	}
	if (s == NULL)
		return;
	pg_atomic_fetch_add_u64(&s->published, 1);
	pg_atomic_write_u64(&s->last_at, (uint64) at);
}

/*
 * Refusals are rare, so each takes the lock.
 */
void
oe_metrics_denied(OeMetrics *m, const char *role)
{
	int			i = 0;

	oe_slots_lock(true);
	while (i < OE_MAX_DENIED - 1 && m->denied[i].role[0] != '\0' && strcmp(m->denied[i].role, role) != 0)
		i++;
	if (m->denied[i].role[0] == '\0')
		strlcpy(m->denied[i].role, i < OE_MAX_DENIED - 1 ? role : "other", NAMEDATALEN);
	oe_slots_unlock();
	pg_atomic_fetch_add_u64(&m->denied[i].count, 1);
}
