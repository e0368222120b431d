/*
 * render.h
 *	  The data of an event, as JSON text.
 */
#ifndef OE_PUBLISH_RENDER_RENDER_H
#define OE_PUBLISH_RENDER_RENDER_H

#include "postgres.h"

typedef struct OeCycle OeCycle;
typedef struct OeDraftEvent OeDraftEvent;

extern void oe_render(OeCycle *cy, OeDraftEvent *ev);
extern void oe_render_prepare(OeCycle *cy, OeDraftEvent *ev);

#endif							/* OE_PUBLISH_RENDER_RENDER_H */
