/*
 * configuration.h
 *	  Subscriptions as the tables say.
 */
#ifndef OE_DELIVER_SUBSCRIPTION_CONFIGURATION_H
#define OE_DELIVER_SUBSCRIPTION_CONFIGURATION_H

#include "postgres.h"

extern void oe_config_load(int64 last_position);

#endif							/* OE_DELIVER_SUBSCRIPTION_CONFIGURATION_H */
