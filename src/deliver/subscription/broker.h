/*
 * broker.h
 *	  What a configuration has beside a webhook's where the endpoint is a broker.
 */
#ifndef OE_DELIVER_SUBSCRIPTION_BROKER_H
#define OE_DELIVER_SUBSCRIPTION_BROKER_H

#include "postgres.h"

typedef struct OeConfiguration OeConfiguration;

extern void oe_conf_broker(OeConfiguration *conf, int row);
extern char *oe_broker_ca(void);

#endif							/* OE_DELIVER_SUBSCRIPTION_BROKER_H */
