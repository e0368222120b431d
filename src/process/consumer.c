/*
 * consumer.c
 *	  What consumers of the reader behind the publisher share (consumer.h).
 *
 * Any process, in a trusted transaction.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "process/consumer.h"

bool		oe_consumers_load_again = false;

int64
oe_text_hash(const char *text, int len)
{
	return DatumGetInt64(hash_any_extended((const unsigned char *) text, len, 0));
}

Jsonb *
oe_read_event_jsonb(OeReadEvent *ev)
{
	MemoryContext cxt = CurrentMemoryContext;

	if (ev->jsonb != NULL || ev->illegible)
		return ev->jsonb;
	ev->illegible = true;
	/* jsonb_in() leaves nothing behind but memory */
	PG_TRY();
	{
		ev->jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(ev->text))));
		ev->illegible = false;
	}
	PG_CATCH();
	{
		ErrorData  *err;

		MemoryContextSwitchTo(cxt);
		err = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(err->sqlerrcode) != ERRCODE_DATA_EXCEPTION &&
			ERRCODE_TO_CATEGORY(err->sqlerrcode) != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return ev->jsonb;
}
