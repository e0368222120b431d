/*
 * notation.c
 *	  Parses the notations of the catalog's columns: paths, keys, sources.
 *
 * Reads no tables.  Results point into the given text, which is cut up in place.
 */
#include "postgres.h"

#include "base/json_row.h"
#include "publish/catalog/entity.h"
#include "publish/catalog/notation.h"
#include "publish/catalog/types.h"

const char *const oe_occasions[] = {"milestone", "cancelled", "deleted", "inserted", "updated", "open", "changed", "touched", "summed", NULL};

/* Adds a name to a list of a multiple of 16, unless it is there. */
static void
oe_add_word(char ***list, int *n, const char *word)
{
	for (int i = 0; i < *n; i++)
		if (strcmp((*list)[i], word) == 0)
			return;
	if (*n % 16 == 0)
		*list = *list ? repalloc(*list, sizeof(char *) * (*n + 16)) : palloc(sizeof(char *) * 16);
	(*list)[(*n)++] = pstrdup(word);
}

void
oe_add_words(OeWords *to, const OeWords *from)
{
	for (int i = 0; i < from->n; i++)
		oe_add_word(&to->words, &to->n, from->words[i]);
	for (int i = 0; i < from->nrefs; i++)
		oe_add_word(&to->refs, &to->nrefs, from->refs[i]);
	for (int i = 0; i < from->nwere; i++)
		oe_add_word(&to->were, &to->nwere, from->were[i]);
}

void
oe_note_words(OeWords *words, const char *text)
{
	char		word[NAMEDATALEN];
	int			n = 0;
	bool		refs = false;
	bool		were = false;

	for (const char *p = text;; p++)
	{
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' || (*p >= '0' && *p <= '9'))
		{
			if (n < NAMEDATALEN - 1)
				word[n++] = *p;
			continue;
		}
		if (n > 0)
		{
			word[n] = '\0';
			oe_add_word(&words->words, &words->n, word);
			if (refs)
				oe_add_word(&words->refs, &words->nrefs, word);
			if (were)
				oe_add_word(&words->were, &words->nwere, word);
			refs = strcmp(word, "refs") == 0;
			were = strcmp(word, "were") == 0;
			n = 0;
		}
		if (*p == '\0')
			break;
	}
}

/*
 * "column" or "column.field.field"; the text is cut up in place.
 */
static OePath
oe_parse_path(char *s)
{
	OePath		path = {.column = s,.seen = palloc0(sizeof(OePathSeen))};

	for (char *dot = strchr(s, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
		path.nhops++;
	path.hops = palloc0(sizeof(char *) * (path.nhops + 1));
	for (int i = 0; i < path.nhops; i++)
	{
		s = strchr(s, '.');
		*s++ = '\0';
		path.hops[i] = s;
	}
	path.len = strlen(path.column);
	path.tag = oe_key_tag(path.column, path.len);
	return path;
}

OePath *
oe_parse_paths(char **list, int n)
{
	OePath	   *paths = palloc0(sizeof(OePath) * (n + 1));

	for (int i = 0; i < n; i++)
		paths[i] = oe_parse_path(list[i]);
	return paths;
}

/* 'table.key=value' */
static OeMany
oe_parse_many(char *s, const char *whole)
{
	char	   *dot = strchr(s, '.');
	char	   *eq = dot ? strchr(dot, '=') : NULL;
	OeMany		many = {0};

	if (eq == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of the catalog is not of the form table.key=value", whole)));
	*dot = *eq = '\0';
	many.table = s;
	many.key = dot + 1;
	many.value = eq + 1;
	return many;
}

/* The hops of a key from relation to relation: "~table.key=value" each, the
 * last one with "<" behind it where the lowest of several is meant. */
static void
oe_parse_hops(char *s, OeKeyPath *key)
{
	const char *whole = pstrdup(s);
	size_t		len = strlen(s);

	key->lowest = len > 0 && s[len - 1] == '<';
	if (key->lowest)
		s[len - 1] = '\0';
	key->many = palloc0(sizeof(OeMany) * len);
	while (s)
	{
		char	   *next = strchr(s, '~');

		if (next)
			*next++ = '\0';
		key->many[key->nmany++] = oe_parse_many(s, whole);
		s = next;
	}
}

OeKeyPath *
oe_parse_keys(char **list, int n)
{
	OeKeyPath  *keys = palloc0(sizeof(OeKeyPath) * (n + 1));

	for (int i = 0; i < n; i++)
	{
		char	   *eq = strchr(list[i], '=');
		char	   *hops;

		if (eq == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("key \"%s\" of the catalog is not of the form entity=path", list[i])));
		*eq++ = '\0';
		keys[i].entity = list[i];
		hops = strchr(eq, '~');
		if (hops)
		{
			*hops = '\0';
			oe_parse_hops(hops + 1, &keys[i]);
		}
		keys[i].path = oe_parse_path(eq);
	}
	return keys;
}

void
oe_parse_source(char *s, OeSource *src)
{
	char	   *at;

	memset(src, 0, sizeof(*src));
	src->instead = s[0] == '-';
	s += src->instead ? 1 : 0;
	if ((at = strchr(s, '?')) != NULL)
	{
		*at++ = '\0';
		src->given = at;
	}
	if (s[0] == '#')
	{
		src->kind = OE_SOURCE_COMPUTED;
		src->path.column = s + 1;
		return;
	}
	if ((at = strchr(s, '@')) != NULL)
	{
		*at++ = '\0';
		src->negate = *at == '!';
		src->state = src->negate ? at + 1 : at;
	}
	if (strncmp(s, "sum(", 4) == 0)
	{
		src->kind = OE_SOURCE_SUM;
		s[strlen(s) - 1] = '\0';
		src->path = oe_parse_path(s + 4);
		src->part = src->path.column;
		src->path.column = src->path.nhops ? src->path.hops[0] : "";
		src->path.nhops = 0;
		return;
	}
	if (strncmp(s, "first(", 6) == 0)
	{
		src->kind = OE_SOURCE_FIRST;
		s[strlen(s) - 1] = '\0';
		at = strchr(s, '.');
		if (at == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("source \"%s\" of the catalog is not of the form first(part.path)", s)));
		*at++ = '\0';
		src->part = s + 6;
		src->path = oe_parse_path(at);
		return;
	}
	if (strncmp(s, "many(", 5) == 0)
	{
		src->kind = OE_SOURCE_MANY;
		s[strlen(s) - 1] = '\0';
		src->many = oe_parse_many(s + 5, s);
		return;
	}
	src->kind = OE_SOURCE_PATH;
	src->path = oe_parse_path(s);
}

OeOccasion
oe_occasion_of(const char *s)
{
	for (int i = 0; oe_occasions[i] != NULL; i++)
		if (strcmp(s, oe_occasions[i]) == 0)
			return (OeOccasion) i;
	elog(ERROR, "unknown occasion \"%s\"", s);
}

/* 'entity=column' or 'entity=tx:column[=alternative]' */
void
oe_parse_def_key(char *s, OeDefinition *d)
{
	char	   *eq = s ? strchr(s, '=') : NULL;
	char	   *alt;

	if (eq == NULL)
		return;
	*eq++ = '\0';
	d->key_entity = s;
	d->key_in_tx = strncmp(eq, "tx:", 3) == 0;
	eq += d->key_in_tx ? 3 : 0;
	d->key_column = eq;
	if ((alt = strchr(eq, '=')) != NULL)
	{
		*alt++ = '\0';
		d->key_alternative = alt;
	}
}

/* 'column' or 'column@state' */
void
oe_parse_watches(char **list, OeDefinition *d)
{
	d->watches = palloc0(sizeof(OeWatch) * (d->nwatches + 1));
	d->corrects = d->nwatches > 0;
	for (int i = 0; i < d->nwatches; i++)
	{
		char	   *at = strchr(list[i], '@');

		if (at)
			*at++ = '\0';
		d->watches[i].column = list[i];
		d->watches[i].state = at;
		d->corrects &= at != NULL;
	}
}
