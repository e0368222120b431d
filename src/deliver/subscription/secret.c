/*
 * secret.c
 *	  Keys, and table subscription_secret, which only the extension's owner
 *	  may read.
 *
 * Any backend, in the caller's transaction: C functions of deliver_secret.sql.
 */
#include "postgres.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "datatype/timestamp.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/oe.h"

#define OE_SECRET_BYTES 32

extern PGDLLEXPORT Datum oe_sql_new_secret(PG_FUNCTION_ARGS);

extern PGDLLEXPORT Datum oe_sql_store_secret(PG_FUNCTION_ARGS);

extern PGDLLEXPORT Datum oe_sql_public_key(PG_FUNCTION_ARGS);

extern PGDLLEXPORT Datum oe_sql_check_tls(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(oe_sql_new_secret);
PG_FUNCTION_INFO_V1(oe_sql_store_secret);
PG_FUNCTION_INFO_V1(oe_sql_public_key);
PG_FUNCTION_INFO_V1(oe_sql_check_tls);

/*
 * _new_secret(): random bytes for a signing key.
 */
Datum
oe_sql_new_secret(PG_FUNCTION_ARGS)
{
	bytea	   *result = palloc(VARHDRSZ + OE_SECRET_BYTES);

	SET_VARSIZE(result, VARHDRSZ + OE_SECRET_BYTES);
	if (!pg_strong_random(VARDATA(result), OE_SECRET_BYTES))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random bytes")));
	PG_RETURN_BYTEA_P(result);
}

/*
 * Deletes the row of this subscription, if there is one.
 */
static void
oe_secret_delete(Relation rel, Oid index, int32 id)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
	scan = systable_beginscan(rel, index, true, GetActiveSnapshot(), 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
		simple_heap_delete(rel, &tup->t_self);
	systable_endscan(scan);
}

/*
 * Inserts a row in such a way that logical decoding does not see it, so that a
 * publication FOR ALL TABLES does not carry secrets to another server.
 */
static void
oe_secret_insert(Relation rel, Oid index, Datum *values, bool *nulls)
{
	HeapTuple	tup = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	Relation	irel = index_open(index, RowExclusiveLock);
	IndexInfo  *info = BuildIndexInfo(irel);

	heap_insert(rel, tup, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL, NULL);
	index_insert(irel, values, nulls, &tup->t_self, rel, UNIQUE_CHECK_YES, false, info);
	index_close(irel, NoLock);
	heap_freetuple(tup);
}

/*
 * _store_secret(row): replaces the row of its subscription.
 */
Datum
oe_sql_store_secret(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	Oid			schema = get_namespace_oid(OE_SCHEMA, false);
	Relation	rel = table_open(get_relname_relid("subscription_secret", schema), RowExclusiveLock);
	Oid			index = get_relname_relid("subscription_secret_pkey", schema);
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	HeapTupleData tup;

	ItemPointerSetInvalid(&tup.t_self);
	tup.t_tableOid = InvalidOid;
	tup.t_len = HeapTupleHeaderGetDatumLength(row);
	tup.t_data = row;
	heap_deform_tuple(&tup, desc, values, nulls);
	oe_secret_delete(rel, index, DatumGetInt32(values[0]));
	CommandCounterIncrement();
	oe_secret_insert(rel, index, values, nulls);
	CommandCounterIncrement();
	table_close(rel, NoLock);
	PG_RETURN_VOID();
}

/*
 * _public_key(secret): of an ed25519 key.
 */
Datum
oe_sql_public_key(PG_FUNCTION_ARGS)
{
	bytea	   *seed = PG_GETARG_BYTEA_PP(0);
	bytea	   *result = palloc(VARHDRSZ + 32);
	size_t		len = 32;
	EVP_PKEY   *key = VARSIZE_ANY_EXHDR(seed) != 32 ? NULL :
	EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (unsigned char *) VARDATA_ANY(seed), 32);

	SET_VARSIZE(result, VARHDRSZ + 32);
	if (key == NULL || EVP_PKEY_get_raw_public_key(key, (unsigned char *) VARDATA(result), &len) != 1)
	{
		EVP_PKEY_free(key);
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION), errmsg("could not compute a public key")));
	}
	EVP_PKEY_free(key);
	PG_RETURN_BYTEA_P(result);
}

/*
 * Refuses keys that need a passphrase: there is nobody to ask.
 */
static int
oe_no_passphrase(char *buf, int size, int rwflag, void *u)
{
	return 0;
}

/*
 * Until when all certificates of this PEM text are valid, in microseconds; 0:
 * there is none, or one that cannot be parsed.  *key of the first one is kept.
 */
static TimestampTz
oe_pem_until(const char *pem, EVP_PKEY **first_key)
{
	BIO		   *bio = BIO_new_mem_buf(pem, -1);
	TimestampTz until = 0;
	X509	   *cert;

	while (bio != NULL && (cert = PEM_read_bio_X509(bio, NULL, oe_no_passphrase, NULL)) != NULL)
	{
		struct tm	tm;
		TimestampTz end = 0;

		if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
			end = time_t_to_timestamptz((pg_time_t) timegm(&tm));
		if (end != 0 && (until == 0 || end < until))
			until = end;
		if (first_key != NULL && *first_key == NULL)
			*first_key = X509_get_pubkey(cert);
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return until;
}

static void
oe_tls_refused(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"tls\" cannot be used"),
			 errdetail("%s", detail),
			 errhint("ca, cert and key are PEM texts; the key belongs to the first certificate of cert and has no passphrase.")));
}

/*
 * Does the key belong to the certificate?
 */
static bool
oe_key_fits(const char *pem, EVP_PKEY *public_key)
{
	BIO		   *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY   *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, oe_no_passphrase, NULL) : NULL;
	bool		fits = key != NULL && EVP_PKEY_eq(key, public_key) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return fits;
}

/*
 * _check_tls(ca, cert, key): raises if they are of no use; answers when the
 * first of the certificates expires.  Each may be null.
 */
Datum
oe_sql_check_tls(PG_FUNCTION_ARGS)
{
	TimestampTz until = 0;
	TimestampTz own = 0;
	EVP_PKEY   *public_key = NULL;
	bool		fits;

	if (!PG_ARGISNULL(0) && (until = oe_pem_until(text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL)) == 0)
		oe_tls_refused("ca holds no certificate that can be read.");
	if (PG_ARGISNULL(1) != PG_ARGISNULL(2))
		oe_tls_refused("cert and key go together.");
	if (!PG_ARGISNULL(1))
	{
		own = oe_pem_until(text_to_cstring(PG_GETARG_TEXT_PP(1)), &public_key);
		fits = own != 0 && public_key != NULL && oe_key_fits(text_to_cstring(PG_GETARG_TEXT_PP(2)), public_key);
		EVP_PKEY_free(public_key);
		if (own == 0)
			oe_tls_refused("cert holds no certificate that can be read.");
		if (!fits)
			oe_tls_refused("The key cannot be read, or is not that of the certificate.");
	}
	if (own != 0 && (until == 0 || own < until))
		until = own;
	if (until == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(until);
}
