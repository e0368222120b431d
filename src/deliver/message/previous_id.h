/*
 * previous_id.h
 *	  The header webhook-previous: what a subscription was sent of a key
 *	  before.
 */
#ifndef OE_DELIVER_MESSAGE_PREVIOUS_ID_H
#define OE_DELIVER_MESSAGE_PREVIOUS_ID_H

#include "postgres.h"

typedef struct OeItem OeItem;

extern void oe_previous_id_note(OeItem *item);
extern bool oe_previous_id_find(OeItem *item, char *id);
extern void oe_previous_id_recover(const Oid *types, Datum *ids);

#endif							/* OE_DELIVER_MESSAGE_PREVIOUS_ID_H */
