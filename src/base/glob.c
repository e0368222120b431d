/*
 * glob.c
 *	  Patterns of event types (glob.h).
 */
#include "postgres.h"

#include "base/glob.h"

bool
oe_glob(const char *pattern, const char *s, int len)
{
	const char *star = NULL;
	int			i = 0;
	int			back = 0;

	while (i < len)
	{
		if (*pattern == '*')
		{
			star = ++pattern;
			back = i;
			if (*pattern == '\0')
				return true;
		}
		else if (*pattern != '\0' && *pattern == s[i])
		{
			pattern++;
			i++;
		}
		else if (star != NULL)
		{
			pattern = star;
			i = ++back;
		}
		else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
