/*
 * sla_rule.h
 *	  The terms of SLAs in memory.
 */
#ifndef OE_PROCESS_SLA_RULE_H
#define OE_PROCESS_SLA_RULE_H

#include "process/consumer.h"

/* What an event can do to promises of an SLA; bits. */
#define OE_ROLE_START 1
#define OE_ROLE_END 2
#define OE_ROLE_STOP 4
#define OE_ROLE_PAUSE 8
#define OE_ROLE_RESUME 16
#define OE_ROLE_MOVE 32
#define OE_ROLES 6

/* One version of an SLA; lives until the rules are loaded again. */
typedef struct OeSla
{
	int			id;				/* in sla_terms */
	char	   *name;
	bool		active;			/* it opens promises */
	int64		from_position;	/* only later events start promises */
	TimestampTz from_time;		/* 0: any time */
	TimestampTz since;			/* what was due before is not told */
	char	   *patterns[OE_ROLES]; /* of types, with blanks between */
	char		document;		/* 'c'orrelation, 'k'ey or 's'ubject */
	bool		all;			/* complete => 'all' */
	bool		ends_filter;
	bool		dropped;		/* no SLA has this name any more */
	bool		plain;			/* nothing has to be asked of a start: any is
								 * wanted, and all time counts */
	int64		within;			/* if plain: microseconds; 0: only measured */
	int64		warn_after;		/* if plain: microseconds; 0: no warning */
} OeSla;

/* What events of a type do; in OeReadType.data. */
typedef struct OeSlaRoles
{
	int			n;
	OeSla	   *sla[FLEXIBLE_ARRAY_MEMBER];
} OeSlaRoles;

/* Reader's trusted transaction.  The terms that are in force, and those that
 * open promises have kept. */
extern void oe_slas_load(MemoryContext cxt);
extern bool oe_slas_any(void);
extern OeSla *oe_sla_find(int id);

/* The SLAs in which a type has a role; NULL if in none. */
extern OeSlaRoles *oe_slas_of_type(const char *type, MemoryContext cxt);
extern int	oe_sla_roles(const OeSla *sla, const char *type);

#endif							/* OE_PROCESS_SLA_RULE_H */
