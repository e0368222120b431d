/*
 * handle.h
 *	  An easy handle: its options, and what curl calls.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_HANDLE_H
#define OE_DELIVER_TRANSPORT_HTTP_HANDLE_H

#include "postgres.h"

typedef struct OeHttpRequest OeHttpRequest;

extern void oe_handle_init(void);
extern bool oe_http_settings_changed(void);
extern void oe_handle_options(OeHttpRequest *req);
extern void oe_handle_ready(OeHttpRequest *req);
extern void oe_handle_fresh(OeHttpRequest *req);
extern void oe_head_done(OeHttpRequest *req);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_HANDLE_H */
