/*
 * otlp.h
 *	  Export of spans to an OpenTelemetry collector (OTLP over HTTP, JSON).
 *
 * Worker only, outside a transaction.  Two handles of libcurl in a multi handle
 * of their own: a collector that hangs takes no slot of delivery, and nothing
 * here waits.  What cannot be exported is dropped and counted.
 */
#ifndef OE_TELEMETRY_OTLP_H
#define OE_TELEMETRY_OTLP_H

/* Starts exports that are due and takes what became of earlier ones. */
extern void oe_otlp_step(void);

/* Milliseconds until oe_otlp_step() has something to do; -1: nothing. */
extern long oe_otlp_timeout(void);

#endif							/* OE_TELEMETRY_OTLP_H */
