/*
 * peer.c
 *	  Until when the certificates of endpoints are valid.
 *
 * Worker only.  The end of the leaf certificate is read from OpenSSL's own
 * object, once per connection: CURLOPT_CERTINFO would format the whole chain as
 * text at each handshake.  Where libcurl uses another TLS library nothing is
 * known.
 */
#include "postgres.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/ilist.h"
#include "utils/timestamp.h"

#include "base/oe.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "deliver/model/configuration.h"
#include "deliver/model/memory.h"
#include "deliver/model/subscription.h"
#include "deliver/transport/http/peer.h"
#include "deliver/transport/http/request.h"

#define OE_UNIX_TO_POSTGRES_US (((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * USECS_PER_DAY)

static bool oe_peers_dirty = false;

/*
 * A certificate's end; 0 where it cannot be read.
 */
static TimestampTz
oe_certificate_end(X509 * cert)
{
	struct tm	tm;
	time_t		end;

	memset(&tm, 0, sizeof(tm));
	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return 0;
	end = timegm(&tm);
	return end == (time_t) -1 ? 0 : (int64) end * USECS_PER_SEC - OE_UNIX_TO_POSTGRES_US;
}

/*
 * Nothing here may raise an error: curl is on the stack.
 */
void
oe_peer_look(OeHttpRequest *req)
{
	struct curl_tlssessioninfo *tls = NULL;
	long		made = 0;
	X509	   *cert;
	TimestampTz end;

	if (req->common.sub == NULL || req->plain || req->kind != OE_DELIVERY)
		return;
	if (curl_easy_getinfo(req->easy, CURLINFO_NUM_CONNECTS, &made) != CURLE_OK ||
		(made == 0 && req->common.sub->peer_expires_at != 0))
		return;
	if (curl_easy_getinfo(req->easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || tls == NULL ||
		tls->backend != CURLSSLBACKEND_OPENSSL || tls->internals == NULL)
		return;
	cert = SSL_get1_peer_certificate(tls->internals);
	if (cert == NULL)
		return;
	end = oe_certificate_end(cert);
	X509_free(cert);
	if (end == 0 || end == req->common.sub->peer_expires_at)
		return;
	req->common.sub->peer_expires_at = end;
	req->common.sub->peer_dirty = oe_peers_dirty = true;
}

static void
oe_peer_write(OeSub *sub)
{
	static const Oid types[2] = {INT4OID, TIMESTAMPTZOID};
	Datum		values[2] = {Int32GetDatum(sub->id), TimestampTzGetDatum(sub->peer_expires_at)};

	(void) oe_spi(NULL, "INSERT INTO odoo_events.subscription_peer AS p (subscription_id, expires_at, seen_at) VALUES ($1, $2, pg_catalog.now())"
				  " ON CONFLICT (subscription_id) DO UPDATE SET expires_at = EXCLUDED.expires_at, seen_at = EXCLUDED.seen_at"
				  " WHERE p.expires_at <> EXCLUDED.expires_at",
				  2, types, values, NULL, false, 0);
}

void
oe_peers_write(void)
{
	OeSession	session;
	bool		begun = false;
	dlist_iter	it;

	if (!oe_peers_dirty)
		return;
	dlist_foreach(it, &oe_delivery.subs)
	{
		OeSub	   *sub = dlist_container(OeSub, node, it.cur);

		if (!sub->peer_dirty)
			continue;
		if (!begun)
			oe_own_begin(&session);
		begun = true;
		if (oe_own_column("subscription_peer", "expires_at"))
			oe_peer_write(sub);
		sub->peer_dirty = false;
	}
	if (begun)
		oe_own_end(&session);
	oe_peers_dirty = false;
}
