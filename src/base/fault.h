/*
 * fault.h
 *	  Named points where the tests break things off: kill -9, an error, a
 *	  termination, a wait, exactly there.
 *
 * Compiled in with -DOE_FAULTS only (make FAULTS=1), which the private builds
 * of the tests set.  In every other build a point is nothing at all, and a
 * tuned value is its default.
 *
 * A point is armed by a file oe_faults/<point> in the data directory, whose
 * content is the action.  The first process to pass takes the file away, so
 * that it acts once, and the test knows, also after a crash, that it has:
 *
 *	 kill		 SIGKILL to this process
 *	 postmaster  SIGKILL to the postmaster and to this process
 *	 error		 an error
 *	 terminate	 as by pg_terminate_backend()
 *	 wait		 the file becomes oe_faults/<point>.held; goes on when that is
 *				 taken away
 *
 * Points named hold-... are where a test lets a process wait so that something
 * else happens first; nothing fails there.
 *
 * A file oe_faults/<name> that holds a number replaces a tuned value.
 */
#ifndef OE_FAULT_H
#define OE_FAULT_H

#ifdef OE_FAULTS
extern void oe_fault(const char *point, const char *detail);
extern int	oe_fault_tuned(const char *name, int value);

#define OE_FAULT(point) oe_fault((point), NULL)
#define OE_FAULT_OF(point, detail) oe_fault((point), (detail))
#define OE_TUNED(name, value) oe_fault_tuned((name), (value))
#else
#define OE_FAULT(point) ((void) 0)
#define OE_FAULT_OF(point, detail) ((void) 0)
#define OE_TUNED(name, value) (value)
#endif

#endif							/* OE_FAULT_H */
