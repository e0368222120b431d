/*
 * signature.c
 *	  Standard Webhooks signatures, ids of batches, trace contexts.
 *
 * Worker only; libcrypto, no transaction.
 */
#include "postgres.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "common/pg_prng.h"
#include "datatype/timestamp.h"

#include "base/span.h"
#include "deliver/message/signature.h"
#include "deliver/model/configuration.h"
#include "deliver/model/item.h"
#include "deliver/model/memory.h"

/*
 * The text that is signed, id.timestamp.body, in a buffer that is reused.
 */
static const unsigned char *
oe_signed_text(const char *id, int64 timestamp, const char *body, Size len, Size *total)
{
	static char *buf = NULL;
	static Size buf_size = 0;
	char		head[80];
	Size		head_len;

	/* a large body once is no reason to keep the room for ever */
	if (buf_size > 4 * 1024 * 1024)
	{
		pfree(buf);
		buf = NULL;
		buf_size = 0;
	}
	head_len = snprintf(head, sizeof(head), "%s." INT64_FORMAT ".", id, timestamp);
	*total = head_len + len;
	if (buf_size < *total)
	{
		Size		wanted = Max(*total, (Size) 65536);

		buf = buf ? repalloc_huge(buf, wanted) : MemoryContextAllocHuge(oe_delivery.cxt, wanted);
		buf_size = wanted;
	}
	memcpy(buf, head, head_len);
	memcpy(buf + head_len, body, len);
	return (unsigned char *) buf;
}

/*
 * HMAC-SHA256, in base64.
 */
static void
oe_sign_hmac(const OeSigner *signer, const unsigned char *text, Size len, unsigned char *out)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int mac_len = 0;

	if (HMAC(EVP_sha256(), signer->key, signer->key_len, text, len, mac, &mac_len) == NULL || mac_len != 32)
		elog(ERROR, "could not compute a signature");
	EVP_EncodeBlock(out, mac, 32);
}

/*
 * Ed25519, in base64.
 */
static void
oe_sign_ed25519(const OeSigner *signer, const unsigned char *text, Size len, unsigned char *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sig[64];
	size_t		sig_len = sizeof(sig);
	bool		good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, signer->pkey) == 1 &&
	EVP_DigestSign(ctx, sig, &sig_len, text, len) == 1;

	EVP_MD_CTX_free(ctx);
	if (!good)
		elog(ERROR, "could not compute a signature");
	EVP_EncodeBlock(out, sig, sig_len);
}

/*
 * Writes the header webhook-signature: one signature by the current secret and
 * one by each previous secret that is still valid.
 */
void
oe_sign(const OeConfiguration *conf, const char *id, int64 timestamp,
		const char *body, Size len, char *out, Size size)
{
	Size		total;
	const unsigned char *text = oe_signed_text(id, timestamp, body, len, &total);
	Size		at = snprintf(out, size, "webhook-signature:");

	for (int i = 0; i < conf->nsigners; i++)
	{
		const OeSigner *signer = &conf->signers[i];
		unsigned char value[96];

		if (signer->until != 0 && signer->until <= oe_delivery.now)
			continue;
		if (signer->pkey != NULL)
			oe_sign_ed25519(signer, text, total, value);
		else
			oe_sign_hmac(signer, text, total, value);
		at += snprintf(out + at, size - at, " %s,%s", signer->pkey ? "v1a" : "v1", (char *) value);
	}
}

/*
 * Prepares a key for signing.  oe_signer_free() frees what is not in the memory
 * context of the configuration.
 */
bool
oe_signer_make(OeSigner *signer, bool ed25519, const char *key, int len, TimestampTz until)
{
	signer->key = palloc(len + 1);
	signer->key_len = len;
	memcpy(signer->key, key, len);
	signer->until = until;
	signer->pkey = NULL;
	if (ed25519)
		signer->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, signer->key, len);
	return !ed25519 || signer->pkey != NULL;
}

void
oe_signer_free(OeSigner *signer)
{
	OPENSSL_cleanse(signer->key, signer->key_len);
	EVP_PKEY_free(signer->pkey);
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
 * The event's trace context within its text, not terminated; NULL if it has
 * none.  The first member of that name is the envelope's, since data comes last.
 */
const char *
oe_event_traceparent(const char *body, int len)
{
	static const char name[] = "\"traceparent\":\"00-";
	const char *p = memmem(body, len, name, sizeof(name) - 1);

	if (p == NULL || (p - body) + (int) sizeof(name) - 4 + OE_TRACEPARENT_LEN > len)
		return NULL;
	return p + sizeof(name) - 4;
}

/*
 * Writes the trace context of a request: a new span, within the event's trace if
 * it has one.
 */
void
oe_traceparent(const char *body, int len, char *out)
{
	const char *event = body ? oe_event_traceparent(body, len) : NULL;
	uint64		span = pg_prng_uint64(&pg_global_prng_state) | 1;

	if (event != NULL)
		snprintf(out, OE_TRACEPARENT_LEN + 1, "%.36s%016llx%.3s", event, (unsigned long long) span, event + 52);
	else
		snprintf(out, OE_TRACEPARENT_LEN + 1, "00-%016llx%016llx-%016llx-01",
				 (unsigned long long) pg_prng_uint64(&pg_global_prng_state) | 1,
				 (unsigned long long) pg_prng_uint64(&pg_global_prng_state),
				 (unsigned long long) span);
}
