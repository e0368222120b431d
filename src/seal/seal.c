/*
 * seal.c
 *	  When the evidence log follows the outbox.
 *
 * Worker only, outside a transaction; each slice is one trusted transaction.
 * Leaves are made in blocks of some hundred, because a leaf alone would be a
 * new version of the row that has the last 256 hashes.  A checkpoint is signed
 * each hour and when publishing has moved on to another member of the outbox.
 */
#include "postgres.h"

#include <limits.h>

#include "executor/spi.h"
#include "utils/timestamp.h"

#include "base/fault.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "seal/seal.h"

/* Events that a slice makes leaves of, and how many wait for one. */
#define OE_SEAL_BLOCK OE_TUNED("seal-block", 512)

/* While publishing is busy a slice rests nine times as long as it took. */
#define OE_SEAL_REST 9

typedef struct OeSeal
{
	bool		open;			/* there is a log */
	int64		position;		/* last one that has a leaf */
	TimestampTz next;			/* when a checkpoint is due */
	TimestampTz rest_until;
} OeSeal;

static OeSeal oe_seal;

void
oe_seal_look(void)
{
	OeSession	session;
	bool		open = false;

	oe_own_begin(&session);
	/* an extension that was not updated has no tables for it */
	if (oe_own_column("seal_log", "closed_at"))
	{
		(void) oe_spi(NULL, "SELECT 1 FROM odoo_events.seal_log l WHERE l.closed_at IS NULL", 0, NULL, NULL, NULL, true, 1);
		open = SPI_processed > 0;
	}
	oe_own_end(&session);
	if (open && !oe_seal.open)
		oe_seal.next = 0;		/* the first slice learns the rest */
	oe_seal.open = open;
}

long
oe_seal_due(int64 last_position, bool busy)
{
	TimestampTz now;
	TimestampTz next;

	if (!oe_seal.open)
		return LONG_MAX;
	now = GetCurrentTimestamp();
	next = oe_seal.next;
	if (last_position - oe_seal.position >= OE_SEAL_BLOCK)
		next = busy ? oe_seal.rest_until : now;
	return next <= now ? 0 : TimestampDifferenceMilliseconds(now, next) + 1;
}

void
oe_seal_slice(void)
{
	static const Oid types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(OE_SEAL_BLOCK)};
	TimestampTz start = GetCurrentTimestamp();
	OeSession	session;
	TimestampTz next;
	int64		position;

	oe_own_begin(&session);
	(void) oe_spi(NULL, "SELECT s.\"position\", s.next FROM odoo_events._seal_step($1) s", 1, types, values, NULL, false, 1);
	position = oe_spi_int8(0, 1);
	next = oe_spi_int8(0, 2);
	OE_FAULT("seal-written");
	oe_own_end(&session);
	OE_FAULT("seal-committed");
	oe_seal.position = position;
	oe_seal.next = next;
	oe_seal.rest_until = GetCurrentTimestamp() + (GetCurrentTimestamp() - start) * OE_SEAL_REST;
}

void
oe_seal_overrun(int64 upto)
{
	static const Oid types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(upto)};
	OeSession	session;

	if (!oe_seal.open)
		return;
	oe_own_begin(&session);
	(void) oe_spi(NULL, "SELECT odoo_events._seal_overrun($1)", 1, types, values, NULL, false, 1);
	oe_own_end(&session);
	oe_seal.next = 0;
}
