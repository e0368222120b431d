/*
 * log.c
 *	  Append-only log of noted changes (log.h).
 *
 * Odoo's backend.  Memory is a context under TopTransactionContext, the file
 * belongs to the top transaction's resource owner: both go with the
 * transaction, neither with a subtransaction.  A subtransaction that aborts
 * after the log has been spilled only moves the end of the file back.
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

#define OE_LOG_FIRST_SIZE 8192
#define OE_WINDOW_SIZE (64 * 1024)
#define OE_WRITE_SIZE (1024 * 1024)

/* Where the first note of a subtransaction that is still open stands. */
typedef struct OeMark
{
	SubTransactionId sub;
	uint64		pos;
} OeMark;

OeLog		oe_log;

static char *oe_log_memory;
static Size oe_log_size;
static File oe_log_file;		/* 0: none */
static char *oe_window;			/* part of the file, for reading */
static uint64 oe_window_pos;
static Size oe_window_len;
static OeMark *oe_marks;
static int	oe_nmarks;
static int	oe_maxmarks;
static int	oe_maxtruncations;

/*
 * Makes the log at the first note of a transaction.
 */
static void
oe_log_begin(void)
{
	MemoryContext cxt;

	if (oe_log.cxt)
		return;
	cxt = AllocSetContextCreate(TopTransactionContext, "odoo_events notes",
								ALLOCSET_DEFAULT_SIZES);
	oe_log_memory = MemoryContextAlloc(cxt, OE_LOG_FIRST_SIZE);
	oe_log_size = OE_LOG_FIRST_SIZE;
	oe_maxmarks = 16;
	oe_marks = MemoryContextAlloc(cxt, oe_maxmarks * sizeof(OeMark));
	oe_nmarks = 0;
	oe_maxtruncations = 0;
	oe_log.tx++;
	oe_log.cxt = cxt;
}

OeTarget *
oe_log_target(Oid relid, const char *rule)
{
	OeTarget   *t;

	oe_log_begin();
	for (t = oe_log.targets; t != NULL; t = t->next)
		if (t->relid == relid && strcmp(t->rule, rule) == 0)
			return t;
	t = MemoryContextAllocZero(oe_log.cxt, sizeof(OeTarget));
	t->relid = relid;
	strlcpy(t->rule, rule, NAMEDATALEN);
	t->number = oe_log.ntargets++;
	t->next = oe_log.targets;
	oe_log.targets = t;
	return t;
}

OeTarget *
oe_log_shape_target(OeShape *shape)
{
	if (unlikely(shape->target == NULL || oe_log.cxt == NULL ||
				 shape->target_tx != oe_log.tx))
	{
		shape->target = oe_log_target(shape->root, shape->rule);
		shape->target_tx = oe_log.tx;
	}
	return shape->target;
}

void
oe_log_fail(const char *reason)
{
	for (OeTarget *t = oe_log.targets; t != NULL; t = t->next)
	{
		if (t->noted == 0)
			continue;
		t->lost += t->noted;
		t->noted = 0;
		t->reason = MemoryContextStrdup(oe_log.cxt, reason);
	}
	oe_log.failed = true;
	oe_log.spilled = 0;
	oe_log.used = 0;
	oe_log.ntruncations = 0;
}

/*
 * Writes what is in memory behind what is in the file.
 */
static void
oe_log_spill_out(void)
{
	Size		done = 0;

	if (oe_log_file == 0)
	{
		ResourceOwner owner = CurrentResourceOwner;

		CurrentResourceOwner = TopTransactionResourceOwner;
		PrepareTempTablespaces();
		oe_log_file = OpenTemporaryFile(false);
		CurrentResourceOwner = owner;
	}
	oe_window_len = 0;
	while (done < oe_log.used)
	{
		int			want = Min(oe_log.used - done, OE_WRITE_SIZE);
		int			n;

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		n = FileWrite(oe_log_file, oe_log_memory + done, want,
					  (off_t) (oe_log.spilled + done), PG_WAIT_EXTENSION);
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
 * Spills in a subtransaction, so that a full disk costs the events of this
 * transaction, not the transaction.
 */
static void
oe_log_spill(void)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		oe_log_spill_out();
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		oe_log.spilled += oe_log.used;
		oe_log.used = 0;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(caller);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (oe_guc_strict || !oe_error_is_ours(edata->sqlerrcode))
			ReThrowError(edata);
		ereport(LOG_SERVER_ONLY,
				(errcode(edata->sqlerrcode),
				 errmsg("odoo_events cannot keep the changes of this transaction: %s",
						edata->message)));
		oe_log_fail(edata->message);
		FreeErrorData(edata);
	}
	PG_END_TRY();
}

/*
 * Grows the memory to at least "size" bytes.  Where the machine has none left
 * the log goes to the file instead.
 */
static bool
oe_log_grow(Size size)
{
	Size		newsize = oe_log_size;
	char	   *memory;

	while (newsize < size)
		newsize *= 2;
	memory = MemoryContextAllocExtended(oe_log.cxt, newsize,
										MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (memory == NULL)
		return false;
	memcpy(memory, oe_log_memory, oe_log.used);
	pfree(oe_log_memory);
	oe_log_memory = memory;
	oe_log_size = newsize;
	return true;
}

OeNote *
oe_log_reserve(Size size)
{
	Size		limit = (Size) oe_guc_capture_memory * 1024;

	oe_log_begin();
	if (oe_log.failed)
		return NULL;
	if (unlikely(oe_log.used + size > oe_log_size))
	{
		bool		fits = oe_log.used + size <= limit && oe_log_grow(oe_log.used + size);

		if (!fits && oe_log.used > 0)
			oe_log_spill();
		if (!oe_log.failed && oe_log.used + size > oe_log_size &&
			!oe_log_grow(oe_log.used + size))
			oe_log_fail("out of memory");
		if (oe_log.failed)
			return NULL;
	}
	return (OeNote *) (oe_log_memory + oe_log.used);
}

/*
 * Remembers where a subtransaction's first note stands.
 */
static void
oe_log_mark(SubTransactionId sub)
{
	if (oe_nmarks == oe_maxmarks)
	{
		oe_marks = repalloc(oe_marks, 2 * oe_maxmarks * sizeof(OeMark));
		oe_maxmarks *= 2;
	}
	oe_marks[oe_nmarks].sub = sub;
	oe_marks[oe_nmarks].pos = oe_log_end();
	oe_nmarks++;
}

static void
oe_log_add_truncation(OeNote *note)
{
	OeTruncation *t;

	if (oe_log.ntruncations == oe_maxtruncations)
	{
		int			n = Max(8, 2 * oe_maxtruncations);
		OeTruncation *grown = MemoryContextAlloc(oe_log.cxt, n * sizeof(OeTruncation));

		if (oe_log.ntruncations > 0)
			memcpy(grown, oe_log.truncations, oe_log.ntruncations * sizeof(OeTruncation));
		oe_log.truncations = grown;
		oe_maxtruncations = n;
	}
	t = &oe_log.truncations[oe_log.ntruncations++];
	t->pos = oe_log_end();
	t->target = oe_log_shape_target(note->shape);
	t->relid = note->shape->relid;
}

void
oe_log_append(OeNote *note)
{
	SubTransactionId sub = GetCurrentSubTransactionId();

	Assert((char *) note == oe_log_memory + oe_log.used);
	if (oe_nmarks == 0 || oe_marks[oe_nmarks - 1].sub != sub)
		oe_log_mark(sub);
	if (note->op == 'T')
		oe_log_add_truncation(note);
	oe_log_shape_target(note->shape)->noted++;
	oe_log.used += note->size;
}

/*
 * Copies a part of the file; notes are mostly read one after another, so a
 * window of it is kept.
 */
static void
oe_log_read_file(uint64 pos, char *data, Size size)
{
	while (size > 0)
	{
		Size		n;

		if (pos < oe_window_pos || pos >= oe_window_pos + oe_window_len)
		{
			int			got;

			if (oe_window == NULL)
				oe_window = MemoryContextAlloc(oe_log.cxt, OE_WINDOW_SIZE);
			oe_window_len = 0;
			got = FileRead(oe_log_file, oe_window, OE_WINDOW_SIZE, (off_t) pos,
						   PG_WAIT_EXTENSION);
			if (got <= 0)
				ereport(ERROR,
						(errcode_for_file_access(),
						 errmsg("could not read temporary file of noted changes: %m")));
			oe_window_pos = pos;
			oe_window_len = got;
		}
		n = Min(size, oe_window_len - (pos - oe_window_pos));
		memcpy(data, oe_window + (pos - oe_window_pos), n);
		data += n;
		pos += n;
		size -= n;
	}
}

const OeNote *
oe_log_read(uint64 pos, StringInfo buf)
{
	OeNote		head;

	if (pos >= oe_log.spilled)
		return (const OeNote *) (oe_log_memory + (pos - oe_log.spilled));
	oe_log_read_file(pos, (char *) &head, sizeof(head));
	resetStringInfo(buf);
	enlargeStringInfo(buf, head.size);
	oe_log_read_file(pos, buf->data, head.size);
	return (const OeNote *) buf->data;
}

/*
 * What a subtransaction noted is its parent's from now on.
 */
void
oe_log_sub_commit(SubTransactionId sub, SubTransactionId parent)
{
	uint64		pos = OE_NOWHERE;

	if (oe_log.cxt == NULL)
		return;
	while (oe_nmarks > 0 && oe_marks[oe_nmarks - 1].sub >= sub)
		pos = oe_marks[--oe_nmarks].pos;
	if (pos == OE_NOWHERE || (oe_nmarks > 0 && oe_marks[oe_nmarks - 1].sub == parent))
		return;
	/* there is room: at least one mark was taken off */
	oe_marks[oe_nmarks].sub = parent;
	oe_marks[oe_nmarks].pos = pos;
	oe_nmarks++;
}

/*
 * Cuts off what an aborted subtransaction noted; raises nothing.
 */
void
oe_log_sub_abort(SubTransactionId sub)
{
	uint64		pos = OE_NOWHERE;

	if (oe_log.cxt == NULL)
		return;
	while (oe_nmarks > 0 && oe_marks[oe_nmarks - 1].sub >= sub)
		pos = oe_marks[--oe_nmarks].pos;
	if (pos == OE_NOWHERE || oe_log.failed)
		return;
	while (oe_log.ntruncations > 0 &&
		   oe_log.truncations[oe_log.ntruncations - 1].pos >= pos)
		oe_log.ntruncations--;
	if (pos >= oe_log.spilled)
		oe_log.used = pos - oe_log.spilled;
	else
	{
		oe_log.spilled = pos;
		oe_log.used = 0;
	}
}

void
oe_log_close(void)
{
	if (oe_log_file)
		FileClose(oe_log_file);
	oe_log_file = 0;
}

/*
 * End of the transaction: memory goes by itself, and so does the file of a
 * transaction that aborts.
 */
void
oe_log_reset(void)
{
	uint64		tx = oe_log.tx;

	memset(&oe_log, 0, sizeof(oe_log));
	oe_log.tx = tx;
	oe_log_memory = NULL;
	oe_log_file = 0;
	oe_window = NULL;
	oe_window_len = 0;
	oe_marks = NULL;
	oe_nmarks = 0;
}
