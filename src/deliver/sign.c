/*
 * sign.c
 *	  Standard Webhooks signatures, ids of batches, trace contexts.
 *
 * Worker only; libcrypto, no transaction.
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "common/pg_prng.h"

#include "deliver/internal.h"

/*
 * Writes the header webhook-signature: HMAC-SHA256 over id.timestamp.body.
 */
void
oe_sign(const OeConf *conf, const char *id, int64 timestamp,
		const char *body, Size len, char *out, Size size)
{
	static char *buf = NULL;
	static Size buf_size = 0;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned char text[64];
	unsigned int mac_len = 0;
	char		head[80];
	int			head_len;

	head_len = snprintf(head, sizeof(head), "%s." INT64_FORMAT ".", id, timestamp);
	if (buf_size < head_len + len)
	{
		Size		wanted = Max(head_len + len, (Size) 65536);

		buf = buf ? repalloc_huge(buf, wanted) : MemoryContextAllocHuge(oe_deliver_cxt, wanted);
		buf_size = wanted;
	}
	memcpy(buf, head, head_len);
	memcpy(buf + head_len, body, len);
	if (HMAC(EVP_sha256(), conf->secret, conf->secret_len, (unsigned char *) buf,
			 head_len + len, mac, &mac_len) == NULL || mac_len != 32)
		elog(ERROR, "could not compute a signature");
	EVP_EncodeBlock(text, mac, 32);
	snprintf(out, size, "webhook-signature: v1,%s", (char *) text);
	/* a large body once is no reason to keep the room for ever */
	if (buf_size > 4 * 1024 * 1024)
	{
		pfree(buf);
		buf = NULL;
		buf_size = 0;
	}
}

/*
 * The id of a batch is a function of its members, in UUID form.
 */
void
oe_batch_id(OeItem **items, int n, char *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char d[EVP_MAX_MD_SIZE];

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		elog(ERROR, "could not compute a digest");
	for (int i = 0; i < n; i++)
		EVP_DigestUpdate(ctx, items[i]->event->id, OE_ID_LEN);
	EVP_DigestFinal_ex(ctx, d, NULL);
	EVP_MD_CTX_free(ctx);
	d[6] = (d[6] & 0x0f) | 0x80;	/* version 8: as one likes */
	d[8] = (d[8] & 0x3f) | 0x80;
	snprintf(out, OE_ID_LEN,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7],
			 d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

/*
 * Writes the header traceparent: a new span, of the event's trace if it has
 * one (its first attribute of that name: the envelope stands before data).
 */
void
oe_traceparent(const char *body, int len, char *out, Size size)
{
	static const char name[] = "\"traceparent\":\"00-";
	const char *p = body ? memmem(body, len, name, sizeof(name) - 1) : NULL;
	uint64		span = pg_prng_uint64(&pg_global_prng_state) | 1;

	if (p != NULL && (p - body) + (int) sizeof(name) - 1 + 52 < len)
		snprintf(out, size, "traceparent: 00-%.32s-%016llx-%.2s", p + sizeof(name) - 1,
				 (unsigned long long) span, p + sizeof(name) - 1 + 50);
	else
		snprintf(out, size, "traceparent: 00-%016llx%016llx-%016llx-01",
				 (unsigned long long) pg_prng_uint64(&pg_global_prng_state) | 1,
				 (unsigned long long) pg_prng_uint64(&pg_global_prng_state),
				 (unsigned long long) span);
}
