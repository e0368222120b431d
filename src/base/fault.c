/*
 * fault.c
 *	  What happens at a fault point (fault.h).
 *
 * Any process, in builds for tests only; elsewhere this file is empty.  Passing
 * a point costs a system call.  Takes no lock.  Paths are relative, since the
 * working directory of every process of the server is the data directory.
 */
#include "postgres.h"

#include "base/fault.h"

#ifdef OE_FAULTS

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "miscadmin.h"

#define OE_FAULT_DIR "oe_faults/"
#define OE_FAULT_WAIT_US 2000

/*
 * Reads the first word of a file; false where there is none.
 */
static bool
oe_fault_read(const char *path, char *word, Size size)
{
	int			fd = open(path, O_RDONLY);
	ssize_t		n;

	if (fd < 0)
		return false;
	n = read(fd, word, size - 1);
	close(fd);
	if (n < 0)
		return false;
	word[n] = '\0';
	word[strcspn(word, " \n")] = '\0';
	return true;
}

static void
oe_fault_hold(const char *path)
{
	while (access(path, F_OK) == 0)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(OE_FAULT_WAIT_US);
	}
}

/*
 * Does what the point is armed for, if it is.  "detail" becomes part of the
 * point's name.
 */
void
oe_fault(const char *point, const char *detail)
{
	char		path[MAXPGPATH];
	char		held[MAXPGPATH];
	char		action[32];

	snprintf(path, sizeof(path), OE_FAULT_DIR "%s%s%s", point, detail ? "-" : "", detail ? detail : "");
	if (!oe_fault_read(path, action, sizeof(action)))
		return;
	snprintf(held, sizeof(held), "%s.held", path);
	/* where several processes pass at once, one of them acts */
	if ((strcmp(action, "wait") == 0 ? rename(path, held) : unlink(path)) != 0)
		return;
	ereport(LOG_SERVER_ONLY, (errmsg("fault point \"%s\": %s", path + strlen(OE_FAULT_DIR), action)));
	if (strcmp(action, "postmaster") == 0)
		kill(PostmasterPid, SIGKILL);
	if (strcmp(action, "kill") == 0 || strcmp(action, "postmaster") == 0)
		kill(MyProcPid, SIGKILL);
	else if (strcmp(action, "terminate") == 0)
	{
		kill(MyProcPid, SIGTERM);
		CHECK_FOR_INTERRUPTS();
	}
	else if (strcmp(action, "wait") == 0)
		oe_fault_hold(held);
	else
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("fault point \"%s\"", path + strlen(OE_FAULT_DIR))));
}

int
oe_fault_tuned(const char *name, int value)
{
	char		path[MAXPGPATH];
	char		number[32];

	snprintf(path, sizeof(path), OE_FAULT_DIR "%s", name);
	return oe_fault_read(path, number, sizeof(number)) && number[0] != '\0' ? atoi(number) : value;
}

#endif							/* OE_FAULTS */
