/*
 * reattach.h
 *	  Making triggers again that tables of attached entities have lost.
 */
#ifndef OE_REATTACH_H
#define OE_REATTACH_H

/* Worker, outside a transaction: makes the missing triggers. */
extern void oe_capture_reattach(void);

#endif							/* OE_REATTACH_H */
