/*
 * restored.c
 *	  Notices that this server was started from a physical backup.
 *
 * The postmaster, before it starts the first process; in single-user mode the
 * backend.  The files of a backup have the system identifier, the database's
 * oid and Odoo's uuid of production, so only the way in which a server starts
 * tells a copy from production: recovery from backup_label or recovery.signal,
 * without standby.signal.  A standby that is promoted starts with
 * standby.signal, and goes on sending.  Both signs are gone at the second
 * start, so each such start leaves a new random token in a file of the data
 * directory.  worker/arming.c compares it with the token that arm() has kept.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "miscadmin.h"
#include "storage/fd.h"

#include "worker/restored.h"

/* Relative to the data directory, which is the working directory. */
#define OE_TOKEN_FILE "odoo_events.restored"
#define OE_TOKEN_FILE_NEW OE_TOKEN_FILE ".new"

static bool
oe_exists(const char *name)
{
	struct stat st;

	if (stat(name, &st) == 0)
		return true;
	if (errno != ENOENT)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", name)));
	return false;
}

static void
oe_token_new(char token[OE_TOKEN_SIZE])
{
	uint8		random[(OE_TOKEN_SIZE - 1) / 2];

	if (!pg_strong_random(random, sizeof(random)))
		ereport(FATAL,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bytes")));
	for (int i = 0; i < lengthof(random); i++)
		sprintf(token + 2 * i, "%02x", random[i]);
}

/*
 * A server that could not note that it is a copy would send as production, so
 * it does not start.
 */
void
oe_restored_note(void)
{
	char		token[OE_TOKEN_SIZE];
	int			fd;

	if (oe_exists("standby.signal") || (!oe_exists("backup_label") && !oe_exists("recovery.signal")))
		return;
	oe_token_new(token);
	fd = open(OE_TOKEN_FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | PG_BINARY, pg_file_create_mode);
	if (fd < 0 || write(fd, token, sizeof(token) - 1) != sizeof(token) - 1 || close(fd) != 0)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", OE_TOKEN_FILE_NEW)));
	/* also fsyncs the file and its directory */
	durable_rename(OE_TOKEN_FILE_NEW, OE_TOKEN_FILE, FATAL);
	ereport(LOG,
			(errmsg("odoo_events delivers nothing from this server, which starts from a physical backup"),
			 errhint("If this is production: SELECT odoo_events.arm(); in each database.")));
}

bool
oe_restored_token(char token[OE_TOKEN_SIZE])
{
	FILE	   *file = AllocateFile(OE_TOKEN_FILE, PG_BINARY_R);
	size_t		n;

	if (file == NULL && errno == ENOENT)
		return false;
	if (file == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", OE_TOKEN_FILE)));
	n = fread(token, 1, OE_TOKEN_SIZE - 1, file);
	FreeFile(file);
	token[n] = '\0';
	/* nothing but what we write becomes a value of SQL */
	token[strspn(token, "0123456789abcdef")] = '\0';
	return true;
}
