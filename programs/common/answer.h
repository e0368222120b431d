/*
 * answer.h
 *	  Frames to the worker.  Any thread may call these functions; a thread of
 *	  their own writes, so that many answers make one system call.
 */
#ifndef OE_PROGRAMS_COMMON_ANSWER_H
#define OE_PROGRAMS_COMMON_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

extern void oe_answer_start(void);
extern void oe_answer_ready(const char *json);
extern void oe_answer_state(uint32_t connection, bool up, const char *text);
extern void oe_answer_item(char kind, uint64_t item, bool persisted, const char *text);

#endif							/* OE_PROGRAMS_COMMON_ANSWER_H */
