/*
 * policy.c
 *	  What policies let a role see and do: functions behind views and behind
 *	  what operators call (schema/govern_base.sql).
 *
 * Any backend, in the caller's transaction; touches no table.  The policies
 * of the caller come as jsonb, which a view computes once per query; they are
 * parsed once per query, too.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "base/glob.h"
#include "base/oe.h"
#include "base/shmem.h"
#include "base/type_stats.h"

PG_FUNCTION_INFO_V1(oe_sql_callers);
PG_FUNCTION_INFO_V1(oe_sql_allows);
PG_FUNCTION_INFO_V1(oe_sql_sees);
PG_FUNCTION_INFO_V1(oe_sql_sees_whole);
PG_FUNCTION_INFO_V1(oe_sql_deny);
PG_FUNCTION_INFO_V1(oe_sql_denied);

/* One dimension of a policy.  Numbers are kept as their texts. */
typedef struct OePolicyList
{
	bool		any;			/* the policy does not restrict it */
	int			n;
	char	  **values;
} OePolicyList;

typedef enum OePolicyMember
{
	OE_POLICY_TYPES,
	OE_POLICY_COMPANIES,
	OE_POLICY_WAREHOUSES,
	OE_POLICY_SUBSCRIPTIONS,
	OE_POLICY_CLEARANCE,
	OE_POLICY_HOSTS
} OePolicyMember;

#define OE_POLICY_MEMBERS 6

static const char *const oe_policy_names[OE_POLICY_MEMBERS] = {
	"types", "companies", "warehouses", "subscriptions", "clearance", "hosts"
};

typedef struct OePolicy
{
	OePolicyList lists[OE_POLICY_MEMBERS];
} OePolicy;

/* The policies of a query, kept with the expression that calls us. */
typedef struct OePolicies
{
	Size		size;			/* of the jsonb that they were parsed from */
	char	   *image;			/* its bytes */
	int			n;
	OePolicy   *policies;
} OePolicies;

static void
oe_policy_list_read(OePolicyList *list, JsonbContainer *policy, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *member = getKeyJsonValueFromContainer(policy, name, strlen(name), &buffer);

	list->any = member == NULL || member->type != jbvBinary;
	if (list->any)
		return;
	list->n = JsonContainerSize(member->val.binary.data);
	list->values = palloc(sizeof(char *) * Max(list->n, 1));
	for (int i = 0; i < list->n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(member->val.binary.data, i);

		list->values[i] = v->type == jbvNumeric ?
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric))) :
			pnstrdup(v->val.string.val, v->val.string.len);
	}
}

/*
 * The policies in argument 0.  A query has one value of it, so the bytes are
 * compared instead of parsed again for each row.
 */
static OePolicies *
oe_policies_get(FunctionCallInfo fcinfo)
{
	Jsonb	   *jb = PG_GETARG_JSONB_P(0);
	OePolicies *p = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (p != NULL && p->size == VARSIZE(jb) && memcmp(p->image, jb, p->size) == 0)
		return p;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	p = palloc0(sizeof(OePolicies));
	p->size = VARSIZE(jb);
	p->image = memcpy(palloc(p->size), jb, p->size);
	p->n = JB_ROOT_COUNT(jb);
	p->policies = palloc0(sizeof(OePolicy) * Max(p->n, 1));
	for (int i = 0; i < p->n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&jb->root, i);

		for (int m = 0; m < OE_POLICY_MEMBERS; m++)
			oe_policy_list_read(&p->policies[i].lists[m], v->val.binary.data, oe_policy_names[m]);
	}
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = p;
	return p;
}

/* ---- one value against a dimension ---- */

static bool
oe_list_has_text(const OePolicyList *list, const char *s, int len)
{
	for (int i = 0; !list->any && i < list->n; i++)
		if (oe_glob(list->values[i], s, len))
			return true;
	return list->any;
}

static bool
oe_list_has_number(const OePolicyList *list, int32 number)
{
	char		text[12];

	if (list->any)
		return true;
	pg_ltoa(number, text);
	for (int i = 0; i < list->n; i++)
		if (strcmp(list->values[i], text) == 0)
			return true;
	return false;
}

/*
 * _allows(policies, type, company_id, warehouse_id): is there a policy that
 * shows such an event?  What has no company belongs to all companies, and what
 * has no warehouse is seen where its company is.
 */
Datum
oe_sql_allows(PG_FUNCTION_ARGS)
{
	OePolicies *p;
	text	   *type;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(true);
	if (PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	p = oe_policies_get(fcinfo);
	type = PG_GETARG_TEXT_PP(1);
	for (int i = 0; i < p->n; i++)
	{
		OePolicyList *lists = p->policies[i].lists;

		if (oe_list_has_text(&lists[OE_POLICY_TYPES], VARDATA_ANY(type), VARSIZE_ANY_EXHDR(type)) &&
			(PG_ARGISNULL(2) || oe_list_has_number(&lists[OE_POLICY_COMPANIES], PG_GETARG_INT32(2))) &&
			(PG_ARGISNULL(3) || oe_list_has_number(&lists[OE_POLICY_WAREHOUSES], PG_GETARG_INT32(3))))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/* ---- subscriptions ---- */

/*
 * Is one of the numbers of argument n (all: each of them) in the list?  A
 * subscription without the restriction has all numbers.
 */
static bool
oe_list_covers_numbers(const OePolicyList *list, FunctionCallInfo fcinfo, int n, bool all)
{
	ArrayType  *array;
	int32	   *numbers;
	int			count;

	if (list->any)
		return true;
	if (PG_ARGISNULL(n))
		return !all;
	array = PG_GETARG_ARRAYTYPE_P(n);
	if (array_contains_nulls(array))	/* a null has no place among the
										 * values */
		return false;
	count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	numbers = (int32 *) ARR_DATA_PTR(array);
	for (int i = 0; i < count; i++)
		if (oe_list_has_number(list, numbers[i]) != all)
			return !all;
	return all;
}

/*
 * Is each of the texts of argument n in the list?  A pattern is inside one that
 * matches it as it is written.
 */
static bool
oe_list_covers_texts(const OePolicyList *list, FunctionCallInfo fcinfo, int n)
{
	Datum	   *values;
	int			count;

	if (list->any || PG_ARGISNULL(n))
		return list->any;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		text	   *t = DatumGetTextPP(values[i]);

		if (!oe_list_has_text(list, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)))
			return false;
	}
	return true;
}

static bool
oe_list_covers_text(const OePolicyList *list, FunctionCallInfo fcinfo, int n)
{
	text	   *t;

	if (list->any || PG_ARGISNULL(n))
		return list->any;
	t = PG_GETARG_TEXT_PP(n);
	return oe_list_has_text(list, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

/*
 * _sees(policies, name, companies, warehouses): may a subscription get events
 * that one of the policies shows?
 */
Datum
oe_sql_sees(PG_FUNCTION_ARGS)
{
	OePolicies *p;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(true);
	p = oe_policies_get(fcinfo);
	for (int i = 0; i < p->n; i++)
	{
		OePolicyList *lists = p->policies[i].lists;

		if (oe_list_covers_text(&lists[OE_POLICY_SUBSCRIPTIONS], fcinfo, 1) &&
			oe_list_covers_numbers(&lists[OE_POLICY_COMPANIES], fcinfo, 2, false) &&
			oe_list_covers_numbers(&lists[OE_POLICY_WAREHOUSES], fcinfo, 3, false))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/*
 * _sees_whole(policies, name, types, companies, warehouses, clearance, host):
 * is a subscription inside one of the policies, with all that it may get?  A
 * null clearance or host is not asked for.
 */
Datum
oe_sql_sees_whole(PG_FUNCTION_ARGS)
{
	OePolicies *p;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(true);
	p = oe_policies_get(fcinfo);
	for (int i = 0; i < p->n; i++)
	{
		OePolicyList *lists = p->policies[i].lists;

		if (oe_list_covers_text(&lists[OE_POLICY_SUBSCRIPTIONS], fcinfo, 1) &&
			oe_list_covers_texts(&lists[OE_POLICY_TYPES], fcinfo, 2) &&
			oe_list_covers_numbers(&lists[OE_POLICY_COMPANIES], fcinfo, 3, true) &&
			oe_list_covers_numbers(&lists[OE_POLICY_WAREHOUSES], fcinfo, 4, true) &&
			(PG_ARGISNULL(5) || oe_list_covers_texts(&lists[OE_POLICY_CLEARANCE], fcinfo, 5)) &&
			(PG_ARGISNULL(6) || oe_list_covers_text(&lists[OE_POLICY_HOSTS], fcinfo, 6)))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/* ---- who calls ---- */

/*
 * _callers(): the roles whose policies count: the user outside of SECURITY
 * DEFINER functions, and who logged in, so that SET ROLE leads out of no
 * policy.  Superusers and our worker have none.
 */
Datum
oe_sql_callers(PG_FUNCTION_ARGS)
{
	Datum		oids[2];
	int			n = 0;

	/*
	 * a background worker of another extension (pg_cron, for example) runs
	 * somebody's statements
	 */
	bool		ours = MyBgworkerEntry != NULL && strcmp(MyBgworkerEntry->bgw_library_name, OE_EXTENSION) == 0;

	if (!ours && !superuser_arg(GetOuterUserId()))
	{
		oids[n++] = ObjectIdGetDatum(GetOuterUserId());
		if (GetSessionUserId() != GetOuterUserId() && !superuser_arg(GetSessionUserId()))
			oids[n++] = ObjectIdGetDatum(GetSessionUserId());
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(oids, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

/* ---- what is refused ---- */

/*
 * _deny(message, hint): counts it for the caller, logs it, and raises the
 * error.  Counter and log outlive the transaction that is refused.
 */
Datum
oe_sql_deny(PG_FUNCTION_ARGS)
{
	OeSlot	   *slot = oe_slot_mine(false);
	char	   *message = PG_ARGISNULL(0) ? "this" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *role = GetUserNameFromId(GetOuterUserId(), true);

	if (role == NULL)
		role = "?";
	if (slot != NULL)
		oe_metrics_denied(&slot->metrics, role);
	ereport(LOG, (errmsg("refused to role \"%s\" by its policy: %s", role, message), errhidestmt(true)));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s", message),
			 PG_ARGISNULL(1) ? 0 : errhint("%s", text_to_cstring(PG_GETARG_TEXT_PP(1)))));
	PG_RETURN_VOID();
}

/*
 * _denied(OUT role, OUT denied): calls that policies refused, since the server
 * started.
 */
Datum
oe_sql_denied(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	OeSlot	   *slot = oe_slot_mine(false);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; slot != NULL && i < OE_MAX_DENIED; i++)
	{
		OeDenied   *d = &slot->metrics.denied[i];
		Datum		values[2];
		bool		nulls[2] = {false, false};

		if (d->role[0] == '\0')
			break;
		values[0] = CStringGetTextDatum(d->role);
		values[1] = Int64GetDatum((int64) pg_atomic_read_u64(&d->count));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
