/*
 * log.c
 *	  Append-only log of the change records of one transaction (log.h).
 *
 * Odoo's backend.  The memory is a context under TopTransactionContext, the file
 * belongs to the top transaction's resource owner: both end with the
 * transaction, not with a subtransaction.  A subtransaction that aborts after
 * the log was spilled to the file only moves the end of the file back.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/guc.h"
#include "capture/log.h"
#include "capture/subtransaction.h"

#define OE_LOG_FIRST_SIZE 8192
#define OE_WINDOW_SIZE (64 * 1024)
#define OE_WRITE_SIZE (1024 * 1024)

static OeLog oe_log_of_transaction;
OeLog	   *oe_log = &oe_log_of_transaction;

void
oe_log_mine(void)
{
	oe_log = &oe_log_of_transaction;
}

/*
 * Makes the log at the first change record of a transaction.
 */
static void
oe_log_begin(void)
{
	MemoryContext cxt;

	if (oe_log->cxt)
		return;
	cxt = AllocSetContextCreate(oe_log->parent ? oe_log->parent : TopTransactionContext,
								"odoo_events change records", ALLOCSET_DEFAULT_SIZES);
	oe_log->memory = MemoryContextAlloc(cxt, OE_LOG_FIRST_SIZE);
	oe_log->size = OE_LOG_FIRST_SIZE;
	oe_log->maxmarks = 16;
	oe_log->marks = MemoryContextAlloc(cxt, oe_log->maxmarks * sizeof(OeMark));
	oe_log->nmarks = 0;
	oe_log->maxtruncations = 0;
	oe_log->tx++;
	oe_log->cxt = cxt;
}

OeTarget *
oe_log_target(Oid relid, const char *rule)
{
	OeTarget   *t;

	oe_log_begin();
	for (t = oe_log->targets; t != NULL; t = t->next)
		if (t->relid == relid && strcmp(t->rule, rule) == 0)
			return t;
	t = MemoryContextAllocZero(oe_log->cxt, sizeof(OeTarget));
	t->relid = relid;
	strlcpy(t->rule, rule, NAMEDATALEN);
	t->number = oe_log->ntargets++;
	t->next = oe_log->targets;
	oe_log->targets = t;
	return t;
}

OeTarget *
oe_log_layout_target(OeRowLayout *layout)
{
	if (unlikely(layout->target == NULL || oe_log->cxt == NULL ||
				 layout->target_tx != oe_log->tx))
	{
		layout->target = oe_log_target(layout->root, layout->rule);
		layout->target_tx = oe_log->tx;
	}
	return layout->target;
}

void
oe_log_fail(const char *reason)
{
	if (oe_log->decoding)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("the changes of a transaction could not be kept: %s", reason)));
	for (OeTarget *t = oe_log->targets; t != NULL; t = t->next)
	{
		if (t->recorded == 0)
			continue;
		t->lost += t->recorded;
		t->recorded = 0;
		t->reason = MemoryContextStrdup(oe_log->cxt, reason);
	}
	oe_log->failed = true;
	oe_log->spilled = 0;
	oe_log->used = 0;
	oe_log->ntruncations = 0;
}

/*
 * Writes what is in memory behind what is in the file.
 */
static void
oe_log_spill_out(void *arg)
{
	Size		done = 0;

	if (oe_log->file == 0)
	{
		ResourceOwner owner = CurrentResourceOwner;

		CurrentResourceOwner = TopTransactionResourceOwner;
		PrepareTempTablespaces();
		oe_log->file = OpenTemporaryFile(false);
		CurrentResourceOwner = owner;
	}
	oe_log->window_len = 0;
	while (done < oe_log->used)
	{
		int			want = Min(oe_log->used - done, OE_WRITE_SIZE);
		int			n;

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		n = FileWrite(oe_log->file, oe_log->memory + done, want,
					  (off_t) (oe_log->spilled + done), PG_WAIT_EXTENSION);
		if (n != want)
		{
			/* a short write without an error means that the disk is full */
			if (errno == 0)
				errno = ENOSPC;
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not write temporary file of noted changes: %m")));
		}
		done += n;
	}
}

/*
 * Spills to the file; in Odoo's transaction within a subtransaction, so that a
 * full disk costs the events of this transaction and not the transaction.
 */
static void
oe_log_spill(void)
{
	const char *failure = NULL;

	if (oe_log->decoding)
		oe_log_spill_out(NULL);
	else
		failure = oe_subtransaction_run(oe_log_spill_out, NULL, "keep the changes of this transaction");
	if (failure)
	{
		oe_log_fail(failure);
		return;
	}
	oe_log->spilled += oe_log->used;
	oe_log->used = 0;
}

/*
 * Grows the memory to at least "size" bytes.  If the machine has no memory left
 * the log goes to the file instead.
 */
static bool
oe_log_grow(Size size)
{
	Size		newsize = oe_log->size;
	char	   *memory;

	while (newsize < size)
		newsize *= 2;
	memory = MemoryContextAllocExtended(oe_log->cxt, newsize,
										MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (memory == NULL)
		return false;
	memcpy(memory, oe_log->memory, oe_log->used);
	pfree(oe_log->memory);
	oe_log->memory = memory;
	oe_log->size = newsize;
	return true;
}

OeChangeRecord *
oe_log_reserve(Size size)
{
	Size		limit = (Size) (oe_log->decoding ? oe_guc_merge_memory : oe_guc_capture_memory) * 1024;

	oe_log_begin();
	if (oe_log->failed)
		return NULL;
	if (unlikely(oe_log->used + size > oe_log->size))
	{
		bool		fits = oe_log->used + size <= limit && oe_log_grow(oe_log->used + size);

		if (!fits && oe_log->used > 0)
			oe_log_spill();
		if (!oe_log->failed && oe_log->used + size > oe_log->size &&
			!oe_log_grow(oe_log->used + size))
			oe_log_fail("out of memory");
		if (oe_log->failed)
			return NULL;
	}
	return (OeChangeRecord *) (oe_log->memory + oe_log->used);
}

/*
 * Remembers where the first record of a subtransaction is.
 */
static void
oe_log_mark(SubTransactionId sub)
{
	if (oe_log->nmarks == oe_log->maxmarks)
	{
		oe_log->marks = repalloc(oe_log->marks, 2 * oe_log->maxmarks * sizeof(OeMark));
		oe_log->maxmarks *= 2;
	}
	oe_log->marks[oe_log->nmarks].sub = sub;
	oe_log->marks[oe_log->nmarks].pos = oe_log_end();
	oe_log->nmarks++;
}

static void
oe_log_add_truncation(OeChangeRecord *record)
{
	OeTruncation *t;

	if (oe_log->ntruncations == oe_log->maxtruncations)
	{
		int			n = Max(8, 2 * oe_log->maxtruncations);
		OeTruncation *grown = MemoryContextAlloc(oe_log->cxt, n * sizeof(OeTruncation));

		if (oe_log->ntruncations > 0)
			memcpy(grown, oe_log->truncations, oe_log->ntruncations * sizeof(OeTruncation));
		oe_log->truncations = grown;
		oe_log->maxtruncations = n;
	}
	t = &oe_log->truncations[oe_log->ntruncations++];
	t->pos = oe_log_end();
	t->target = oe_log_layout_target(record->layout);
	t->relid = record->layout->relid;
}

void
oe_log_append(OeChangeRecord *record)
{
	SubTransactionId sub = GetCurrentSubTransactionId();

	Assert((char *) record == oe_log->memory + oe_log->used);
	if (oe_log->nmarks == 0 || oe_log->marks[oe_log->nmarks - 1].sub != sub)
		oe_log_mark(sub);
	if (record->op == 'T')
		oe_log_add_truncation(record);
	oe_log_layout_target(record->layout)->recorded++;
	oe_log->used += record->size;
}

/*
 * Reads a part of the file.  Records are mostly read in sequence, so a buffer of
 * the file is kept.
 */
static void
oe_log_read_file(uint64 pos, char *data, Size size)
{
	while (size > 0)
	{
		Size		n;

		if (pos < oe_log->window_pos || pos >= oe_log->window_pos + oe_log->window_len)
		{
			int			got;

			if (oe_log->window == NULL)
				oe_log->window = MemoryContextAlloc(oe_log->cxt, OE_WINDOW_SIZE);
			oe_log->window_len = 0;
			got = FileRead(oe_log->file, oe_log->window, OE_WINDOW_SIZE, (off_t) pos,
						   PG_WAIT_EXTENSION);
			if (got <= 0)
				ereport(ERROR,
						(errcode_for_file_access(),
						 errmsg("could not read temporary file of noted changes: %m")));
			oe_log->window_pos = pos;
			oe_log->window_len = got;
		}
		n = Min(size, oe_log->window_len - (pos - oe_log->window_pos));
		memcpy(data, oe_log->window + (pos - oe_log->window_pos), n);
		data += n;
		pos += n;
		size -= n;
	}
}

const OeChangeRecord *
oe_log_read(uint64 pos, StringInfo buf)
{
	OeChangeRecord head;

	if (pos >= oe_log->spilled)
		return (const OeChangeRecord *) (oe_log->memory + (pos - oe_log->spilled));
	oe_log_read_file(pos, (char *) &head, sizeof(head));
	resetStringInfo(buf);
	enlargeStringInfo(buf, head.size);
	oe_log_read_file(pos, buf->data, head.size);
	return (const OeChangeRecord *) buf->data;
}

/*
 * The records of a committed subtransaction belong to its parent.
 */
void
oe_log_sub_commit(SubTransactionId sub, SubTransactionId parent)
{
	uint64		pos = OE_NOWHERE;

	if (oe_log->cxt == NULL)
		return;
	while (oe_log->nmarks > 0 && oe_log->marks[oe_log->nmarks - 1].sub >= sub)
		pos = oe_log->marks[--oe_log->nmarks].pos;
	if (pos == OE_NOWHERE || (oe_log->nmarks > 0 && oe_log->marks[oe_log->nmarks - 1].sub == parent))
		return;
	/* there is room: at least one mark was taken off */
	oe_log->marks[oe_log->nmarks].sub = parent;
	oe_log->marks[oe_log->nmarks].pos = pos;
	oe_log->nmarks++;
}

/*
 * Cuts off the records of an aborted subtransaction; raises nothing.
 */
void
oe_log_sub_abort(SubTransactionId sub)
{
	uint64		pos = OE_NOWHERE;

	if (oe_log->cxt == NULL)
		return;
	while (oe_log->nmarks > 0 && oe_log->marks[oe_log->nmarks - 1].sub >= sub)
		pos = oe_log->marks[--oe_log->nmarks].pos;
	if (pos == OE_NOWHERE || oe_log->failed)
		return;
	while (oe_log->ntruncations > 0 &&
		   oe_log->truncations[oe_log->ntruncations - 1].pos >= pos)
		oe_log->ntruncations--;
	if (pos >= oe_log->spilled)
		oe_log->used = pos - oe_log->spilled;
	else
	{
		oe_log->spilled = pos;
		oe_log->used = 0;
	}
}

void
oe_log_close(void)
{
	if (oe_log->file)
		FileClose(oe_log->file);
	oe_log->file = 0;
}

/*
 * End of the transaction: its memory context is deleted by PostgreSQL, and so
 * is the file of a transaction that aborts.
 */
void
oe_log_reset(void)
{
	OeLog		empty = {.parent = oe_log->parent,.decoding = oe_log->decoding,
		.alive = oe_log->alive,.alive_arg = oe_log->alive_arg,.tx = oe_log->tx
	};

	*oe_log = empty;
}
