/*
 * policy.h
 *	  Which addresses may be connected to: the same rule as for webhooks
 *	  (src/deliver/transport/http/address.c).
 *
 * Libraries resolve names and follow addresses that a cluster tells of, so a
 * check of the URL is not enough.  policy.c replaces connect() of the C
 * library in the whole program: each thread that makes connections says whose
 * policy holds, and a thread that has said nothing cannot connect anywhere.
 */
#ifndef OE_PROGRAMS_COMMON_POLICY_H
#define OE_PROGRAMS_COMMON_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef struct OeCidr
{
	unsigned char bytes[16];
	int			bits;
	bool		v6;
} OeCidr;

typedef struct OePolicy
{
	OeCidr	   *networks;
	int			n;
	bool		plain;			/* without TLS only listed addresses */
	int			timeout;		/* ms, for libraries that would wait for the
								 * kernel's minutes */
} OePolicy;

extern bool oe_policy_parse(OePolicy *policy, const json_t * json, bool plain);

/* May a connection be made to this address? */
extern bool oe_policy_allows(const OePolicy *policy, const struct sockaddr *addr);

/* From now on this thread connects under that policy; NULL: not at all. */
extern void oe_policy_enter(const OePolicy *policy);

/* Checks an address for a library that asks before it connects; answers 0 or
 * an errno, and connects in the first case. */
extern int	oe_policy_connect(const OePolicy *policy, int fd, const struct sockaddr *addr, socklen_t len);

/* The last address that this thread was refused, as a sentence; "" if there is
 * none.  Forgotten by oe_policy_enter(). */
extern const char *oe_policy_refused(void);

/* Writes that sentence for an address. */
extern void oe_policy_describe(const OePolicy *policy, const struct sockaddr *addr, char *text, size_t room);

#endif							/* OE_PROGRAMS_COMMON_POLICY_H */
