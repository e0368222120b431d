/*
 * version.h
 *	  From which event on a subscription's configuration holds.
 */
#ifndef OE_DELIVER_SUBSCRIPTION_VERSION_H
#define OE_DELIVER_SUBSCRIPTION_VERSION_H

/* Worker, within the transaction that loads the configuration. */
extern void oe_versions_note(void);

/* After its commit. */
extern void oe_versions_noted(void);

#endif							/* OE_DELIVER_SUBSCRIPTION_VERSION_H */
