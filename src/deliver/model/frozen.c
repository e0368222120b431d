/*
 * frozen.c
 *	  Subscriptions that stand still while a backend changes their place.
 *
 * Worker only.
 */
#include "postgres.h"

#include "deliver/model/frozen.h"

int			oe_frozen[OE_FROZEN] = {0};

bool
oe_is_frozen(int sub)
{
	for (int i = 0; i < OE_FROZEN; i++)
		if (oe_frozen[i] == sub)
			return true;
	return false;
}
