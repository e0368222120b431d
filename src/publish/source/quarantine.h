/*
 * quarantine.h
 *	  Changes that could not become events.
 */
#ifndef OE_PUBLISH_SOURCE_QUARANTINE_H
#define OE_PUBLISH_SOURCE_QUARANTINE_H

#include "postgres.h"

typedef struct OeChange OeChange;
typedef struct OeCycle OeCycle;

extern bool oe_blocked(OeCycle *cy, OeChange *c);
extern void oe_quarantine(OeCycle *cy, OeChange *c, const char *reason);
extern void oe_quarantine_load(OeCycle *cy, int max_changes);
extern void oe_quarantine_store(OeCycle *cy);
extern void oe_change_read(OeCycle *cy, OeChange *c, uint64 row);

#endif							/* OE_PUBLISH_SOURCE_QUARANTINE_H */
