/*
 * unrendered.c
 *	  Gives up events whose bytes cannot be made.
 *
 * An event that cannot be thinned, redacted or brought into its format would
 * fail again and again, and every other event would wait behind it.  It becomes
 * a dead letter of this subscription, and all others go on.
 *
 * Worker only; memory is changed here, settle.c writes the dead letter.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "deliver/message/body.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/subscription.h"
#include "deliver/queue/batch.h"
#include "deliver/queue/dead_letter.h"
#include "deliver/queue/ordering_key.h"
#include "deliver/queue/unrendered.h"

/*
 * Why the event cannot be rendered; NULL if it can.
 */
static char *
oe_why_unrendered(const OeItem *item, char format)
{
	StringInfoData out;
	StringInfoData headers;
	char	   *why;
	int			n;

	if (oe_body_as_is(item->sub->conf, item->event))
		return NULL;
	initStringInfo(&out);
	initStringInfo(&headers);
	why = oe_body_try(item->sub->conf, item->event, format, &out, &headers, &n);
	pfree(out.data);
	pfree(headers.data);
	return why;
}

static bool
oe_drop_unrendered_members(OeBatch *batch)
{
	int			n = batch->n;
	OeItem	  **items = palloc(sizeof(OeItem *) * n);
	char	  **why = palloc(sizeof(char *) * n);
	int			attempts = batch->attempts;
	TimestampTz first_at = batch->first_at;
	bool		any = false;

	for (int i = 0; i < n; i++)
	{
		items[i] = batch->items[i];
		why[i] = oe_why_unrendered(items[i], 's');
		any |= why[i] != NULL;
	}
	if (any)
		oe_batch_take_apart(batch, false);
	for (int i = 0; i < n; i++)
	{
		OeKey	   *key = items[i]->key;

		if (why[i] == NULL)
			continue;
		oe_item_dead_letter(items[i], attempts, first_at, 0, why[i]);
		oe_key_schedule(key);
		pfree(why[i]);
	}
	pfree(items);
	pfree(why);
	return any;
}

bool
oe_drop_unrendered(OeItem *item, OeBatch *batch)
{
	OeKey	   *key;
	char	   *why;
	bool		replayed;

	if (batch != NULL)
		return oe_drop_unrendered_members(batch);
	why = oe_why_unrendered(item, item->sub->conf->format);
	if (why == NULL)
		return false;
	key = item->key;
	replayed = item->kind == OE_REPLAY;
	oe_item_dead_letter(item, replayed ? item->attempts : key->attempts, replayed ? item->first_at : key->first_at, 0, why);
	oe_key_schedule(key);
	pfree(why);
	return true;
}
