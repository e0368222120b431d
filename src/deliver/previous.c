/*
 * previous.c
 *	  The header webhook-previous: what a subscription was sent of a key
 *	  before.
 *
 * Worker only.  A receiver that knows the event of the header has missed
 * nothing; one that does not has lost what was given up.  What was sent
 * last is remembered in a table of fixed size, in which a key may take the
 * place of another: then, and after a restart, the header is left out.  What
 * it says is always true.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "deliver/internal.h"

#define OE_PREVIOUS_MAX 16384	/* a power of two */

typedef struct OePrevious
{
	uint64		hash;
	char		id[OE_ID_LEN];
} OePrevious;

static OePrevious *oe_previous = NULL;

static uint64
oe_previous_hash(const OeItem *item)
{
	return hash_bytes_extended((const unsigned char *) item->event->key, item->event->key_len, item->sub->id) | 1;
}

/*
 * The item is settled, acknowledged or given up: the next one of its key
 * refers to it.
 */
void
oe_previous_note(OeItem *item)
{
	uint64		hash = oe_previous_hash(item);
	OePrevious *p;

	if (item->sub->conf->ordering == 'n' || item->sub->conf->dry_run)
		return;
	if (oe_previous == NULL)
		oe_previous = MemoryContextAllocZero(oe_deliver_cxt, sizeof(OePrevious) * OE_PREVIOUS_MAX);
	p = &oe_previous[(hash >> 1) & (OE_PREVIOUS_MAX - 1)];
	p->hash = hash;
	strlcpy(p->id, item->event->id, OE_ID_LEN);
}

/*
 * The id of the event of this key that was sent before; NULL: not known.
 */
const char *
oe_previous_find(OeItem *item)
{
	uint64		hash = oe_previous_hash(item);
	OePrevious *p;

	if (oe_previous == NULL || item->sub->conf->ordering == 'n')
		return NULL;
	p = &oe_previous[(hash >> 1) & (OE_PREVIOUS_MAX - 1)];
	return p->hash == hash ? p->id : NULL;
}
