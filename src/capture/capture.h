/*
 * capture.h
 *	  What the library's entry point needs of capture.
 */
#ifndef OE_CAPTURE_H
#define OE_CAPTURE_H

/* _PG_init, any process: registers the transaction callbacks. */
extern void oe_capture_init(void);

/* Worker, outside a transaction: writes down losses that Odoo's backend could
 * not. */
extern void oe_gaps_note_late(void);

/* Worker, outside a transaction: mends the triggers of attached entities. */
extern void oe_capture_reattach(void);

#endif							/* OE_CAPTURE_H */
