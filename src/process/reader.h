/*
 * reader.h
 *	  The reader behind the publisher: reads each event of the outbox once, in
 *	  order, and shows it to consumers (consumer.h).
 *
 * The worker runs it when nothing is left to publish, or, for a tenth of the
 * time, when it is behind by more than five seconds.  publish() in a backend
 * runs it too, so that everything works without a worker.  An error in it rolls
 * back its own slice, and is tried again like any step of the worker;
 * publishing and delivery go on.
 */
#ifndef OE_PROCESS_READER_H
#define OE_PROCESS_READER_H

#include "postgres.h"

/* Worker, outside a transaction: one slice.  True: there is more to read.
 * "busy": something is left to publish. */
extern bool oe_reader_slice(bool busy);

/* Worker: milliseconds until oe_reader_slice() should run; LONG_MAX: not
 * before more is published.  "busy": something is left to publish. */
extern long oe_reader_due(int64 last_position, bool busy);

/* Worker: the configuration was changed, or something failed. */
extern void oe_reader_reload(void);

/* Worker, outside a transaction: the outbox is about to lose what is at or
 * before this position; it is noted what of it was not read. */
extern void oe_reader_overrun(int64 upto);

/* Worker, outside a transaction, now and then. */
extern void oe_reader_maintain(void);

/* Any backend, at the end of publish(): reads all there is, unless another
 * process does.  An error is a warning. */
extern void oe_reader_after_publish(void);

#endif							/* OE_PROCESS_READER_H */
