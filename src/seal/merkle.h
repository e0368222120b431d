/*
 * merkle.h
 *	  SHA-256 over several pieces, by OpenSSL.
 *
 * Any process, no transaction; raises an error if OpenSSL fails.
 */
#ifndef OE_SEAL_MERKLE_H
#define OE_SEAL_MERKLE_H

#include "postgres.h"

#define OE_HASH_LEN 32

typedef struct OeBytes
{
	const void *data;
	size_t		len;
} OeBytes;

/* "out" has room for OE_HASH_LEN bytes. */
extern void oe_sha256(const OeBytes *parts, int n, unsigned char *out);

#endif							/* OE_SEAL_MERKLE_H */
