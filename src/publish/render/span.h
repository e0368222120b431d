/*
 * span.h
 *	  The span in which an event is made, for traces.
 *
 * Worker, after the commit that wrote the event.
 */
#ifndef OE_PUBLISH_RENDER_SPAN_H
#define OE_PUBLISH_RENDER_SPAN_H

typedef struct OeCycle OeCycle;
typedef struct OeDraftEvent OeDraftEvent;

/* Only where oe_spans_on(), and of an event whose trace is sampled. */
extern void oe_published_span(OeCycle *cy, OeDraftEvent *ev);

#endif							/* OE_PUBLISH_RENDER_SPAN_H */
