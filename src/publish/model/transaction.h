/*
 * transaction.h
 *	  One of Odoo's transactions as publishing sees it: its net changes.
 *
 * An OeTx and its changes belong to the cycle that read them, and live as long
 * as it does.  The source stage fills id to traceparent; phases.c and the
 * transform stage fill the rest.  oe_change_parse() splits the texts when a
 * change is first looked at.
 */
#ifndef OE_PUBLISH_MODEL_TRANSACTION_H
#define OE_PUBLISH_MODEL_TRANSACTION_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "base/json_row.h"

typedef struct OeCatalogRule OeCatalogRule;
typedef struct OePart OePart;

/* The net change of one row. */
typedef struct OeChange
{
	uint64		xid;			/* of the transaction that made it */
	int64		id;				/* in the journal */
	TimestampTz at;				/* when that transaction committed */
	char	   *rule_name;
	OeCatalogRule *rule;		/* NULL: the catalog has no such rule */
	Oid			relid;			/* table, 0: none */
	char		op;				/* I, U, D; T: truncated; E: a ready-made
								 * event; S: a snapshot */
	int64		record_id;		/* of the row */
	char	   *old_text;		/* JSON; of U only what differs */
	char	   *new_text;		/* JSON */
	char	   *traceparent;
	bool		parsed;			/* old and new are split */
	bool		settled;		/* its values are what events show:
								 * shown_values.c */
	bool		unseen;			/* and nothing of them differs */
	bool		prepared;		/* what matching looks at was read */
	OeJsonRow	old;			/* the whole row before; n is 0 where there
								 * was none */
	OeJsonRow	new;			/* the whole row after; n is 0 where there is
								 * none */
	char	   *key;			/* ordering key of its document; NULL: not
								 * known yet */
	int			key_number;		/* number of the key, in a narrowed
								 * transaction */
	bool		requeued;		/* comes from quarantine */
	int			attempts;		/* times it was in quarantine */
	bool		quarantined;	/* goes into quarantine in this cycle */
	char	   *reason;			/* why */
} OeChange;

/* One of Odoo's transactions, or a chunk of a large one. */
typedef struct OeTx
{
	int			index;			/* in cycle->tx */
	uint64		xid;
	int64		chunk;			/* id of its first change, where it is a
								 * chunk; else 0 */
	bool		narrowed;		/* it failed as a whole, and is made key by
								 * key */
	List	   *good;			/* OeDraftEvent *: events of the keys that did
								 * not fail */
	int			nkeys;			/* narrowed: ordering keys of its changes */
	int		   *by_key;			/* narrowed: indexes of changes, sorted by key */
	int		   *key_start;		/* narrowed: where in by_key each key begins */
	int			n;
	OeChange   *changes;
	Datum		vars;			/* jsonb {"tx": ...}; 0: not made yet */
	HTAB	   *rows;			/* (rule, id) -> change */
	HTAB	   *children;		/* (part, parent's id) -> changes */
	HTAB	   *docs;			/* (entity, id) -> OeDoc */
	List	   *doc_list;		/* OeDoc *, in the order in which they were
								 * found */
	List	   *events;			/* OeDraftEvent * */
	List	   *survivors;		/* OeChange *: may have taken others in
								 * (render/merged.c) */
	OeCatalogRule *survivors_of;	/* rule of these; NULL: not looked for */
} OeTx;

/* Called for each change that is looked at, as soon as Odoo's tables are known;
 * set by tables.c. */
extern void (*oe_change_settle_hook) (OeChange *c);
extern bool oe_change_parse(OeChange *c);
extern OeChange *oe_tx_find(OeTx *tx, OeCatalogRule *rule, int64 id);
extern List *oe_tx_children(OeTx *tx, OePart *part, int64 id);
extern void oe_tx_ready(OeTx *tx);

#endif							/* OE_PUBLISH_MODEL_TRANSACTION_H */
