/*
 * process.c
 *	  A helper program as a process: started, spoken to by frames, ended.
 *
 * Worker only.  A fault in a broker's client library must cost no more than a
 * lost connection.  In the server itself a crash would make the postmaster
 * restart every backend, so such libraries run in a child process: it has one
 * end of a socket pair and no other descriptor of ours, an empty environment, a
 * limit of memory, and dies with the worker.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/guc.h"
#include "deliver/model/memory.h"
#include "deliver/transport/program/frame.h"
#include "deliver/transport/program/process.h"
#include "deliver/transport/wait.h"

#define OE_READ_ROOM 65536
#define OE_READ_ROUNDS 16		/* of so many bytes, in one poll */
#define OE_OUT_KEPT (256 * 1024)	/* of an empty buffer */
#define OE_RESTART_US OE_TUNED("program-restart-us", 1000000)
#define OE_DYING 16
#define OE_REAP_ROUNDS 20
#define OE_REAP_US 200
#define OE_END_US 1000000		/* after its socket was closed */
#define OE_PROGRAM_FDS 65536	/* closed one by one by an old kernel */

dlist_head	oe_programs = DLIST_STATIC_INIT(oe_programs);

/* Processes that are to end, and are not yet waited for. */
static struct
{
	pid_t		pid;			/* 0: none */
	int64		kill_at;		/* us, monotonic: if it has not by then */
}			oe_dying[OE_DYING];

/*
 * The program of a kind of broker.
 */
OeProgram *
oe_program_of(const char *kind)
{
	OeProgram  *program;
	MemoryContext old;
	dlist_iter	it;

	dlist_foreach(it, &oe_programs)
	{
		program = dlist_container(OeProgram, node, it.cur);
		if (strcmp(program->kind, kind) == 0)
			return program;
	}
	old = MemoryContextSwitchTo(oe_delivery.cxt);
	program = palloc0(sizeof(OeProgram));
	initStringInfo(&program->out);
	initStringInfo(&program->in);
	MemoryContextSwitchTo(old);
	strlcpy(program->kind, kind, sizeof(program->kind));
	program->fd = -1;
	dlist_init(&program->requests);
	dlist_push_tail(&oe_programs, &program->node);
	return program;
}

/*
 * Where the program of a kind is, or would be; palloc'd.
 */
char *
oe_program_path(const char *kind)
{
	const char *dir = oe_guc_program_directory != NULL && oe_guc_program_directory[0] != '\0' ? oe_guc_program_directory : pkglib_path;

	return psprintf("%s/odoo_events_%s", dir, kind);
}

/* ---- starting ---- */

/*
 * In the child: closes all descriptors but the standard ones and the socket.
 */
static void
oe_child_descriptors(int fd)
{
	int			null = open("/dev/null", O_RDWR);

	if (null >= 0)
	{
		(void) dup2(null, STDIN_FILENO);
		(void) dup2(null, STDOUT_FILENO);
	}
	if (fd != OE_PROGRAM_FD)
		(void) dup2(fd, OE_PROGRAM_FD);
	else
		(void) fcntl(fd, F_SETFD, 0);
#ifdef SYS_close_range
	if (syscall(SYS_close_range, OE_PROGRAM_FD + 1, ~0U, 0) == 0)
		return;
#endif
	for (int i = OE_PROGRAM_FD + 1; i < OE_PROGRAM_FDS; i++)
		(void) close(i);
}

static void
oe_child_limit(int what, rlim_t value)
{
	struct rlimit limit;

	limit.rlim_cur = limit.rlim_max = value;
	(void) setrlimit(what, &limit);
}

/*
 * The child, between fork and exec: only calls that are safe after a fork of a
 * process with threads.  It must not outlive the worker, be chosen by the
 * kernel before the server is when memory runs out, and leave no core with
 * credentials in it.
 */
static void
oe_child_run(const char *path, int fd, pid_t parent)
{
	static char arenas[] = "MALLOC_ARENA_MAX=2";
	char	   *argv[] = {unconstify(char *, path), NULL};
	char	   *envp[] = {arenas, NULL};
	int			oom;
	sigset_t	none;

	for (int i = 1; i < NSIG; i++)
		(void) signal(i, SIG_DFL);
	(void) prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	(void) setsid();
	(void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if ((oom = open("/proc/self/oom_score_adj", O_WRONLY)) >= 0)
		(void) !write(oom, "500", 3);
	oe_child_descriptors(fd);
	(void) !chdir("/");
	oe_child_limit(RLIMIT_CORE, 0);
	oe_child_limit(RLIMIT_AS, (rlim_t) oe_guc_program_memory * 1024 * 1024);
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	(void) execve(path, argv, envp);
	_exit(127);
}

/*
 * Forks.  Signals are blocked meanwhile: their handlers would set latches of
 * the worker's from within the child.
 */
static pid_t
oe_program_fork(const char *path, int fd)
{
	pid_t		parent = getpid();
	sigset_t	all;
	sigset_t	saved;
	pid_t		pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	pid = fork();
	if (pid == 0)
		oe_child_run(path, fd, parent);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return pid;
}

/*
 * A process that is to end is waited for later; with too many of them it is
 * killed at once.
 */
static void
oe_note_dying(pid_t pid)
{
	for (int i = 0; i < OE_DYING; i++)
		if (oe_dying[i].pid == 0)
		{
			oe_dying[i].pid = pid;
			oe_dying[i].kill_at = oe_mono() + OE_END_US;
			return;
		}
	(void) kill(pid, SIGKILL);
}

/*
 * Starts the program unless it runs; false if it cannot be, and then "ended"
 * says why.  One that ends at once is started again once a second at most.
 */
bool
oe_program_start(OeProgram *program)
{
	int64		now = oe_mono();
	int			fds[2];
	char	   *path;

	if (program->pid != 0)
		return true;
	if (program->started_at != 0 && now - program->started_at < OE_RESTART_US)
		return false;
	program->started_at = program->heard_at = now;
	path = oe_program_path(program->kind);
	if (access(path, X_OK) != 0)
		snprintf(program->ended, sizeof(program->ended), "the helper program %s cannot be executed: %m", path);
	else if (!AcquireExternalFD())
		snprintf(program->ended, sizeof(program->ended), "no descriptor for the helper program: %m");
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
	{
		snprintf(program->ended, sizeof(program->ended), "no socket for the helper program: %m");
		ReleaseExternalFD();
	}
	else
	{
		/* the program's own end blocks, which is up to the program */
		(void) fcntl(fds[1], F_SETFL, 0);
		program->pid = oe_program_fork(path, fds[1]);
		if (program->pid < 0)
			snprintf(program->ended, sizeof(program->ended), "the helper program cannot be started: %m");
		(void) close(fds[1]);
		if (program->pid > 0 && oe_wait_set(OE_WAITER_PROGRAM, fds[0], EPOLLIN))
		{
			program->fd = fds[0];
			program->run++;
			ereport(LOG, (errmsg("helper program odoo_events_%s started as process %d", program->kind, (int) program->pid)));
		}
		else
		{
			/* it ends by itself when its socket is closed, and is waited for */
			if (program->pid > 0)
			{
				snprintf(program->ended, sizeof(program->ended), "the helper program cannot be waited for: %m");
				oe_note_dying(program->pid);
			}
			(void) close(fds[0]);
			ReleaseExternalFD();
			program->pid = 0;
		}
	}
	pfree(path);
	return program->pid != 0;
}

/* ---- speaking ---- */

/*
 * Sends what it takes; false if it is gone.
 */
bool
oe_program_write(OeProgram *program)
{
	while (oe_program_unsent(program) > 0)
	{
		ssize_t		n = send(program->fd, program->out.data + program->sent, oe_program_unsent(program), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n <= 0)
			return false;
		program->sent += n;
	}
	if (program->sent == program->out.len)
	{
		program->sent = 0;
		resetStringInfo(&program->out);
		if (program->out.maxlen > OE_OUT_KEPT)
		{
			program->out.data = repalloc(program->out.data, OE_OUT_KEPT);
			program->out.maxlen = OE_OUT_KEPT;
		}
	}
	else if (program->sent > program->out.len / 2)
	{
		memmove(program->out.data, program->out.data + program->sent, oe_program_unsent(program));
		program->out.len -= program->sent;
		program->sent = 0;
	}
	if (program->full != (program->out.len > 0))
	{
		program->full = program->out.len > 0;
		(void) oe_wait_set(OE_WAITER_PROGRAM, program->fd, program->full ? EPOLLIN | EPOLLOUT : EPOLLIN);
	}
	return true;
}

/*
 * Reads what has come, as far as one poll should; false if it is gone.
 */
bool
oe_program_read(OeProgram *program)
{
	if (program->taken > 0)
	{
		memmove(program->in.data, program->in.data + program->taken, program->in.len - program->taken);
		program->in.len -= program->taken;
		program->taken = 0;
	}
	for (int i = 0; i < OE_READ_ROUNDS; i++)
	{
		ssize_t		n;

		enlargeStringInfo(&program->in, OE_READ_ROOM);
		n = recv(program->fd, program->in.data + program->in.len, OE_READ_ROOM, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		{
			program->readable = false;
			return true;
		}
		if (n <= 0)
			return false;
		program->in.len += n;
		program->heard_at = oe_mono();
	}
	return true;
}

/* ---- ending ---- */

/*
 * Looks after those that are to end: they are killed when they do not.  True
 * if there are any.
 */
bool
oe_program_reap(void)
{
	bool		any = false;

	for (int i = 0; i < OE_DYING; i++)
	{
		if (oe_dying[i].pid == 0)
			continue;
		if (waitpid(oe_dying[i].pid, NULL, WNOHANG) != 0)
			oe_dying[i].pid = 0;
		else if (oe_mono() >= oe_dying[i].kill_at)
			(void) kill(oe_dying[i].pid, SIGKILL);
		any = any || oe_dying[i].pid != 0;
	}
	return any;
}

/*
 * Waits a few milliseconds at most for the end of a process; true: it has ended.
 */
static bool
oe_process_over(pid_t pid, int *status)
{
	for (int i = 0; i < OE_REAP_ROUNDS; i++)
	{
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		pg_usleep(OE_REAP_US);
	}
	return false;
}

/*
 * Closes the socket and forgets the process.
 */
static void
oe_program_close(OeProgram *program)
{
	(void) oe_wait_set(OE_WAITER_PROGRAM, program->fd, 0);
	(void) close(program->fd);
	ReleaseExternalFD();
	program->fd = -1;
	program->pid = 0;
	program->readable = program->full = false;
	resetStringInfo(&program->out);
	resetStringInfo(&program->in);
	program->sent = program->taken = program->nconnections = 0;
	program->check_at = 0;
}

/*
 * Ends the program, or takes note that it has ended (reason NULL).
 */
void
oe_program_end(OeProgram *program, const char *reason)
{
	int			status = 0;
	bool		known;

	if (program->pid == 0)
		return;
	if (reason != NULL)
		(void) kill(program->pid, SIGKILL);
	/* one that has closed its socket is about to end by itself */
	known = oe_process_over(program->pid, &status);
	if (!known)
	{
		(void) kill(program->pid, SIGKILL);
		oe_note_dying(program->pid);
	}
	if (reason != NULL)
		snprintf(program->ended, sizeof(program->ended), "the helper program odoo_events_%s %s", program->kind, reason);
	else if (known && WIFSIGNALED(status))
		snprintf(program->ended, sizeof(program->ended), "the helper program odoo_events_%s was terminated by signal %d: %s",
				 program->kind, WTERMSIG(status), pg_strsignal(WTERMSIG(status)));
	else if (known && WIFEXITED(status))
		snprintf(program->ended, sizeof(program->ended), "the helper program odoo_events_%s ended with exit status %d",
				 program->kind, WEXITSTATUS(status));
	else
		snprintf(program->ended, sizeof(program->ended), "the helper program odoo_events_%s closed its socket", program->kind);
	ereport(LOG, (errmsg("%s", program->ended)));
	oe_program_close(program);
}

/*
 * Nothing is left for the program to do: it ends when its socket is closed.
 */
void
oe_program_leave(OeProgram *program)
{
	if (program->pid == 0)
		return;
	oe_note_dying(program->pid);
	oe_program_close(program);
}
