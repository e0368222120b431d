/*
 * consumer.h
 *	  What the reader behind the publisher shows events to.
 *
 * Milestones, promises, statistics: what looks at every event and writes
 * something down of it is a consumer of one reader, so that the outbox is read
 * once for all of them, and neither Odoo's transaction nor the publisher pays
 * for it.
 *
 * A slice of the reader is one trusted transaction: it reads some hundred events
 * behind the cursor, shows each to the consumers, lets each consumer write, and
 * writes the cursor.  All that is written because of an event is therefore
 * written once, also across a crash: either with the cursor, or not at all.
 *
 * How to add a consumer: write a file with a const OeConsumer, declare that in
 * a header of its own, add it to oe_consumers[] in reader.c.  Whatever a
 * consumer keeps in memory between slices it must be able to make again from
 * its tables, because of "load".
 */
#ifndef OE_PROCESS_CONSUMER_H
#define OE_PROCESS_CONSUMER_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#define OE_CONSUMERS_MAX 8

/* What is told of promises; neither SLAs nor patterns that do not name it mean it. */
#define OE_PROMISE_TYPES "odoo.process.promise."

/*
 * A type of event together with the label of its entity.  Made when the first
 * event of it is met, kept until the process forgets everything ("load").
 */
typedef struct OeReadType
{
	char	   *type;			/* odoo.logistics.shipment.shipped.v1 */
	char	   *entity;			/* transfer */
	int16		code;			/* its number in process_type */
	uint32		wanted;			/* by which consumers, a bit each */
	void	   *data[OE_CONSUMERS_MAX]; /* whatever a consumer has put there
										 * in "wants" */
} OeReadType;

/*
 * An event as it was read.  Strings are terminated and live until the end of
 * the slice; the struct and "text" only while "event" runs.
 */
typedef struct OeReadEvent
{
	int64		position;
	pg_uuid_t	id;
	OeReadType *type;
	char	   *subject;
	char	   *key;			/* partition key */
	char	   *correlation;	/* NULL: none */
	TimestampTz time;			/* of the commit in Odoo */
	TimestampTz recorded;		/* when it was published */
	bool		has_record;
	int64		record_id;		/* of the entity; if has_record */
	int			company;		/* 0: none */
	int			warehouse;		/* 0: none */
	int			member;			/* of the outbox, that it is in */
	Datum		text;			/* of the event, not detoasted */
	Jsonb	   *jsonb;			/* once it was asked for */
	bool		illegible;		/* it was, and cannot be */
} OeReadEvent;

typedef struct OeConsumer
{
	const char *name;

	/*
	 * In a trusted transaction, before the first event: make memory from the
	 * tables.  Called when the process starts to read, after an error, when
	 * another process has read meanwhile, and when the configuration was
	 * changed (OE_WAKE_CONFIG).  What was noted and not written is void.
	 */
	void		(*load) (void);

	/*
	 * Does it want to see events of this type?  Asked once per type after
	 * each load; here types are compared with patterns.  "index" is its own
	 * place in type->data.
	 */
	bool		(*wants) (OeReadType *type, int index);

	/*
	 * In the trusted transaction: an event of a type that it wants.  Looks at
	 * it and takes notes in memory (the current memory context is that of the
	 * slice).  Called for every event, so it runs no SQL if it can help it.
	 */
	void		(*event) (OeReadEvent *ev, int index);

	/*
	 * In the same trusted transaction, after the slice's events and before
	 * the cursor: writes what was noted, and what the time that has passed
	 * asks for.  "done" says that the reader has reached the end of the
	 * outbox, that nothing is left to publish either, as of "now".
	 */
	void		(*write) (TimestampTz now, bool done);

	/* After the commit; NULL: nothing. */
	void		(*committed) (void);

	/*
	 * When "write" wants to be called although no event comes; DT_NOEND: not
	 * before an event does.  NULL: never.
	 */
	TimestampTz (*next) (void);

	/* Worker, outside a transaction, now and then: rotates its rings. */
	void		(*maintain) (int64 position);
} OeConsumer;

/* Consumer, in "maintain": everything must be loaded again. */
extern bool oe_consumers_load_again;

/* Consumer, in "event": the event as jsonb, made once for all consumers; NULL
 * if it cannot be jsonb. */
extern Jsonb *oe_read_event_jsonb(OeReadEvent *ev);

/* The hash by which milestones and documents are found; SQL: _text_hash(). */
extern int64 oe_text_hash(const char *text, int len);

#endif							/* OE_PROCESS_CONSUMER_H */
