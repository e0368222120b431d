/*
 * shown_values.c
 *	  Columns whose stored value is not the one that events show.
 *
 * Since version 16 Odoo stores a translated text as {"en_US": "Table", "fr_FR":
 * "Plateau"}, since 18 a company-dependent value as {"1": 20.0, "2": 7.5}; up
 * to 14 quantities are floats, of which arithmetic leaves 5.5e-17 where nothing
 * is left.  Rows are settled as they are read: a translated column becomes the
 * one text that events show, a company-dependent one loses its empty members,
 * a float its dust (quantities.c).  So everything behind this compares and writes what a
 * receiver can see.
 *
 * As-owner transaction where it asks ir_model_fields, which says what a column is;
 * everything else only computes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"

#include "base/guc.h"
#include "base/json_row.h"
#include "base/scan.h"
#include "publish/catalog/entity.h"
#include "publish/model/cycle.h"
#include "publish/model/draft_event.h"
#include "publish/model/transaction.h"
#include "publish/odoo/quantities.h"
#include "publish/odoo/shown_values.h"
#include "publish/odoo/tables.h"

/*
 * Notes in a rule which of its columns hold a text per language or a value per
 * company, under the names that the journal gives them.
 */
static void
oe_rule_detect(OeCatalogRule *rule)
{
	OeTable    *t = oe_first_table(rule->ntables, rule->tables);
	MemoryContext save = MemoryContextSwitchTo(oe_odoo_context());

	rule->nsettled = 0;
	rule->settled = palloc(sizeof(OeValueColumn) * (rule->ncolumns + 1));
	for (int i = 0; i < rule->ncolumns; i++)
	{
		OeValueColumn *c = &rule->settled[rule->nsettled];
		char	   *name = pstrdup(rule->columns[i]);
		char	   *alt = strchr(name, '=');

		if (alt)
			*alt++ = '\0';
		c->kind = oe_column_kind(rule, t, alt && !oe_has_column(t, name) ? alt : name);
		if (c->kind == OE_VALUE_PLAIN)
			continue;
		c->name = name;
		c->len = strlen(name);
		c->tag = oe_key_tag(name, c->len);
		rule->nsettled++;
	}
	rule->settled_epoch = oe_odoo_epoch();
	MemoryContextSwitchTo(save);
}

/*
 * Which columns of a rule's rows are of these kinds, as this database has
 * them; looked up anew when its tables have changed.
 */
static const OeValueColumn *
oe_rule_settled(OeCatalogRule *rule, int *n)
{
	if (rule->settled_epoch != oe_odoo_epoch())
		oe_rule_detect(rule);
	*n = rule->nsettled;
	return rule->settled;
}

/*
 * Is it a string that is not empty?
 */
static bool
oe_is_shown(const OePiece *value)
{
	return value->s[0] == '"' && value->len > 2;
}

/* How well a language fits the one that is wanted: the higher the better. */
static int
oe_language_rank(const OePiece *language)
{
	int			base = strcspn(oe_guc_language, "_@.");

	if (oe_piece_is(language, oe_guc_language))
		return 4;
	if (language->len >= base && strncmp(language->s, oe_guc_language, base) == 0 &&
		(language->len == base || strchr("_@.", language->s[base]) != NULL))
		return 3;
	return oe_piece_is(language, "en_US") ? 2 : 1;
}

/*
 * The text that is shown of a translated one: the first that is not empty, in
 * the wanted language, in another form of that language, in English, in any.
 * A slice of the same text; null where there is none.  A version of Odoo whose
 * texts are not translated yet has the text itself.
 */
OeText
oe_text_shown(const OeText *t)
{
	const char *p = t->s[0] == '{' ? oe_scan_open(t->s, '{') : NULL;
	OeText		shown = {"null", 4};
	OePiece		language;
	OePiece		value;
	int			best = 0;

	if (t->s[0] == '"')
		return *t;
	while (oe_scan_member(&p, &language, &value))
	{
		int			rank = oe_language_rank(&language);

		if (rank <= best || !oe_is_shown(&value))
			continue;
		best = rank;
		shown.s = value.s;
		shown.len = value.len;
	}
	return shown;
}

/*
 * A company-dependent value with the members that say something: all
 * companies' (company 0), or one company's.  Null where none is left, so that
 * null, {} and {"1": null} are the same.
 */
static OeText
oe_companies_left(const OeText *t, int64 company)
{
	const char *p = t->s[0] == '{' ? oe_scan_open(t->s, '{') : NULL;
	char	   *wanted = psprintf(INT64_FORMAT, company);
	OeText		left = {"null", 4};
	StringInfoData buf;
	OePiece		key;
	OePiece		value;

	initStringInfo(&buf);
	while (oe_scan_member(&p, &key, &value))
	{
		if ((company != 0 && !oe_piece_is(&key, wanted)) || oe_piece_is(&value, "null"))
			continue;
		appendStringInfo(&buf, "%s\"%.*s\": %.*s", buf.len > 0 ? ", " : "{", key.len, key.s, value.len, value.s);
	}
	if (buf.len > 0)
	{
		appendStringInfoChar(&buf, '}');
		left.s = buf.data;
		left.len = buf.len;
	}
	return left;
}

/*
 * What a member held before it was settled.
 */
const OeText *
oe_raw_value(const OeJsonRow *row, const OeMember *m)
{
	for (int i = 0; i < row->nraw; i++)
		if (row->raw[i].key == m->key)
			return &row->raw[i].value;
	return &m->value;
}

/*
 * Makes the values of a row's columns what events show.
 */
void
oe_row_settle(OeCatalogRule *rule, OeJsonRow *row)
{
	int			n;
	const OeValueColumn *columns = oe_rule_settled(rule, &n);

	row->nraw = 0;
	if (n > 0 && row->n > 0)
		row->raw = palloc(sizeof(OeMember) * n);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < row->n; j++)
		{
			OeMember   *m = &row->m[j];

			if (m->tag != columns[i].tag || m->len != columns[i].len || memcmp(m->key, columns[i].name, m->len) != 0)
				continue;
			if (oe_text_null(&m->value))
				break;
			/* conditions see no dust either */
			if (columns[i].kind == OE_VALUE_FLOAT)
			{
				m->value = oe_without_dust(&m->value);
				break;
			}
			if (columns[i].kind == OE_VALUE_QUANTITY)
			{
				int64		product = 0;

				(void) oe_text_int(oe_row_find(row, "product_id"), &product);
				m->value = oe_quantity_rounded(product, &m->value);
				break;
			}
			row->raw[row->nraw++] = *m;
			if (columns[i].kind == OE_VALUE_COMPANIES)
				m->value = oe_companies_left(&m->value, 0);
			else
				m->value = oe_text_shown(&m->value);
			break;
		}
}

/*
 * Makes the values of a change what events show, once it is known what Odoo's
 * tables are.  An update of which nothing is left then, as a text in a language
 * that is not shown, tells nothing.
 */
static void
oe_change_settle(OeChange *c)
{
	if (c->settled || c->rule == NULL || oe_odoo_context() == NULL)
		return;
	c->settled = true;
	oe_row_settle(c->rule, &c->new);
	oe_row_settle(c->rule, &c->old);
	c->unseen = c->op == 'U' && c->rule->nsettled > 0;
	for (int i = 0; c->unseen && i < c->old.n; i++)
		c->unseen = i < c->new.n && oe_text_equal(&c->old.m[i].value, &c->new.m[i].value);
}

/*
 * At the start of each foreign transaction of a cycle, see
 * oe_odoo_prepare_with(); changes are settled from now on.
 */
bool
oe_odoo_prepare(OeCycle *cy)
{
	bool		same = oe_odoo_prepare_with(cy, oe_change_settle);

	oe_roundings_read(cy->cat);
	return same;
}

/* Does the rule's row hold one value per company there? */
bool
oe_is_per_company(OeCatalogRule *rule, const char *column)
{
	int			n;
	const OeValueColumn *columns = oe_rule_settled(rule, &n);

	for (int i = 0; i < n; i++)
		if (columns[i].kind == OE_VALUE_COMPANIES && strcmp(columns[i].name, column) == 0)
			return true;
	return false;
}

/*
 * The value of a column in an event: of a company-dependent one only that of
 * the event's company.  Where it has none all stay, and it is noted under
 * which name, for those who may only see some of them.
 */
void
oe_company_value(OeDraftEvent *ev, OeCatalogRule *rule, const char *owner, const char *column, const char *name, OeText *value)
{
	char	   *mark;

	if (oe_text_null(value) || !oe_is_per_company(rule, column))
		return;
	if (ev->company != 0)
	{
		*value = oe_companies_left(value, ev->company);
		return;
	}
	mark = psprintf("%s@:%s.%s", ev->per_company ? " " : "", owner, name);
	if (ev->per_company == NULL)
		ev->per_company = mark;
	else if (strstr(ev->per_company, mark + 1) == NULL)
		ev->per_company = psprintf("%s%s", ev->per_company, mark);
}

/*
 * Is there a difference that the event may show?  Where only other companies'
 * values differ there is nothing to tell of.
 */
bool
oe_change_shown(const OeDraftEvent *ev)
{
	OeChange   *c = ev->change;
	bool		differs = false;

	if (ev->company == 0 || c->op != 'U' || c->rule == NULL || c->new.n == 0)
		return true;
	for (int i = 0; i < c->old.n; i++)
	{
		char	   *column = pnstrdup(c->old.m[i].key, c->old.m[i].len);
		const OeText *new = oe_row_find(&c->new, column);
		OeText		was = c->old.m[i].value;
		OeText		is = new ? *new : was;

		if (oe_text_equal(&was, &is))
			continue;
		differs = true;
		if (!oe_is_per_company(c->rule, column))
			return true;
		was = oe_companies_left(&was, ev->company);
		is = oe_companies_left(&is, ev->company);
		if (!oe_text_equal(&was, &is))
			return true;
	}
	return !differs;
}
