/*
 * merkle.c
 *	  Hashes of a Merkle tree as RFC 6962 defines it.
 *
 * Any backend, no transaction: functions of seal.sql, which keeps the hashes as
 * rows of 256 (tiles).  A list of hashes is a bytea of 32 bytes each.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "seal/merkle.h"

PG_FUNCTION_INFO_V1(oe_sql_merkle_root);
PG_FUNCTION_INFO_V1(oe_sql_merkle_path);

void
oe_sha256(const OeBytes *parts, int n, unsigned char *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool		good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (int i = 0; good && i < n; i++)
		good = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute a digest")));
}

/*
 * The hash of a node: a byte 1 before its children, so that no leaf, which has
 * a byte 0, can be taken for one.
 */
static void
oe_merkle_node(const unsigned char *left, const unsigned char *right, unsigned char *out)
{
	const OeBytes parts[] = {{"\001", 1}, {left, OE_HASH_LEN}, {right, OE_HASH_LEN}};

	oe_sha256(parts, lengthof(parts), out);
}

/*
 * How many hashes the left side of a tree has: the largest power of two below
 * their number.
 */
static int
oe_merkle_split(int n)
{
	int			k = 1;

	while (k * 2 < n)
		k *= 2;
	return k;
}

static void
oe_merkle_root(const unsigned char *hashes, int n, unsigned char *out)
{
	unsigned char left[OE_HASH_LEN];
	unsigned char right[OE_HASH_LEN];
	int			k;

	if (n <= 1)
	{
		if (n == 0)
			oe_sha256(NULL, 0, out);
		else
			memcpy(out, hashes, OE_HASH_LEN);
		return;
	}
	k = oe_merkle_split(n);
	oe_merkle_root(hashes, k, left);
	oe_merkle_root(hashes + k * OE_HASH_LEN, n - k, right);
	oe_merkle_node(left, right, out);
}

/*
 * Appends the hashes that lead from a leaf to the root, the nearest first.
 */
static unsigned char *
oe_merkle_path(const unsigned char *hashes, int n, int i, unsigned char *out)
{
	int			k;

	if (n == 1)
		return out;
	k = oe_merkle_split(n);
	if (i < k)
	{
		out = oe_merkle_path(hashes, k, i, out);
		oe_merkle_root(hashes + k * OE_HASH_LEN, n - k, out);
	}
	else
	{
		out = oe_merkle_path(hashes + k * OE_HASH_LEN, n - k, i - k, out);
		oe_merkle_root(hashes, k, out);
	}
	return out + OE_HASH_LEN;
}

/*
 * _merkle_root(hashes)
 */
Datum
oe_sql_merkle_root(PG_FUNCTION_ARGS)
{
	bytea	   *hashes = PG_GETARG_BYTEA_PP(0);
	bytea	   *result = palloc(VARHDRSZ + OE_HASH_LEN);

	SET_VARSIZE(result, VARHDRSZ + OE_HASH_LEN);
	oe_merkle_root((unsigned char *) VARDATA_ANY(hashes), VARSIZE_ANY_EXHDR(hashes) / OE_HASH_LEN, (unsigned char *) VARDATA(result));
	PG_RETURN_BYTEA_P(result);
}

/*
 * _merkle_path(hashes, i)
 */
Datum
oe_sql_merkle_path(PG_FUNCTION_ARGS)
{
	bytea	   *hashes = PG_GETARG_BYTEA_PP(0);
	int			n = VARSIZE_ANY_EXHDR(hashes) / OE_HASH_LEN;
	int			i = PG_GETARG_INT32(1);
	bytea	   *result = palloc(VARHDRSZ + OE_HASH_LEN * 32);
	unsigned char *end;

	if (i < 0 || i >= n)
		elog(ERROR, "there is no hash %d among %d", i, n);
	end = oe_merkle_path((unsigned char *) VARDATA_ANY(hashes), n, i, (unsigned char *) VARDATA(result));
	SET_VARSIZE(result, (char *) end - (char *) result);
	PG_RETURN_BYTEA_P(result);
}
