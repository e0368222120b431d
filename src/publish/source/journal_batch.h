/*
 * journal_batch.h
 *	  Reading the journal by snapshots.
 */
#ifndef OE_PUBLISH_SOURCE_JOURNAL_BATCH_H
#define OE_PUBLISH_SOURCE_JOURNAL_BATCH_H

#include "postgres.h"

typedef struct OeCycle OeCycle;
typedef struct OeJournalBatch OeJournalBatch;

extern void oe_journal_batch_read(OeCycle *cy, int max_changes, OeJournalBatch *r);
extern bool oe_journal_batch_unmoved(const OeJournalBatch *r);
extern void oe_journal_batch_stored(const OeJournalBatch *r);

#endif							/* OE_PUBLISH_SOURCE_JOURNAL_BATCH_H */
