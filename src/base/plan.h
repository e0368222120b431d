/*
 * plan.h
 *	  How statements on rings are planned.
 */
#ifndef OE_BASE_PLAN_H
#define OE_BASE_PLAN_H

/* Any process, in a trusted transaction: plans use indexes until it ends. */
extern void oe_plan_by_index(void);

#endif							/* OE_BASE_PLAN_H */
