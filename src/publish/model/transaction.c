/*
 * transaction.c
 *	  The net changes of one of Odoo's transactions, and how to find them.
 *
 * Any stage of publishing; memory only, no transaction is needed.  The hash
 * tables are made when they are first asked for, in the current memory
 * context: call oe_tx_ready() where that is the cycle's.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/model/transaction.h"

typedef struct OeTxKey
{
	int64		id;
	int32		rule;
	int32		pad;
} OeTxKey;

typedef struct OeTxEntry
{
	OeTxKey		key;
	OeChange   *change;
} OeTxEntry;

typedef struct OeChildKey
{
	int64		id;
	int32		part;
	int32		pad;
} OeChildKey;

typedef struct OeChildEntry
{
	OeChildKey	key;
	List	   *changes;
} OeChildEntry;

void		(*oe_change_settle_hook) (OeChange *c) = NULL;

/*
 * The row before an update: "new" with the members of "diff" replaced.
 */
static void
oe_row_overlay(const OeJsonRow *new, const OeJsonRow *diff, OeJsonRow *old)
{
	old->n = new->n;
	old->m = palloc(sizeof(OeMember) * Max(new->n, 1));
	memcpy(old->m, new->m, sizeof(OeMember) * new->n);
	for (int i = 0; i < diff->n; i++)
	{
		OeMember   *d = &diff->m[i];
		int			j;

		for (j = 0; j < old->n; j++)
			if (old->m[j].tag == d->tag && old->m[j].len == d->len && memcmp(old->m[j].key, d->key, d->len) == 0)
				break;
		if (j == old->n)
			old->m = repalloc(old->m, sizeof(OeMember) * ++old->n);
		old->m[j] = *d;
	}
}

/*
 * Splits the texts of a change, once.  False for a change without rows: a
 * truncation, or a ready-made event.
 */
bool
oe_change_parse(OeChange *c)
{
	OeJsonRow	diff = {0};

	if (c->op != 'I' && c->op != 'U' && c->op != 'D')
		return false;
	if (c->parsed)
	{
		if (oe_change_settle_hook)
			oe_change_settle_hook(c);
		return true;
	}
	if (c->quarantined)
		return false;			/* as if it were not there */
	if ((c->op != 'D' && c->new_text == NULL) || (c->op != 'I' && c->old_text == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a row of the journal lacks an image of the record")));
	if (c->op != 'D')
		oe_row_parse(c->new_text, &c->new);
	if (c->op != 'I')
		oe_row_parse(c->old_text, &diff);
	if (c->op == 'D')
		c->old = diff;
	else if (c->op == 'U')
		oe_row_overlay(&c->new, &diff, &c->old);
	c->old.id.s = c->new.id.s = psprintf(INT64_FORMAT, c->record_id);
	c->old.id.len = c->new.id.len = strlen(c->new.id.s);
	c->parsed = true;
	if (oe_change_settle_hook)
		oe_change_settle_hook(c);
	return true;
}

/*
 * The net change of a row in this transaction, or NULL.
 */
OeChange *
oe_tx_find(OeTx *tx, OeCatalogRule *rule, int64 id)
{
	OeTxKey		key = {.id = id,.rule = rule ? rule->index : -1};
	OeTxEntry  *e;

	if (tx->rows == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(OeTxKey),.entrysize = sizeof(OeTxEntry),.hcxt = CurrentMemoryContext};

		tx->rows = hash_create("odoo_events transaction", tx->n + 8, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		for (int i = 0; i < tx->n; i++)
		{
			OeChange   *c = &tx->changes[i];
			OeTxKey		k = {.id = c->record_id};

			if (c->rule == NULL || (c->op != 'I' && c->op != 'U' && c->op != 'D'))
				continue;
			k.rule = c->rule->index;
			e = hash_search(tx->rows, &k, HASH_ENTER, NULL);
			e->change = c;
		}
	}
	e = hash_search(tx->rows, &key, HASH_FIND, NULL);
	return e ? e->change : NULL;
}

/*
 * Changed rows that, after the transaction, are this part of the row "id".
 */
List *
oe_tx_children(OeTx *tx, OePart *part, int64 id)
{
	OeChildKey	key = {.id = id,.part = part ? part->index : -1};
	OeChildEntry *e;
	bool		found;

	if (tx->children == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(OeChildKey),.entrysize = sizeof(OeChildEntry),.hcxt = CurrentMemoryContext};
		HTAB	   *children = hash_create("odoo_events children", tx->n + 8, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

		for (int i = 0; i < tx->n; i++)
		{
			OeChange   *c = &tx->changes[i];
			ListCell   *lc;

			if (c->rule == NULL || !oe_change_parse(c) || c->new.n == 0)
				continue;
			foreach(lc, c->rule->parts)
			{
				OePart	   *p = lfirst(lc);
				OeChildKey	k = {.part = p->index};

				for (int j = 0; j < p->nparents; j++)
				{
					if (!oe_text_int(oe_row_find(&c->new, p->parents[j]), &k.id))
						continue;
					e = hash_search(children, &k, HASH_ENTER, &found);
					e->changes = lappend(found ? e->changes : NIL, c);
					break;
				}
			}
		}
		/* not before: a row that cannot be read breaks it off */
		tx->children = children;
	}
	e = hash_search(tx->children, &key, HASH_FIND, NULL);
	return e ? e->changes : NIL;
}

/*
 * Makes the hash tables of the two functions above, in the current memory
 * context.
 */
void
oe_tx_ready(OeTx *tx)
{
	(void) oe_tx_find(tx, NULL, 0);
	(void) oe_tx_children(tx, NULL, 0);
}
