/*
 * sample.c
 *	  Figures that are kept once a minute: free disk space.
 *
 * The worker calls oe_sample(), which writes in a trusted transaction.  The SQL
 * function reads the file system in any backend and writes nothing.
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/oe.h"
#include "base/session.h"
#include "base/spi_row.h"
#include "worker/sample.h"

PG_FUNCTION_INFO_V1(oe_sql_disk_space);

#define OE_SAMPLE_MS 60000

static TimestampTz oe_sample_next = 0;

/*
 * _disk_space(OUT part, OUT free, OUT total): bytes of the file systems that
 * hold the data directory and its pg_wal; what the server's user may use.
 */
Datum
oe_sql_disk_space(PG_FUNCTION_ARGS)
{
	static const char *const parts[][2] = {{"data", "."}, {"pg_wal", "pg_wal/."}};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < lengthof(parts); i++)
	{
		struct statvfs fs;
		Datum		values[3];
		bool		nulls[3] = {false};

		/* the working directory of every process is the data directory */
		if (statvfs(parts[i][1], &fs) != 0)
			continue;
		values[0] = CStringGetTextDatum(parts[i][0]);
		values[1] = Int64GetDatum((int64) fs.f_bavail * (int64) fs.f_frsize);
		values[2] = Int64GetDatum((int64) fs.f_blocks * (int64) fs.f_frsize);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

long
oe_sample_until(void)
{
	TimestampTz now = GetCurrentTimestamp();

	/* a clock that was set back is no reason to wait */
	if (now >= oe_sample_next || oe_sample_next - now > (int64) OE_SAMPLE_MS * 1000)
		return 0;
	return TimestampDifferenceMilliseconds(now, oe_sample_next) + 1;
}

void
oe_sample(void)
{
	OeSession	session;

	oe_sample_next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OE_SAMPLE_MS);
	oe_own_begin(&session);
	if (oe_own_column("disk_sample", "free"))
		(void) oe_spi(NULL, "SELECT odoo_events._sample()", 0, NULL, NULL, NULL, false, 0);
	oe_own_end(&session);
}
