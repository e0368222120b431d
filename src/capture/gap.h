/*
 * gap.h
 *	  Changes that could not be captured: rows of table capture_gap.
 */
#ifndef OE_GAP_H
#define OE_GAP_H

/* Odoo's backend, before its commit: writes a row for each target of the log that
 * has lost changes.  A step of oe_subtransaction_run(); "arg" is not used. */
extern void oe_gaps_write(void *arg);

/* Worker, outside a transaction: writes the rows that Odoo's backend could not
 * write. */
extern void oe_gaps_note_late(void);

#endif							/* OE_GAP_H */
