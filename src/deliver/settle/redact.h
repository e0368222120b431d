/*
 * redact.h
 *	  What an endpoint sent, made fit for a table that others read.
 */
#ifndef OE_DELIVER_SETTLE_REDACT_H
#define OE_DELIVER_SETTLE_REDACT_H

#include "postgres.h"

typedef struct OeConfiguration OeConfiguration;
typedef struct OeRequest OeRequest;

extern void oe_hide(OeConfiguration *conf, const char *secret);
extern char *oe_shown_text(const OeRequest *req, const char *data, int len, bool cut, int max);

#endif							/* OE_DELIVER_SETTLE_REDACT_H */
