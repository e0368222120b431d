/*
 * draft_event.h
 *	  An event while it is made.
 *
 * The transform stage makes it and fills the first group of members; the render
 * stage adds what goes out; the outbox stage writes it.  It lives as long as the
 * cycle.  What it points to in the catalog lives longer.
 */
#ifndef OE_PUBLISH_MODEL_DRAFT_EVENT_H
#define OE_PUBLISH_MODEL_DRAFT_EVENT_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/json_row.h"

typedef struct OeChange OeChange;
typedef struct OeDefinition OeDefinition;
typedef struct OeDoc OeDoc;
typedef struct OeEntity OeEntity;
typedef struct OeTx OeTx;

typedef struct OeDraftEvent
{
	OeTx	   *tx;
	OeEntity   *e;				/* NULL: ready-made by its producer */
	OeDefinition *def;
	OeChange   *change;			/* the row that it is about, or the first
								 * change of the parts */
	OeDoc	   *doc;			/* whose changes it carries; NULL: none */
	OeJsonRow  *row;			/* the row that is rendered */
	int64		record_id;
	const char *kind;
	const char *purpose;
	OeText		from;
	OeText		to;
	int			rank;			/* order among events of a transaction */
	int64		sum_id;			/* of an aggregate: the second id of its group */
	char	   *sums;			/* of an aggregate: its members, JSON text */
	OeText		about;			/* name in the subject; s is NULL: the
								 * record's own */
	bool		read_later;		/* its row was read from a table, not taken
								 * from the journal */
	/* what goes out */
	const char *type;
	char	   *dataschema;
	const char *entity;
	char	   *subject;
	char	   *key;			/* ordering key */
	int			key_colon;		/* index of the colon before the number in
								 * key; -1: none */
	int64		key_id;
	char	   *data;
	char	   *correlation;
	text	   *text;			/* as it is stored */
	struct OeDraftEvent *cause; /* in the same transaction; NULL: none */
	const char *model;
	int			class;
	int64		company;		/* 0: none */
	const char *addressed;		/* subscriptions that it is for alone, as
								 * column classes has them: ">:7,9"; NULL: all */
	char	   *per_company;	/* members that hold a value per company, as
								 * member_classes.c writes them; NULL: none */
	char	   *truncated;		/* names of members that are cut, quoted; NULL */
	bool		dropped;		/* nothing that it may show has changed */
	int64		warehouse;
	int64		actor;
	bool		prepared;		/* what rendering needs was read */
	bool		enveloped;		/* the envelope's values are known */
	bool		gathered;		/* lines are known */
	List	   *lines;			/* OeRendered * */
	bool		incomplete;		/* something is missing: render again after
								 * reading */
	unsigned char id[16];
	bool		has_id;			/* id was given by its producer */
} OeDraftEvent;

#endif							/* OE_PUBLISH_MODEL_DRAFT_EVENT_H */
