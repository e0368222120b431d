/*
 * capture.h
 *	  What the library's entry point needs of capture.
 */
#ifndef OE_CAPTURE_H
#define OE_CAPTURE_H

/* _PG_init, any process: registers the transaction callbacks. */
extern void oe_capture_init(void);

#endif							/* OE_CAPTURE_H */
