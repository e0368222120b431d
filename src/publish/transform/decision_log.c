/*
 * decision_log.c
 *	  Notes for explain(): why a definition made no event of a change.
 *
 * Called by match.c and document.c, only where cy->explain is set.  Says which
 * part of a condition is false, and which values it looked at.
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonpath.h"

#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/transform/decision_log.h"
#include "publish/transform/predicate.h"

/*
 * Notes why the definition "d" made no event of the change, if the record
 * is the one asked about.
 */
void
oe_decision_note(OeCycle *cy, OeEntity *e, int64 id, OeDefinition *d, const char *verdict, const char *detail)
{
	OeDecision *said;

	if (e != cy->explain->e || id != cy->explain->id)
		return;
	said = palloc(sizeof(OeDecision));
	said->step = d->type;
	said->verdict = verdict;
	said->detail = pstrdup(detail);
	cy->explain->said = lappend(cy->explain->said, said);
}

/* Past the parenthesis that closes the one at p. */
static const char *
oe_skip_group(const char *p)
{
	int			depth = 0;
	bool		quoted = false;

	for (; *p != '\0'; p++)
	{
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '(')
			depth++;
		else if (!quoted && *p == ')' && --depth == 0)
			return p + 1;
	}
	return p;
}

/* The && at the top of a condition, as jsonpath writes it; NULL: there is none. */
static const char *
oe_top_and(const char *text)
{
	bool		quoted = false;

	for (const char *p = text; *p != '\0'; p++)
	{
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '(')
			p = oe_skip_group(p) - 1;
		else if (!quoted && strncmp(p, " && ", 4) == 0)
			return p;
		else if (!quoted && strncmp(p, " || ", 4) == 0)
			return NULL;
	}
	return NULL;
}

/*
 * The smallest part of a conjunction that does not hold.
 */
static char *
oe_false_part(OeCycle *cy, OePredicate *p, OePredicateInput *s, char *text)
{
	OePredicate left = *p;
	const char *and;
	char	   *part;

	while (text[0] == '(' && *oe_skip_group(text) == '\0')
		text = pnstrdup(text + 1, strlen(text) - 2);
	and = oe_top_and(text);
	if (and == NULL)
		return text;
	part = pnstrdup(text, and - text);
	left.path = DirectFunctionCall1(jsonpath_in, CStringGetDatum(part));
	if (!oe_predicate_holds(cy, &left, s))
		return oe_false_part(cy, p, s, part);
	return oe_false_part(cy, p, s, pstrdup(and + 4));
}

/*
 * The condition of "d" does not hold: says which part, and what it looked at.
 */
void
oe_decision_note_condition(OeCycle *cy, OeEntity *e, int64 id, OeDefinition *d, OePredicateInput *s)
{
	char	   *text;
	OePredicateInput own = *s;

	if (e != cy->explain->e || id != cy->explain->id)
		return;
	text = DatumGetCString(DirectFunctionCall1(jsonpath_out, d->condition.path));
	own.words = NULL;			/* only what this condition mentions */
	own.root = (Datum) 0;
	oe_decision_note(cy, e, id, d, "condition is false",
					 psprintf("%s; it looks at %s", oe_false_part(cy, &d->condition, s, text), oe_predicate_seen(cy, &d->condition, &own)));
}
