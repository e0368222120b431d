/*
 * secret.c
 *	  Keys, and the table that nobody but the extension's owner reads.
 *
 * Any backend, in the caller's transaction: the functions of
 * deliver_secret.sql that are written in C.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/oe.h"

#define OE_SECRET_BYTES 32

extern PGDLLEXPORT Datum oe_sql_new_secret(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum oe_sql_store_secret(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum oe_sql_public_key(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(oe_sql_new_secret);
PG_FUNCTION_INFO_V1(oe_sql_store_secret);
PG_FUNCTION_INFO_V1(oe_sql_public_key);

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
 * Inserts a row in such a way that logical decoding never sees it, so that no
 * publication FOR ALL TABLES carries secrets to another server.
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
