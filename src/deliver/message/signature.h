/*
 * signature.h
 *	  Standard Webhooks signatures, ids of batches, trace contexts.
 */
#ifndef OE_DELIVER_MESSAGE_SIGNATURE_H
#define OE_DELIVER_MESSAGE_SIGNATURE_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct OeConfiguration OeConfiguration;
typedef struct OeItem OeItem;
typedef struct OeSigner OeSigner;

extern void oe_sign(const OeConfiguration *conf, const char *id, int64 timestamp,
					const char *body, Size len, char *out, Size size);
extern bool oe_signer_make(OeSigner *signer, bool ed25519, const char *key, int len, TimestampTz until);
extern void oe_signer_free(OeSigner *signer);
extern void oe_batch_id(OeItem **items, int n, char *out);
extern const char *oe_event_traceparent(const char *body, int len);

/* "out" has OE_TRACEPARENT_LEN + 1 bytes (base/span.h). */
extern void oe_traceparent(const char *body, int len, char *out);

#endif							/* OE_DELIVER_MESSAGE_SIGNATURE_H */
