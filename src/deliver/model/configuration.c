/*
 * configuration.c
 *	  What all parts of delivery may do with a subscription's configuration.
 *
 * Worker, and rendered() in a backend; memory only.
 * subscription/configuration.c makes configurations from the tables.
 */
#include "postgres.h"

#include "base/classification.h"
#include "deliver/model/configuration.h"

/*
 * Names of classes as bits.
 */
int
oe_clearance_of(char **names, int n)
{
	int			bits = 0;

	for (int i = 0; i < n; i++)
	{
		int			class = oe_class_number(names[i]);

		if (class >= 0)
			bits |= 1 << class;
	}
	return bits;
}

/*
 * Does this status say that the endpoint has the event?
 */
bool
oe_status_acknowledges(const OeConfiguration *conf, int status)
{
	if (status >= 200 && status <= 299)
		return true;
	for (int i = 0; i < conf->nsuccesses; i++)
		if (conf->successes[i] == status)
			return true;
	return false;
}

/*
 * Gives a configuration back; the last one to do so frees it.
 */
void
oe_conf_release(OeConfiguration *conf)
{
	if (conf == NULL || --conf->refs > 0)
		return;
	conf->release(conf);
}
