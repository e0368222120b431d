/*
 * compat.h
 *	  Differences between PostgreSQL majors, hidden behind names of our own.  All
 *	  other files are written against the API of the newest major.
 */
#ifndef OE_COMPAT_H
#define OE_COMPAT_H

#include "postgres.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM >= 170000

#define oe_wait_event_new(name) WaitEventExtensionNew(name)
#define oe_create_wait_event_set(n) CreateWaitEventSet(NULL, (n))
#else
#define oe_wait_event_new(name) PG_WAIT_EXTENSION
#define oe_create_wait_event_set(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

#if PG_VERSION_NUM >= 170000
#define oe_index_insert_cleanup(index, info) index_insert_cleanup((index), (info))
#else
#define oe_index_insert_cleanup(index, info) ((void) 0)
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"				/* part of postgres.h before */
#endif

#if PG_VERSION_NUM >= 160000
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "utils/acl.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#define oe_database_ownercheck(db, role) \
	object_ownercheck(DatabaseRelationId, (db), (role))
#define oe_class_ownercheck(rel, role) object_ownercheck(RelationRelationId, (rel), (role))
#define oe_extension_ownercheck(ext, role) object_ownercheck(ExtensionRelationId, (ext), (role))
#else
#define oe_database_ownercheck(db, role) pg_database_ownercheck((db), (role))
#define oe_class_ownercheck(rel, role) pg_class_ownercheck((rel), (role))
#define oe_extension_ownercheck(ext, role) pg_extension_ownercheck((ext), (role))
#endif

/* Memory for the "extra" of a setting; NULL when memory is exhausted. */
#if PG_VERSION_NUM >= 160000
#define oe_guc_alloc(size) guc_malloc(LOG, (size))
#else
#define oe_guc_alloc(size) malloc(size)
#endif

/* Reads exactly "size" bytes of a temporary file, or raises an error. */
#if PG_VERSION_NUM >= 160000
#define oe_buffile_read(file, ptr, size) BufFileReadExact((file), (ptr), (size))
#else
#define oe_buffile_read(file, ptr, size) \
	do { \
		if (BufFileRead((file), (ptr), (size)) != (size_t) (size)) \
			ereport(ERROR, \
					(errcode_for_file_access(), \
					 errmsg("could not read a temporary file: %m"))); \
	} while (0)
#endif

/* The tuple of a decoded row version; "buf" may be NULL. */
#if PG_VERSION_NUM >= 170000
#define oe_decoded_tuple(buf) (buf)
#else
#define oe_decoded_tuple(buf) ((buf) ? &(buf)->tuple : NULL)
#endif
/* A subtransaction's top-level transaction. */
#define oe_toplevel(txn) ((txn)->toptxn ? (txn)->toptxn : (txn))
#if PG_VERSION_NUM >= 190000
#define oe_commit_time(txn) ((txn)->commit_time)
#else
#define oe_commit_time(txn) ((txn)->xact_time.commit_time)
#endif

/* Logical replication slots and origins. */
#if PG_VERSION_NUM >= 190000
#define oe_replication_slot_create(name) ReplicationSlotCreate((name), true, RS_EPHEMERAL, false, false, true, false)
#elif PG_VERSION_NUM >= 170000
#define oe_replication_slot_create(name) ReplicationSlotCreate((name), true, RS_EPHEMERAL, false, true, false)
#else
#define oe_replication_slot_create(name) ReplicationSlotCreate((name), true, RS_EPHEMERAL, false)
#endif
/* Do the standbys that synchronized_standby_slots names have all WAL up to "lsn"? */
#if PG_VERSION_NUM >= 170000
#define oe_standbys_have(lsn) StandbySlotsHaveCaughtup((lsn), DEBUG1)
#else
#define oe_standbys_have(lsn) true
#endif
/*
 * Since 19, an existing slot makes the server write logical WAL, also where
 * wal_level is replica.  Whoever creates a slot has to wait for that before
 * decoding can begin.
 */
#if PG_VERSION_NUM >= 190000
#include "replication/logicalctl.h"
#define oe_decoding_context_create(start, ...) \
	(EnsureLogicalDecodingEnabled(), \
	 CreateInitDecodingContext(OE_EXTENSION, NIL, false, false, (start), __VA_ARGS__, NULL, NULL, NULL))
#define oe_check_decoding() CheckLogicalDecodingRequirements(false)
#else
#define oe_decoding_context_create(start, ...) \
	CreateInitDecodingContext(OE_EXTENSION, NIL, false, (start), __VA_ARGS__, NULL, NULL, NULL)
#define oe_check_decoding() CheckLogicalDecodingRequirements()
#endif
#if PG_VERSION_NUM >= 180000
#define oe_replication_slot_acquire(name) ReplicationSlotAcquire((name), false, true)
#else
#define oe_replication_slot_acquire(name) ReplicationSlotAcquire((name), false)
#endif
#if PG_VERSION_NUM >= 160000
#define oe_origin_session_setup(origin) replorigin_session_setup((origin), 0)
#else
#define oe_origin_session_setup(origin) replorigin_session_setup(origin)
#endif


/* The origin that a transaction's commit record names. */
#if PG_VERSION_NUM >= 190000
#define OeOriginId ReplOriginId
#define OE_NO_ORIGIN InvalidReplOriginId
#define oe_xact_origin replorigin_xact_state.origin
#define oe_xact_origin_lsn replorigin_xact_state.origin_lsn
#define oe_xact_origin_time replorigin_xact_state.origin_timestamp
#else
#define OeOriginId RepOriginId
#define OE_NO_ORIGIN InvalidRepOriginId
#define oe_xact_origin replorigin_session_origin
#define oe_xact_origin_lsn replorigin_session_origin_lsn
#define oe_xact_origin_time replorigin_session_origin_timestamp
#endif

/* A jsonb value that is built piece by piece; "result" is the whole, once its outermost object is closed. */
#include "utils/jsonb.h"
#if PG_VERSION_NUM >= 190000
typedef JsonbInState OeJsonb;

#define oe_push_jsonb(st, token, value) pushJsonbValue((st), (token), (value))
#else
typedef struct OeJsonb
{
	JsonbParseState *parse;
	JsonbValue *result;
} OeJsonb;

#define oe_push_jsonb(st, token, value) \
	((st)->result = pushJsonbValue(&(st)->parse, (token), (value)))
#endif

/* The signal handler of a server process, called by one of ours. */
#if PG_VERSION_NUM >= 190000
#define oe_die() die(postgres_signal_arg, pg_siginfo)
#else
#define oe_die() die(postgres_signal_arg)
#endif

#if PG_VERSION_NUM >= 190000
#define oe_table_beginscan(rel, snapshot) table_beginscan((rel), (snapshot), 0, NULL, 0)
#else
#define oe_table_beginscan(rel, snapshot) table_beginscan((rel), (snapshot), 0, NULL)
#endif

/* Ends the making of a tuple descriptor, column by column; since 19 it may not be
 * used before. */
#if PG_VERSION_NUM >= 190000
#define oe_tupdesc_finalize(desc) TupleDescFinalize(desc)
#else
#define oe_tupdesc_finalize(desc) ((void) 0)
#endif

/* PostgreSQL 19 is compiled with a warning that a comment does not silence. */
#if PG_VERSION_NUM >= 190000
#define oe_fallthrough pg_fallthrough
#else
#define oe_fallthrough __attribute__((fallthrough))
#endif

#endif							/* OE_COMPAT_H */
