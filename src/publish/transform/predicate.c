/*
 * predicate.c
 *	  Evaluates the catalog's predicates: jsonpath over what a transaction
 *	  did.
 *
 * As-owner transaction, because predicates look at references, but nothing is
 * read here: rows that are not in memory are asked for.  "$" has the members
 * old, new and refs, and for documents parts and rows; "$tx" is the whole
 * transaction, "$marked" what the DBA marked.  PostgreSQL's own functions
 * evaluate the jsonpath.
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "base/json_row.h"
#include "base/watch.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/types.h"
#include "publish/model/cycle.h"
#include "publish/model/document.h"
#include "publish/model/failure.h"
#include "publish/model/transaction.h"
#include "publish/odoo/rows.h"
#include "publish/odoo/shown_values.h"
#include "publish/transform/past_rows.h"
#include "publish/transform/predicate.h"

/*
 * When the transaction began, as Odoo wrote it into its rows (write_date);
 * NULL: not known.
 */
static const OeText *
oe_doc_written(OeDoc *doc)
{
	const OeText *t = doc->own && doc->own->new.n > 0 ? oe_row_find(&doc->own->new, "write_date") : NULL;
	ListCell   *lc;

	foreach(lc, doc->nets)
	{
		OeChange   *c = ((OePartNet *) lfirst(lc))->change;

		if (t == NULL && c->new.n > 0)
			t = oe_row_find(&c->new, "write_date");
	}
	return t;
}

static bool
oe_named(int n, char **words, const char *column)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], column) == 0)
			return true;
	return false;
}

static void
oe_push_key(OeJsonb *st, const char *s, int len)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = (char *) s;
	v.val.string.len = len;
	oe_push_jsonb(st, WJB_KEY, &v);
}

/*
 * A piece of JSON text as jsonb; NULL for what jsonb cannot hold, such as
 * \u0000 or 1e1000000 in a column of type json: one row's odd value must not
 * stop the judgement of all the others.  Converting touches nothing but
 * memory, so an error needs no subtransaction.
 */
static Jsonb *
oe_text_jsonb(const OeText *t)
{
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *volatile jb = NULL;

	PG_TRY();
	{
		jb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(t->s, t->len))));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		if (!oe_about_data(geterrcode()))
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return jb;
}

/* Is it a number or a string that needs no care to be read? */
static bool
oe_text_plain(const OeText *t)
{
	if (t->s[0] == '{' || t->s[0] == '[')
		return false;
	if (t->s[0] == '"')
		return memchr(t->s, '\\', t->len) == NULL;
	return t->len < 64 && memchr(t->s, 'e', t->len) == NULL && memchr(t->s, 'E', t->len) == NULL;
}

static void
oe_push_value(OeJsonb *st, JsonbIteratorToken as, const OeText *t)
{
	JsonbValue	v;
	Jsonb	   *jb;
	int64		number;

	v.type = jbvNull;
	if (oe_text_null(t))
		;
	else if (t->s[0] == 't' || t->s[0] == 'f')
	{
		v.type = jbvBool;
		v.val.boolean = t->s[0] == 't';
	}
	else if (!oe_text_plain(t))
	{
		if ((jb = oe_text_jsonb(t)) != NULL)
		{
			v.type = jbvBinary;
			v.val.binary.data = &jb->root;
			v.val.binary.len = VARSIZE(jb) - VARHDRSZ;
		}
	}
	else if (t->s[0] == '"')
	{
		v.type = jbvString;
		v.val.string.val = (char *) t->s + 1;
		v.val.string.len = t->len - 2;
	}
	else
	{
		v.type = jbvNumeric;
		if (oe_text_int(t, &number))
			v.val.numeric = int64_to_numeric(number);
		else
			v.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(t->s, t->len)),
																ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	oe_push_jsonb(st, as, &v);
}

static inline uint64
oe_tag_bit(uint32 tag)
{
	return UINT64CONST(1) << ((tag * 0x9e3779b1u) >> 26);
}

/*
 * Makes the tag bits of the words: a quick test that rejects most columns that
 * the predicate does not use, before the word list is searched.
 */
static void
oe_words_ready(OeCycle *cy, OeWords *words)
{
	uint32	   *tags;

	if (words->tags != NULL)
		return;
	tags = MemoryContextAlloc(cy->cat->cxt, sizeof(uint32) * (words->n + 1));
	words->mask = 0;
	for (int i = 0; i < words->n; i++)
	{
		tags[i] = oe_key_tag(words->words[i], strlen(words->words[i]));
		words->mask |= oe_tag_bit(tags[i]);
	}
	words->tags = tags;
}

static const char *
oe_word_of(const OeWords *words, const OeMember *m)
{
	for (int i = 0; (words->mask & oe_tag_bit(m->tag)) && i < words->n; i++)
		if (words->tags[i] == m->tag && strlen(words->words[i]) == m->len && memcmp(words->words[i], m->key, m->len) == 0)
			return words->words[i];
	return NULL;
}

/* A row as an object; only columns that are mentioned. */
static void
oe_push_members(OeJsonb *st, const OeJsonRow *row, const OeWords *words)
{
	static const OeMember id = {.key = "id",.len = 2};
	bool		has_id = false;

	oe_push_jsonb(st, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < row->n; i++)
	{
		const char *word = oe_word_of(words, &row->m[i]);

		if (word == NULL)
			continue;
		has_id |= strcmp(word, "id") == 0;
		oe_push_key(st, word, row->m[i].len);
		oe_push_value(st, WJB_VALUE, row->nraw ? oe_raw_value(row, &row->m[i]) : &row->m[i].value);
	}
	if (!has_id && row->id.s != NULL)
	{
		OeMember	m = id;

		m.tag = oe_key_tag(m.key, m.len);
		if (oe_word_of(words, &m) != NULL)
		{
			oe_push_key(st, m.key, m.len);
			oe_push_value(st, WJB_VALUE, &row->id);
		}
	}
	oe_push_jsonb(st, WJB_END_OBJECT, NULL);
}

static void
oe_push_row(OeJsonb *st, const char *name, const OeJsonRow *row, const OeWords *words)
{
	oe_push_key(st, name, strlen(name));
	oe_push_members(st, row, words);
}

/* "name": {column: the row that the column refers to} */
static void
oe_push_linked(OeCycle *cy, OeJsonb *st, const char *name, int n, char **columns, OeCatalogRule *rule, const OeJsonRow *row, const OeWords *words)
{
	oe_push_key(st, name, strlen(name));
	oe_push_jsonb(st, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < n; i++)
	{
		OeReference *link = oe_link_of(rule, columns[i]);
		OeJsonRow  *ref;
		int64		id;

		if (link == NULL || !oe_text_int(oe_row_find(row, columns[i]), &id) ||
			(ref = oe_reference_row(cy, link, id)) == NULL)
			continue;
		oe_push_row(st, columns[i], ref, words);
	}
	oe_push_jsonb(st, WJB_END_OBJECT, NULL);
}

static void
oe_push_refs(OeCycle *cy, OeJsonb *st, OeCatalogRule *rule, const OeJsonRow *row, const OeWords *words)
{
	oe_push_linked(cy, st, "refs", words->nrefs, words->refs, rule, row, words);
}

/* "parts": {part: [{"old", "new", "refs"}]}: what the transaction did to them. */
static void
oe_push_parts(OeCycle *cy, OeJsonb *st, OeDoc *doc, const OeWords *words)
{
	oe_push_key(st, "parts", 5);
	oe_push_jsonb(st, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < doc->e->nparts; i++)
	{
		OePart	   *part = doc->e->parts[i];
		ListCell   *lc;

		if (!part->watched)
			continue;
		oe_push_key(st, part->name, strlen(part->name));
		oe_push_jsonb(st, WJB_BEGIN_ARRAY, NULL);
		foreach(lc, doc->nets)
		{
			OePartNet  *net = lfirst(lc);

			if (net->part != part)
				continue;
			oe_push_jsonb(st, WJB_BEGIN_OBJECT, NULL);
			if (net->change->old.n > 0)
				oe_push_row(st, "old", &net->change->old, words);
			if (net->change->new.n > 0)
				oe_push_row(st, "new", &net->change->new, words);
			if (words->nrefs > 0)
				oe_push_refs(cy, st, part->rule, net->change->new.n > 0 ? &net->change->new : &net->change->old, words);
			oe_push_jsonb(st, WJB_END_OBJECT, NULL);
		}
		oe_push_jsonb(st, WJB_END_ARRAY, NULL);
	}
	oe_push_jsonb(st, WJB_END_OBJECT, NULL);
}

/*
 * "rows": {part: [row]}: those that the transaction left alone, as it found
 * them, as far as that is known (lookahead.c).
 */
static void
oe_push_rows(OeCycle *cy, OeJsonb *st, OeDoc *doc, const OeWords *words)
{
	const OeText *written = oe_doc_written(doc);
	bool		since = false;

	oe_push_key(st, "rows", 4);
	oe_push_jsonb(st, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < doc->e->nparts; i++)
	{
		OePart	   *part = doc->e->parts[i];
		ListCell   *lc;

		if (part->within || !part->watched)
			continue;
		oe_push_key(st, part->name, strlen(part->name));
		oe_push_jsonb(st, WJB_BEGIN_ARRAY, NULL);
		foreach(lc, oe_past_rows(cy, doc->tx, part, doc->id))
		{
			oe_push_members(st, lfirst(lc), words);
			since |= oe_text_later(oe_row_find(lfirst(lc), "write_date"), written);
		}
		oe_push_jsonb(st, WJB_END_ARRAY, NULL);
	}
	oe_push_jsonb(st, WJB_END_OBJECT, NULL);
	oe_push_key(st, "since", 5);
	written = &(OeText)
	{
		.s = since ? "true" : "false",.len = since ? 4 : 5
	};
	oe_push_value(st, WJB_VALUE, written);
}

/* What "$" is in a predicate. */
static Datum
oe_root(OeCycle *cy, OePredicate *p, OePredicateInput *s)
{
	OeWords    *words = s->words ? s->words : &p->words;
	OeJsonb		st = {0};
	JsonbValue *v;

	oe_words_ready(cy, words);
	oe_push_jsonb(&st, WJB_BEGIN_OBJECT, NULL);
	if (s->old && s->old->n > 0)
		oe_push_row(&st, "old", s->old, words);
	if (s->new && s->new->n > 0)
		oe_push_row(&st, "new", s->new, words);
	if (words->nrefs > 0 && (s->new || s->old))
		oe_push_refs(cy, &st, s->rule, s->new && s->new->n > 0 ? s->new : s->old, words);
	if (words->nwere > 0 && s->old && s->old->n > 0)
		oe_push_linked(cy, &st, "were", words->nwere, words->were, s->rule, s->old, words);
	if (s->doc && s->doc->e->uses_parts)
		oe_push_parts(cy, &st, s->doc, words);
	if (s->doc && s->doc->e->uses_rows)
		oe_push_rows(cy, &st, s->doc, words);
	oe_push_jsonb(&st, WJB_END_OBJECT, NULL);
	v = st.result;
	return JsonbPGetDatum(JsonbValueToJsonb(v));
}

/* "marked": {mark: [id]} */
static void
oe_push_marked(OeJsonb *st, OeCatalog *cat)
{
	oe_push_key(st, "marked", 6);
	oe_push_jsonb(st, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < cat->nmarked; i++)
	{
		bool		first = i == 0 || strcmp(cat->marked[i - 1].mark, cat->marked[i].mark) != 0;
		bool		last = i == cat->nmarked - 1 || strcmp(cat->marked[i + 1].mark, cat->marked[i].mark) != 0;
		char	   *id = psprintf(INT64_FORMAT, cat->marked[i].id);
		OeText		text = {.s = id,.len = strlen(id)};

		if (first)
		{
			oe_push_key(st, cat->marked[i].mark, strlen(cat->marked[i].mark));
			oe_push_jsonb(st, WJB_BEGIN_ARRAY, NULL);
		}
		oe_push_value(st, WJB_ELEM, &text);
		if (last)
			oe_push_jsonb(st, WJB_END_ARRAY, NULL);
	}
	oe_push_jsonb(st, WJB_END_OBJECT, NULL);
}

/*
 * What predicates have as "$marked": made once per catalog, in its memory.
 */
static Datum
oe_marked_vars(OeCatalog *cat)
{
	OeJsonb		st = {0};
	MemoryContext save;

	if (cat->vars != (Datum) 0)
		return cat->vars;
	save = MemoryContextSwitchTo(cat->cxt);
	oe_push_jsonb(&st, WJB_BEGIN_OBJECT, NULL);
	oe_push_marked(&st, cat);
	oe_push_jsonb(&st, WJB_END_OBJECT, NULL);
	cat->vars = JsonbPGetDatum(JsonbValueToJsonb(st.result));
	MemoryContextSwitchTo(save);
	return cat->vars;
}

/*
 * {"marked": ..., "tx": {rule: {id: {"old": ..., "new": ...}}}}, once per
 * transaction, in the cycle's memory.
 */
static Datum
oe_tx_vars(OeCycle *cy, OeTx *tx)
{
	OeJsonb		st = {0};
	JsonbValue *v;
	MemoryContext save = CurrentMemoryContext;

	if (tx->vars != (Datum) 0)
		return tx->vars;
	oe_words_ready(cy, &cy->cat->words);
	oe_push_jsonb(&st, WJB_BEGIN_OBJECT, NULL);
	oe_push_marked(&st, cy->cat);
	oe_push_key(&st, "tx", 2);
	oe_push_jsonb(&st, WJB_BEGIN_OBJECT, NULL);
	for (int r = 0; r < cy->cat->nrules; r++)
	{
		OeCatalogRule *rule = &cy->cat->rules[r];

		oe_push_key(&st, rule->name, strlen(rule->name));
		oe_push_jsonb(&st, WJB_BEGIN_OBJECT, NULL);
		for (int i = 0; i < tx->n; i++)
		{
			OeChange   *c = &tx->changes[i];
			char	   *id;

			if (c->rule != rule || !oe_change_parse(c))
				continue;
			id = psprintf(INT64_FORMAT, c->record_id);
			oe_push_key(&st, id, strlen(id));
			oe_push_jsonb(&st, WJB_BEGIN_OBJECT, NULL);
			if (c->old.n > 0)
				oe_push_row(&st, "old", &c->old, &cy->cat->words);
			if (c->new.n > 0)
				oe_push_row(&st, "new", &c->new, &cy->cat->words);
			oe_push_jsonb(&st, WJB_END_OBJECT, NULL);
		}
		oe_push_jsonb(&st, WJB_END_OBJECT, NULL);
	}
	oe_push_jsonb(&st, WJB_END_OBJECT, NULL);
	oe_push_jsonb(&st, WJB_END_OBJECT, NULL);
	v = st.result;
	MemoryContextSwitchTo(cy->cxt);
	tx->vars = JsonbPGetDatum(JsonbValueToJsonb(v));
	MemoryContextSwitchTo(save);
	return tx->vars;
}

const char *oe_predicate_type = NULL;

/*
 * Does the predicate hold? "Unknown" counts as no.  Frees everything except for
 * "$", if the caller keeps that.
 */
bool
oe_predicate_holds(OeCycle *cy, OePredicate *p, OePredicateInput *s)
{
	LOCAL_FCINFO(fcinfo, 4);
	Datum		root = s->root;
	Datum		result;
	MemoryContext save;

	if (p->path == (Datum) 0)
		return true;
	if (cy->holds_cxt == NULL)
		cy->holds_cxt = AllocSetContextCreate(cy->cxt, "odoo_events predicate", ALLOCSET_DEFAULT_SIZES);
	save = MemoryContextSwitchTo(cy->holds_cxt);
	if (root == (Datum) 0)
		root = oe_root(cy, p, s);
	if (s->words && s->root == (Datum) 0)
	{
		MemoryContextSwitchTo(save);
		s->root = datumCopy(root, false, -1);
		MemoryContextSwitchTo(cy->holds_cxt);
	}
	InitFunctionCallInfoData(*fcinfo, NULL, 4, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = root;
	fcinfo->args[1].value = p->path;
	fcinfo->args[2].value = p->uses_tx ? oe_tx_vars(cy, s->tx) : oe_marked_vars(cy->cat);
	fcinfo->args[3].value = BoolGetDatum(true);
	for (int i = 0; i < 4; i++)
		fcinfo->args[i].isnull = false;
	oe_predicate_type = p->type;
	oe_watch_begin();
	result = jsonb_path_match(fcinfo);
	(void) oe_watch_end();
	MemoryContextSwitchTo(save);
	MemoryContextReset(cy->holds_cxt);
	return !fcinfo->isnull && DatumGetBool(result);
}

/*
 * What a predicate looks at, as text for explain().
 */
char *
oe_predicate_seen(OeCycle *cy, OePredicate *p, OePredicateInput *s)
{
	Jsonb	   *jb = DatumGetJsonbP(oe_root(cy, p, s));

	return JsonbToCString(NULL, &jb->root, VARSIZE(jb));
}

/*
 * The same of one row by itself, as "$.new".
 */
bool
oe_predicate_holds_row(OeCycle *cy, OePredicate *p, OeTx *tx, OeCatalogRule *rule, const OeJsonRow *row)
{
	OePredicateInput s = {.tx = tx,.rule = rule,.new = row};

	return oe_predicate_holds(cy, p, &s);
}

/*
 * Asks for the references that predicates may look at.
 */
static void
oe_links_wanted(OeCycle *cy, int n, char **words, OeCatalogRule *rule, const OeJsonRow *row)
{
	for (int i = 0; i < rule->nlinks; i++)
	{
		int64		id;

		if (oe_named(n, words, rule->links[i].column) &&
			oe_text_int(oe_row_find(row, rule->links[i].column), &id))
			(void) oe_reference_row(cy, rule->links[i].reference, id);
	}
}

void
oe_refs_wanted(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *row)
{
	oe_links_wanted(cy, cy->cat->words.nrefs, cy->cat->words.refs, rule, row);
}

/*
 * The same of the row as it was, for "$.were".
 */
void
oe_were_wanted(OeCycle *cy, OeCatalogRule *rule, const OeJsonRow *old)
{
	oe_links_wanted(cy, cy->cat->words.nwere, cy->cat->words.were, rule, old);
}
