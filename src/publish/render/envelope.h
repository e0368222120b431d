/*
 * envelope.h
 *	  The envelope: ids, ready-made events, the frozen text.
 */
#ifndef OE_PUBLISH_RENDER_ENVELOPE_H
#define OE_PUBLISH_RENDER_ENVELOPE_H

#include "postgres.h"

typedef struct OeCycle OeCycle;
typedef struct OeDraftEvent OeDraftEvent;

extern char *oe_uuid_text(const unsigned char *id);
extern void oe_event_id(OeDraftEvent *ev);
extern text * oe_event_text(OeCycle *cy, OeDraftEvent *ev, int64 position);

#endif							/* OE_PUBLISH_RENDER_ENVELOPE_H */
