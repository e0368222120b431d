/*
 * peer.h
 *	  Until when the certificates of endpoints are valid.
 */
#ifndef OE_DELIVER_TRANSPORT_HTTP_PEER_H
#define OE_DELIVER_TRANSPORT_HTTP_PEER_H

typedef struct OeHttpRequest OeHttpRequest;

/* In a callback of curl, when the head of an answer begins. */
extern void oe_peer_look(OeHttpRequest *req);

/* Worker, outside of a transaction: writes what has changed. */
extern void oe_peers_write(void);

#endif							/* OE_DELIVER_TRANSPORT_HTTP_PEER_H */
