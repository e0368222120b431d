/*
 * span.h
 *	  The span of a request, for traces.
 */
#ifndef OE_DELIVER_SETTLE_SPAN_H
#define OE_DELIVER_SETTLE_SPAN_H

typedef struct OeRequest OeRequest;

/* Worker, where oe_spans_on(): of a request that is over.  "error" may be NULL. */
extern void oe_attempt_span(OeRequest *req, const char *error);

#endif							/* OE_DELIVER_SETTLE_SPAN_H */
