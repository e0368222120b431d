/*
 * json.h
 *	  Writing JSON text whose format depends on no session setting.
 *
 * Any process.  Appends to a StringInfo in its own memory context.  Calls no
 * user-defined function: arrays are written as JSON arrays, composite values
 * as objects, other types as JSON strings of their output function only if
 * that is built in (oid below FirstNormalObjectId), else as null.
 *
 * numeric: digits as stored (10.00); NaN and infinities as strings.
 * float4/float8: shortest text that reads back the same, NaN/Infinity strings.
 * timestamp: "YYYY-MM-DDTHH:MM:SS[.ffffff]Z" (Odoo keeps UTC);
 * timestamptz the same, in UTC; date "YYYY-MM-DD".  json, jsonb: as is.
 */
#ifndef OE_JSON_H
#define OE_JSON_H

#include "postgres.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

#include "base/json_string.h"

extern void oe_json_cstring(StringInfo buf, const char *s);
extern void oe_json_timestamptz(StringInfo buf, int64 t);
extern void oe_json_int(StringInfo buf, int64 value);

/* 2^53 - 1: the largest integer up to which a double holds all integers. */
#define OE_JSON_EXACT INT64CONST(9007199254740991)
extern void oe_json_id(StringInfo buf, int64 id);

/* A uuid as text, 37 bytes with the end; faster than uuid_out(). */
extern void oe_uuid_digits(const unsigned char *uuid, char *text);

/* "name": of a member; the name needs no escapes. */
extern void oe_json_name(StringInfo buf, const char *name);

/* "out" is the type's output function, looked up by the caller beforehand;
 * used for types without a fast path only. */
extern void oe_json_datum(StringInfo buf, Oid type, FmgrInfo *out, Datum value);

#endif							/* OE_JSON_H */
