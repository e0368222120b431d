/*
 * fault.h
 *	  Named points of the code at which tests provoke a failure: kill -9, an
 *	  error, a termination, a wait.
 *
 * Compiled in with -DOE_FAULTS only (make FAULTS=1), which the private builds
 * of the tests set.  In every other build a point compiles to nothing, and a
 * tuned value is its default.
 *
 * A file oe_faults/<point> in the data directory arms a point; its content is
 * the action.  The first process that passes the point removes the file.  So the
 * action happens once, and a test sees, also after a crash, that it has:
 *
 *	 kill		 SIGKILL to this process
 *	 postmaster  SIGKILL to the postmaster and to this process
 *	 error		 an error
 *	 terminate	 as by pg_terminate_backend()
 *	 wait		 the file becomes oe_faults/<point>.held; goes on when that is
 *				 taken away
 *
 * At points named hold-... a test lets a process wait until something else has
 * happened; no failure is provoked there.
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
