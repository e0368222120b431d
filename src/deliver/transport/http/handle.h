/*
 * handle.h
 *	  An easy handle: its options, and what curl calls.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_HANDLE_H
#define OE_DELIVER_TRANSPORT_HTTP_HANDLE_H

#include "postgres.h"

typedef struct OeRequest OeRequest;

extern void oe_handle_init(void);
extern bool oe_http_settings_changed(void);
extern void oe_handle_options(OeRequest *req);
extern void oe_handle_ready(OeRequest *req);
extern void oe_handle_fresh(OeRequest *req);
extern void oe_head_done(OeRequest *req);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_HANDLE_H */
