/*
 * address.h
 *	  The address policy, and the check of a URL when it is given.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_ADDRESS_H
#define OE_DELIVER_TRANSPORT_HTTP_ADDRESS_H

#include "postgres.h"

#include <sys/socket.h>

#include "utils/array.h"

/* One network of a subscription's allow_networks. */
typedef struct OeNetwork
{
	unsigned char bytes[16];
	int			bits;
	bool		v6;
} OeNetwork;

/* Turns a cidr[] into networks, palloc'd; *n is their number. */
extern OeNetwork *oe_networks_from_array(ArrayType *array, int *n);

/* May a connection be made to this address?  Plain http needs the address to
 * be listed; https only where it is not a public one. */
extern bool oe_address_allowed(const struct sockaddr *addr, bool plain,
							   const OeNetwork *nets, int n);

/* The same for a numeric address in text. */
extern bool oe_address_text_allowed(const char *text, bool plain,
									const OeNetwork *nets, int n);

/* Is it in one of these networks?  Without any: yes. */
extern bool oe_address_resident(const struct sockaddr *addr, const OeNetwork *nets, int n);
extern bool oe_address_text_resident(const char *text, const OeNetwork *nets, int n);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_ADDRESS_H */
