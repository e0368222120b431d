/*
 * sla_rule.c
 *	  The terms of SLAs in memory (sla_rule.h).
 *
 * A part of the consumer that keeps promises: trusted transaction of the reader
 * behind the publisher.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/glob.h"
#include "base/spi_row.h"
#include "process/sla_rule.h"

static OeSla *oe_slas = NULL;
static int	oe_nslas = 0;

#define OE_PATTERNS(member) \
	"(SELECT pg_catalog.string_agg(e, ' ') FROM pg_catalog.jsonb_array_elements_text(t.terms -> '" member "') e)"

static TimestampTz
oe_spi_time(uint64 row, int col)
{
	return (TimestampTz) oe_spi_int8(row, col);
}

void
oe_slas_load(MemoryContext cxt)
{
	MemoryContext old;

	(void) oe_spi_keep_context(NULL, "SELECT t.id, t.name, t.until IS NULL, t.from_position, t.from_time, t.since, "
							   OE_PATTERNS("starts") ", " OE_PATTERNS("ends") ", " OE_PATTERNS("stops") ", " OE_PATTERNS("pauses") ", "
							   OE_PATTERNS("resumes") ", " OE_PATTERNS("moves") ", t.terms ->> 'document', t.terms ->> 'complete' = 'all',"
							   " t.terms ->> 'ends_filter' IS NOT NULL,"
							   " NOT EXISTS (SELECT FROM odoo_events.sla_def d WHERE d.name = t.name),"
							   " COALESCE(t.terms ->> 'calendar', t.terms ->> 'deadline', t.terms ->> 'filter', t.terms ->> 'companies', t.terms ->> 'warehouses') IS NULL,"
							   " w.us, CASE WHEN (t.terms ->> 'warn_at')::numeric < 1 THEN (w.us * (t.terms ->> 'warn_at')::numeric)::int8 END"
							   " FROM odoo_events.sla_terms t, LATERAL (SELECT (extract(epoch FROM (t.terms ->> 'within')::interval) * 1000000)::int8 AS us) w", 0, NULL, NULL, NULL, true, 0);
	old = MemoryContextSwitchTo(cxt);
	oe_nslas = SPI_processed;
	oe_slas = palloc0(sizeof(OeSla) * Max(oe_nslas, 1));
	for (int i = 0; i < oe_nslas; i++)
	{
		OeSla	   *s = &oe_slas[i];

		s->id = oe_cell_int4(SPI_tuptable, i, 1);
		s->name = pstrdup(oe_spi_text(i, 2));
		s->active = oe_cell_bool(SPI_tuptable, i, 3);
		s->from_position = oe_spi_int8(i, 4);
		s->from_time = oe_spi_time(i, 5);
		s->since = oe_spi_time(i, 6);
		for (int r = 0; r < OE_ROLES; r++)
		{
			char	   *patterns = oe_spi_text(i, 7 + r);

			s->patterns[r] = pstrdup(patterns ? patterns : "");
		}
		s->document = oe_spi_text(i, 13)[0];
		s->all = oe_cell_bool(SPI_tuptable, i, 14);
		s->ends_filter = oe_cell_bool(SPI_tuptable, i, 15);
		s->dropped = oe_cell_bool(SPI_tuptable, i, 16);
		s->plain = oe_cell_bool(SPI_tuptable, i, 17);
		s->within = oe_spi_int8(i, 18);
		s->warn_after = oe_spi_int8(i, 19);
	}
	MemoryContextSwitchTo(old);
}

bool
oe_slas_any(void)
{
	return oe_nslas > 0;
}

OeSla *
oe_sla_find(int id)
{
	for (int i = 0; i < oe_nslas; i++)
		if (oe_slas[i].id == id)
			return &oe_slas[i];
	return NULL;
}

/*
 * Does one of the patterns match?  "*" alone or any other pattern that does not
 * name them does not mean what is told of promises themselves.
 */
static bool
oe_sla_pattern(const char *patterns, const char *type)
{
	char	   *list = pstrdup(patterns);
	char	   *rest = NULL;

	for (char *p = strtok_r(list, " ", &rest); p != NULL; p = strtok_r(NULL, " ", &rest))
		if (oe_glob(p, type, strlen(type)))
			return true;
	return false;
}

int
oe_sla_roles(const OeSla *sla, const char *type)
{
	int			roles = 0;

	if (strncmp(type, OE_PROMISE_TYPES, strlen(OE_PROMISE_TYPES)) == 0)
		return 0;
	for (int r = 0; r < OE_ROLES; r++)
		if (oe_sla_pattern(sla->patterns[r], type))
			roles |= 1 << r;
	return roles;
}

OeSlaRoles *
oe_slas_of_type(const char *type, MemoryContext cxt)
{
	OeSlaRoles *roles = MemoryContextAlloc(cxt, offsetof(OeSlaRoles, sla) + sizeof(OeSla *) * Max(oe_nslas, 1));

	roles->n = 0;
	for (int i = 0; i < oe_nslas; i++)
		if (oe_sla_roles(&oe_slas[i], type) != 0)
			roles->sla[roles->n++] = &oe_slas[i];
	if (roles->n > 0)
		return roles;
	pfree(roles);
	return NULL;
}
