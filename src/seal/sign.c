/*
 * sign.c
 *	  Signs checkpoints of the evidence log.
 *
 * Worker and backends, in a transaction: functions of seal.sql.  What is signed
 * cannot be taken back, since whoever gets a checkpoint keeps it.  So all that
 * it is about is on the disk before, and nobody signs in a transaction that
 * may still be rolled back after the answer was seen.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/fault.h"

PG_FUNCTION_INFO_V1(oe_sql_seal_sign);
PG_FUNCTION_INFO_V1(oe_sql_seal_alone);
PG_FUNCTION_INFO_V1(oe_sql_timeline);

/*
 * _seal_sign_text(key, text): an Ed25519 signature by the key with this seed.
 */
Datum
oe_sql_seal_sign(PG_FUNCTION_ARGS)
{
	bytea	   *seed = PG_GETARG_BYTEA_PP(0);
	text	   *note = PG_GETARG_TEXT_PP(1);
	bytea	   *result = palloc(VARHDRSZ + 64);
	size_t		len = 64;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY   *key = VARSIZE_ANY_EXHDR(seed) != 32 ? NULL :
	EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (unsigned char *) VARDATA_ANY(seed), 32);
	bool		good;

	/*
	 * this transaction has locked the log, and what is signed was written
	 * before
	 */
	XLogFlush(XactLastRecEnd);
	OE_FAULT("seal-sign");
	good = ctx != NULL && key != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestSign(ctx, (unsigned char *) VARDATA(result), &len, (unsigned char *) VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note)) == 1;
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute a signature")));
	SET_VARSIZE(result, VARHDRSZ + 64);
	PG_RETURN_BYTEA_P(result);
}

/*
 * _seal_alone(): raises an error within a transaction block.
 */
Datum
oe_sql_seal_alone(PG_FUNCTION_ARGS)
{
	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("seal() cannot run inside a transaction block"),
				 errdetail("A checkpoint that was seen, and then rolled back, would contradict the next one."),
				 errhint("COMMIT; SELECT odoo_events.seal();")));
	PG_RETURN_VOID();
}

/*
 * _timeline(): the timeline that this server writes.
 */
Datum
oe_sql_timeline(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) GetWALInsertionTimeLine());
}
