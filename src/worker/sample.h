/*
 * sample.h
 *	  Figures that are kept once a minute.
 */
#ifndef OE_WORKER_SAMPLE_H
#define OE_WORKER_SAMPLE_H

/* Milliseconds until the next sample is due. */
extern long oe_sample_until(void);

/* Worker, outside of a transaction. */
extern void oe_sample(void);

#endif							/* OE_WORKER_SAMPLE_H */
