/*
 * resolver.c
 *	  Names for tests: a library to preload, in whose getaddrinfo() the file
 *	  named by OE_HOSTS comes first ("name address address ..." per line).
 *
 * The file is read at each look-up, so that a name can lead elsewhere from one
 * moment to the next, as with DNS rebinding, and have addresses that no
 * /etc/hosts could give it without root.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*Lookup) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res)
{
	Lookup		real = (Lookup) dlsym(RTLD_NEXT, "getaddrinfo");
	const char *path = getenv("OE_HOSTS");
	FILE	   *hosts = node && path ? fopen(path, "r") : NULL;
	char		line[1024];
	struct addrinfo **tail = res;
	int			found = 0;

	*res = NULL;
	while (hosts && !found && fgets(line, sizeof(line), hosts))
	{
		char	   *save;
		char	   *word = strtok_r(line, " \n", &save);

		if (word == NULL || strcmp(word, node) != 0)
			continue;
		found = 1;
		while ((word = strtok_r(NULL, " \n", &save)) != NULL)
			if (real(word, service, hints, tail) == 0)
				while (*tail)
					tail = &(*tail)->ai_next;
	}
	if (hosts)
		fclose(hosts);
	if (!found)
		return real(node, service, hints, res);
	return *res ? 0 : EAI_NONAME;
}
