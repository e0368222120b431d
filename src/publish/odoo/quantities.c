/*
 * quantities.c
 *	  Quantities of stock that Odoo stores as floats, rounded as their unit is.
 *
 * Up to version 14 Odoo stores stock as float8, and arithmetic leaves 5.5e-17
 * where nothing is left.  Odoo itself compares such quantities by the rounding
 * of the product's unit, so events do too: what Odoo takes for nothing is
 * nothing.  The roundings are read once per state of Odoo's tables, and those of
 * products that came since at the beginning of each as-owner transaction.
 * Databases without such columns, or without events of stock, read nothing.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/hsearch.h"

#include "base/json_row.h"
#include "base/spi_row.h"
#include "publish/catalog/catalog.h"
#include "publish/catalog/entity.h"
#include "publish/odoo/quantities.h"
#include "publish/odoo/tables.h"

/* That stay of a float of which no unit is known. */
#define OE_DECIMALS 9

/* From here on a double has no digits left to round. */
#define OE_LARGEST_ROUNDED 1e12

/* A finer unit rounds nothing that a double holds. */
#define OE_MOST_DECIMALS 20

typedef struct OeRounding
{
	int64		product;		/* hash key */
	double		step;			/* 0.01, or 0.5 */
	int			decimals;		/* of the step */
} OeRounding;

static HTAB *oe_roundings = NULL;	/* in oe_odoo_context() */
static uint32 oe_roundings_epoch;	/* oe_odoo_epoch() that they are of */
static int64 oe_roundings_last; /* id of the last product read */

/*
 * Does an event show such a column, and is it a float here?
 */
static bool
oe_shows_float_quantities(OeCatalog *cat)
{
	for (int i = 0; i < cat->nentities; i++)
	{
		OeEntity   *e = &cat->entities[i];
		OeTable    *t = e->attached && e->ndefs > 0 ? oe_first_table(e->rule->ntables, e->rule->tables) : NULL;

		for (int j = 0; t && j < t->ncolumns; j++)
			if (t->columns[j].type == FLOAT8OID && oe_is_stock_quantity(t->name, t->columns[j].name))
				return true;
	}
	return false;
}

/*
 * Reads the roundings of the products that are not known yet.
 *
 * As-owner transaction, after the tables are known.
 */
void
oe_roundings_read(OeCatalog *cat)
{
	static const Oid types[1] = {INT8OID};
	OeTable    *product = oe_table("product_product");
	OeTable    *template = oe_table("product_template");
	OeTable    *unit = oe_table("uom_uom");
	Datum		values[1];

	if (oe_roundings_epoch != oe_odoo_epoch())
	{
		HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(OeRounding),.hcxt = oe_odoo_context()};

		oe_roundings = NULL;
		oe_roundings_last = 0;
		oe_roundings_epoch = oe_odoo_epoch();
		if (oe_shows_float_quantities(cat) && oe_has_column(product, "product_tmpl_id") &&
			oe_has_column(template, "uom_id") && oe_has_column(unit, "rounding"))
			oe_roundings = hash_create("odoo_events roundings", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	if (oe_roundings == NULL)
		return;
	values[0] = Int64GetDatum(oe_roundings_last);
	(void) oe_spi_keep_context(NULL, psprintf("SELECT p.id::pg_catalog.int8, u.rounding::pg_catalog.float8,"
											  " pg_catalog.scale(pg_catalog.trim_scale(u.rounding::pg_catalog.numeric))"
											  " FROM %s p JOIN %s t ON t.id OPERATOR(pg_catalog.=) p.product_tmpl_id"
											  " JOIN %s u ON u.id OPERATOR(pg_catalog.=) t.uom_id"
											  " WHERE p.id OPERATOR(pg_catalog.>) $1 AND u.rounding OPERATOR(pg_catalog.>) 0",
											  product->qualified, template->qualified, unit->qualified),
							   1, types, values, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int64		id = oe_spi_int8(i, 1);
		bool		isnull;
		double		step = DatumGetFloat8(oe_cell(SPI_tuptable, i, 2, &isnull));
		int			decimals = oe_cell_int4(SPI_tuptable, i, 3);
		OeRounding *r;

		oe_roundings_last = Max(oe_roundings_last, id);
		/* the column takes any number, and the text of an event only so many */
		if (!isfinite(step) || decimals > OE_MOST_DECIMALS)
			continue;
		r = hash_search(oe_roundings, &id, HASH_ENTER, NULL);
		r->step = step;
		r->decimals = decimals;
	}
	SPI_freetuptable(SPI_tuptable);
}

/* A number of so many decimals, without zeros at its end, and zero without a sign. */
static OeText
oe_decimal(double number, int decimals)
{
	char		digits[64];
	int			len = snprintf(digits, sizeof(digits), "%.*f", decimals, number);
	OeText		t;

	while (memchr(digits, '.', len) && (digits[len - 1] == '0' || digits[len - 1] == '.'))
		if (digits[--len] == '.')
			break;
	if (len == 2 && memcmp(digits, "-0", 2) == 0)
		len = 1, digits[0] = '0';
	t.s = pnstrdup(digits, len);
	t.len = len;
	return t;
}

/* False where the text is no number, but a string such as "NaN". */
static bool
oe_text_double(const OeText *t, double *number)
{
	char		digits[64];

	if (t->len >= sizeof(digits) || t->s[0] == '"' || oe_text_null(t))
		return false;
	memcpy(digits, t->s, t->len);
	digits[t->len] = '\0';
	*number = strtod(digits, NULL);
	return true;
}

/*
 * A number without what arithmetic of floats left behind: nine decimals are
 * finer than any unit of Odoo rounds to.
 */
OeText
oe_without_dust(const OeText *t)
{
	const char *point = memchr(t->s, '.', t->len);
	double		number;
	OeText		rounded;

	if (((point == NULL || t->s + t->len - point <= OE_DECIMALS + 1) && memchr(t->s, 'e', t->len) == NULL &&
		 !(t->len == 2 && memcmp(t->s, "-0", 2) == 0)) ||
		!oe_text_double(t, &number))
		return *t;
	if (fabs(number) < 1e6)
		return oe_decimal(number, OE_DECIMALS);
	/* a double has no more than fifteen digits to rely on */
	rounded.s = psprintf("%.15g", number);
	rounded.len = strlen(rounded.s);
	return rounded;
}

/*
 * A quantity of a product, rounded half away from zero to a multiple of its
 * unit's rounding, as Odoo's float_round() does: what lies closer to a half
 * than a double can tell counts as a half.
 */
OeText
oe_quantity_rounded(int64 product, const OeText *t)
{
	OeRounding *r = oe_roundings && oe_roundings_epoch == oe_odoo_epoch() ? hash_search(oe_roundings, &product, HASH_FIND, NULL) : NULL;
	double		number;
	double		steps;

	if (r == NULL || !oe_text_double(t, &number) || fabs(number) >= OE_LARGEST_ROUNDED)
		return oe_without_dust(t);
	steps = number / r->step;
	steps = round(steps + copysign(fabs(steps) * ldexp(1, -52), steps));
	return oe_decimal(steps * r->step, r->decimals);
}
