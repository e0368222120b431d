/*
 * internal.h
 *	  What the files of src/publish share.
 *
 * A cycle reads whole transactions of the journal (cycle.c, window.c), finds
 * out which events their net changes are (match.c, document.c), reads what
 * the events name (odoo.c), writes their data (render.c) and their envelope
 * (event.c) and stores them together with the cursor (store.c).  The events
 * are made in slices (transform.c, attempt.c); in the worker a cycle that takes
 * long is broken off between two of them and goes on in its next turn.
 * Everything of one cycle lives in one memory context, which no transaction
 * owns; the catalog (catalog.c) in another one that outlives cycles.
 */
#ifndef OE_PUBLISH_INTERNAL_H
#define OE_PUBLISH_INTERNAL_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "base/fault.h"
#include "base/session.h"

/* A transaction of more rows, or of more bytes of them, is published in
 * slices; a cycle takes no more bytes of several. */
#define OE_SLICE_ROWS OE_TUNED("slice-rows", 20000)
#define OE_SLICE_BYTES OE_TUNED("slice-bytes", 64 * 1024 * 1024)
#define OE_CYCLE_BYTES (8 * 1024 * 1024)

/* A cycle of more rows, which is one large transaction, lets others go on more
 * often. */
#define OE_LARGE_ROWS 2000

/* A piece of JSON text, not terminated; s NULL: absent. */
typedef struct OeText
{
	const char *s;
	int			len;
} OeText;

typedef struct OeMember
{
	const char *key;
	int			len;			/* of the key */
	uint32		tag;			/* oe_key_tag() of it */
	OeText		value;
} OeMember;

/* Columns of one row as JSON text, whether from the journal or from a table. */
typedef struct OeRow
{
	int			n;
	OeMember   *m;
	OeText		id;				/* found under the name "id" */
	int			nraw;			/* columns that settle.c gave another value
								 * ... */
	OeMember   *raw;			/* and what they hold: conditions see that */
} OeRow;

/* ---- catalog ---- */

/* Names that predicates mention; only those columns are given to them. */
typedef struct OeWords
{
	int			n;
	char	  **words;
	uint32	   *tags;			/* oe_key_tag() of each; NULL: not made yet */
	uint64		mask;			/* of all tags: oe_tag_bit() */
	int			nrefs;			/* those that stand behind $.refs */
	char	  **refs;
} OeWords;

typedef struct OePredicate
{
	Datum		path;			/* jsonpath; 0: always true */
	bool		uses_tx;
	bool		uses_parts;		/* $.parts or $.rows */
	bool		uses_rows;
	OeWords		words;
} OePredicate;

/* What following a path found last: the next row is likely to be like it. */
typedef struct OePathSeen
{
	int			at;				/* where in the row the column stands */
	struct OeRule *rule;
	struct OeReference *link;	/* of the rule's column */
} OePathSeen;

/* "column", or "column.field.field ..." through references. */
typedef struct OePath
{
	const char *column;
	int			len;			/* of its name */
	uint32		tag;			/* oe_key_tag() of it */
	OePathSeen *seen;
	int			nhops;			/* 0: the column itself */
	const char **hops;
} OePath;

/* Which statement reads it; odoo.c. */
typedef struct OeQueryNo
{
	uint32		epoch;			/* when it was found; 0: not yet */
	int			number;
} OeQueryNo;

/* The same of rows by a column. */
#define OE_BY_COLUMNS 4
typedef struct OeByColumn
{
	const char *column;
	OeQueryNo	query;
} OeByColumn;

/* 'many(table.key=value)': a relation table, key and value its columns. */
typedef struct OeMany
{
	const char *table;
	const char *key;
	const char *value;
	struct OeRule *rule;		/* whose table it is; NULL: not captured */
	struct OePart *part;		/* that rows found by this key are */
	OeQueryNo	query;
} OeMany;

/* "entity=path", "entity=path~table.key=value~..." */
typedef struct OeKeyPath
{
	const char *entity;
	OePath		path;
	int			nmany;			/* then from row to row by these */
	OeMany	   *many;
	bool		lowest;			/* of several; else only a single one counts */
} OeKeyPath;

typedef struct OeRefField
{
	const char *name;
	int			npaths;
	char	  **paths;
	bool		shown;
	const char *target;
	struct OeReference *to;		/* the same; NULL: none */
} OeRefField;

typedef struct OeReference
{
	const char *name;
	int			index;
	int			ntables;
	char	  **tables;
	bool		own;			/* a definition of the DBA's made it */
	int			nfields;
	OeRefField *fields;
	OeQueryNo	query;
} OeReference;

typedef struct OeLink
{
	const char *column;
	OeReference *reference;
} OeLink;

typedef enum OeSourceKind
{
	OE_SOURCE_PATH,
	OE_SOURCE_SUM,
	OE_SOURCE_MANY,
	OE_SOURCE_COMPUTED
} OeSourceKind;

typedef struct OeSource
{
	OeSourceKind kind;
	OePath		path;			/* SUM: column; COMPUTED: word in column */
	const char *part;			/* SUM */
	OeMany		many;
	const char *state;			/* '@state', '@!state' */
	bool		negate;
} OeSource;

typedef struct OeField
{
	const char *name;
	int			nsources;
	OeSource   *sources;
	OeReference *reference;		/* what a relation's values are ids of */
	int			class;			/* index of oe_classes */
} OeField;

typedef struct OeOwner
{
	const char *name;
	int			nfields;
	OeField    *fields;
} OeOwner;

struct OeEntity;

typedef struct OePart
{
	int			index;			/* among all parts */
	struct OeEntity *entity;
	const char *name;
	struct OeRule *rule;
	int			nparents;
	char	  **parents;
	const char *reverse;		/* the document's column that names the part */
	const char *within;			/* NULL, or owner of the lines it is in */
	OeOwner    *owner;
	OePredicate condition;
	const char *state_column;
	int			nlive;
	char	  **live;
	int			ngone;
	char	  **gone;
	bool		counted;
	int			nchange;
	char	  **change;
	int			nschedule;
	char	  **schedule;
	bool		tx_only;		/* its lines are those of the transaction */
	bool		watched;		/* predicates of the entity look at it */
} OePart;

/* What a column of Odoo's holds (settle.c). */
typedef enum OeValueKind
{
	OE_VALUE_UNKNOWN,			/* ir_model_fields does not know it */
	OE_VALUE_PLAIN,				/* whatever somebody put there */
	OE_VALUE_TEXTS,				/* a text per language */
	OE_VALUE_COMPANIES,			/* a value per company */
	OE_VALUE_FLOAT				/* a number of Odoo's with float's dust */
} OeValueKind;

/* A column of a rule of one of the last three kinds. */
typedef struct OeValueColumn
{
	const char *name;			/* in the journal */
	int			len;
	uint32		tag;			/* oe_key_tag() of it */
	OeValueKind kind;
} OeValueColumn;

typedef struct OeRule
{
	const char *name;
	int			index;
	int			ntables;
	char	  **tables;
	bool		own;			/* a definition of the DBA's made it */
	int			ncolumns;
	char	  **columns;		/* 'name' or 'name=alternative' */
	int			nlinks;
	OeLink	   *links;
	struct OeEntity *entity;	/* that its rows primarily are; may be NULL */
	OeQueryNo	query;			/* by id */
	OeByColumn	by[OE_BY_COLUMNS];	/* by another column */
	List	   *entities;		/* all that its rows are: OeEntity * */
	List	   *parts;			/* OePart * */
	bool		ahead;			/* predicates ask what its rows were: gone.c */
	uint32		settled_epoch;	/* when the next two were found; odoo.c */
	int			nsettled;
	OeValueColumn *settled;
} OeRule;

typedef struct OeMilestone
{
	int			rung;
	const char *name;
	int			nstates;
	char	  **states;
	bool		gate;
} OeMilestone;

typedef struct OeKind
{
	const char *kind;
	const char *purpose;
	OePredicate condition;
} OeKind;

typedef enum OeOccasion
{
	OE_ON_MILESTONE, OE_ON_CANCELLED, OE_ON_DELETED, OE_ON_INSERTED,
	OE_ON_UPDATED, OE_ON_OPEN, OE_ON_CHANGED, OE_ON_TOUCHED,
	OE_ON_SUMMED
} OeOccasion;

/* 'column', or 'column@state': only in rows that stay in that state, or come
 * or go in it. */
typedef struct OeWatch
{
	const char *column;
	const char *state;			/* NULL: in any */
} OeWatch;

typedef struct OeDef
{
	const char *type;
	int			variant;
	const char *kind;
	OeOccasion	occasion;
	const char *milestone;
	const char *choice;
	OePredicate condition;
	int			rank;
	const char *key_entity;
	const char *key_column;		/* NULL: the entity's own key */
	const char *key_alternative;
	bool		key_in_tx;
	int			ncovers;
	char	  **covers;
	int			nwatches;
	OeWatch    *watches;
	bool		corrects;		/* its changes are those that it watches, in
								 * rows that are done */
	bool		with_lines;
	bool		with_changes;
	const char *extra;			/* JSON object text or NULL */
	bool		emit;
	bool		own;			/* the DBA defined it */
	int			class;
	int			minor;
} OeDef;

typedef struct OeEntity
{
	const char *name;
	const char *label;			/* its name in events */
	const char *id_column;		/* NULL: the row's own id */
	int			index;
	const char *domain;
	const char *model;
	OeRule	   *rule;
	bool		attached;
	uint64		detached_at;	/* 0: never; earlier transactions count */
	const char *name_column;
	const char *state_column;
	int			ndraft;
	char	  **draft;
	int			nopen;
	char	  **open;
	int			ncancelled;
	char	  **cancelled;
	bool		one_event;
	int			nchange;
	char	  **change;
	int			nkeys;
	OeKeyPath  *keys;
	int			ncompany;
	OePath	   *company;
	int			nwarehouse;
	OePath	   *warehouse;
	int			ncorrelation;
	OeKeyPath  *correlation;
	int			nsums;			/* paths of the ids that it is summed up by */
	OePath	   *sums;
	char	   *sum_query;
	int			nsubject;		/* paths of what its subject consists of */
	OePath	   *subject;
	int			nactor;
	OePath	   *actor;
	int			nmilestones;
	OeMilestone *milestones;
	int			nkinds;
	OeKind	   *kinds;
	OeWords		kind_words;
	int			ndefs;
	OeDef	   *defs;			/* enabled ones, by choice and precedence */
	int			nparts;
	OePart	  **parts;
	OeOwner    *owner;
	OeWords		words;			/* of all its definitions */
	bool		uses_parts;
	bool		uses_rows;
	bool		has_touched;
	const char *member_classes; /* classes.c; NULL: all internal */
} OeEntity;

typedef struct OeMarked
{
	const char *mark;
	int64		id;
} OeMarked;

typedef struct OeCatalog
{
	MemoryContext cxt;
	char	   *version;		/* of the rows it was made from */
	int			nrules;
	OeRule	   *rules;
	int			nreferences;
	OeReference *references;
	int			nentities;
	OeEntity   *entities;
	int			nowners;
	OeOwner    *owners;
	OeWords		words;			/* of all predicates */
	int			nmarked;		/* ids that the DBA marked */
	OeMarked   *marked;			/* by mark */
	Datum		vars;			/* jsonb {"marked": ...} */
} OeCatalog;

/* ---- one cycle ---- */

typedef struct OeChange
{
	uint64		xid;
	int64		id;
	TimestampTz at;
	char	   *rule_name;
	OeRule	   *rule;			/* NULL: not in the catalog */
	Oid			relid;
	char		op;
	int64		record_id;
	char	   *old_text;
	char	   *new_text;
	char	   *traceparent;
	bool		parsed;
	bool		settled;		/* its values are what events show: settle.c */
	bool		unseen;			/* and nothing of them differs */
	bool		prepared;		/* what matching looks at was read */
	OeRow		old;			/* whole rows; n 0 where there was none */
	OeRow		new;
	char	   *key;			/* of the document it belongs to */
	int			key_number;		/* of the transaction's keys, once narrowed */
	bool		requeued;		/* comes from quarantine */
	int			attempts;
	bool		quarantined;	/* in this cycle */
	char	   *reason;
} OeChange;

typedef struct OeTx
{
	int			index;
	uint64		xid;
	int64		slice;			/* first id, where it is a slice; else 0 */
	bool		narrowed;		/* taken apart after it failed */
	List	   *good;			/* then: events of the parts that did not fail */
	int			nkeys;			/* then: of its changes ... */
	int		   *by_key;			/* which are sorted by them */
	int		   *key_start;		/* where in by_key each begins */
	int			n;
	OeChange   *changes;
	Datum		vars;			/* jsonb {"tx": ...}, made when needed */
	HTAB	   *rows;			/* (rule, id) -> change */
	HTAB	   *children;		/* (part, parent's id) -> changes */
	HTAB	   *docs;			/* (entity, id) -> OeDoc */
	List	   *doc_list;
	List	   *events;			/* OeEvent * */
} OeTx;

typedef struct OeColumnChange
{
	const char *column;
	OeText		old;
	OeText		new;
} OeColumnChange;

typedef struct OePartChange
{
	OePart	   *part;			/* NULL: the document itself */
	int64		id;
	const char *op;				/* added, removed, changed */
	OeChange   *change;
	List	   *columns;		/* OeColumnChange * */
} OePartChange;

/* One row's net change as a part of a document, whatever it changed. */
typedef struct OePartNet
{
	OePart	   *part;
	OeChange   *change;
} OePartNet;

/* A document that a transaction touched, itself or by its parts. */
typedef struct OeDoc
{
	int32		entity;			/* hash key ... */
	int64		id;
	OeTx	   *tx;
	OeEntity   *e;
	OeChange   *own;			/* NULL: only parts changed */
	OeChange   *first;			/* earliest change */
	List	   *changes;		/* OePartChange * */
	OeKind	   *kind;
	bool		kind_known;
	List	   *nets;			/* OePartNet *, where predicates may ask */
	List	   *events;
	bool		covered_all;
	List	   *covers;			/* char * */
	OeRow	   *row;			/* where own is NULL: as read from its table */
} OeDoc;

typedef struct OeEvent
{
	OeTx	   *tx;
	OeEntity   *e;				/* NULL: ready-made */
	OeDef	   *def;
	OeChange   *change;			/* the row it is about, or the first of the
								 * changes of a document's parts */
	OeDoc	   *doc;			/* whose changes it carries; may be NULL */
	OeRow	   *row;
	int64		record_id;
	const char *kind;
	const char *purpose;
	OeText		from;
	OeText		to;
	int			rank;
	int64		sum_id;			/* of a sum: the second of its ids */
	char	   *sums;			/* and its members, as JSON text */
	OeText		about;			/* name in the subject; s NULL: its own */
	bool		read_later;		/* something in it was read from tables */
	/* what goes out */
	const char *type;
	char	   *dataschema;
	const char *entity;
	char	   *subject;
	char	   *key;
	int			key_colon;		/* where in it the number follows; -1: none */
	int64		key_id;
	char	   *data;
	char	   *correlation;
	text	   *text;			/* as it is stored */
	struct OeEvent *cause;		/* of the same transaction; may be NULL */
	const char *model;
	int			class;
	int64		company;		/* 0: none */
	char	   *per_company;	/* members that hold a value per company, as
								 * classes.c writes them; NULL: none */
	char	   *truncated;		/* names of members that are cut, quoted; NULL */
	bool		dropped;		/* nothing that it may show has changed */
	int64		warehouse;
	int64		actor;
	bool		prepared;		/* what rendering needs was read */
	bool		enveloped;		/* the envelope's values are known */
	bool		gathered;
	List	   *lines;			/* render.c */
	bool		incomplete;		/* to be rendered again after reading */
	unsigned char id[16];
	bool		has_id;			/* it was given by whoever made the event */
} OeEvent;

/* What of a cycle is made together, and fails together: whole transactions, or
 * some documents of one.  It is made phase by phase, slice by slice. */
typedef struct OeAttempt
{
	int			first;			/* transactions */
	int			last;
	int			low;			/* numbers of keys ... */
	int			high;			/* 0: all; else not this one any more */
	int			phase;			/* how far it is; transform.c */
	int			tx;
	int			item;
	int			restarts;
	List	   *sums;			/* OeSum *, still to be read; sum.c */
	bool		summed;			/* and they are listed */
} OeAttempt;

/* window.c */
typedef struct OeCursor
{
	int64		n;
	char	   *s1;
	char	   *s2;				/* NULL: no reading in progress */
	int64		done_id;
	int64		slice_id;		/* 0: none */
	int64		last_position;
} OeCursor;

typedef struct OeReading
{
	OeCursor	read;			/* as it was read */
	OeCursor	cursor;			/* as it will be written */
	TimestampTz at;				/* when */
	bool		more;
	bool		open_transactions;
	int			taken;			/* transactions of the list that are whole */
	int64		rows;
} OeReading;

/* How far a cycle is; cycle.c. */
typedef enum OeStage
{
	OE_TO_READ, OE_TO_MAKE, OE_TO_ORDER, OE_TO_FREEZE, OE_TO_WRITE, OE_FINISHED
} OeStage;

/* explain.c: the record asked about, and what was said (OeSaid *) of its
 * change. */
typedef struct OeSaid
{
	const char *step;
	const char *verdict;
	char	   *detail;
} OeSaid;

typedef struct OeExplain
{
	OeEntity   *e;
	int64		id;
	List	   *said;
} OeExplain;

typedef struct OeCycle
{
	MemoryContext cxt;
	MemoryContext slice_cxt;	/* what rendering a slice leaves behind */
	MemoryContext holds_cxt;	/* and what a predicate does */
	OeStage		stage;
	OeReading	reading;
	List	   *attempts;		/* OeAttempt *, the next one last */
	OeAttempt  *attempt;		/* being made */
	int			frozen_tx;		/* up to where events have their text */
	int			frozen;
	int64		nfrozen;
	OeCatalog  *cat;
	TimestampTz now;			/* recordedtime of its events */
	char	   *source;
	uint32		epoch;			/* of what was read; odoo.c */
	HTAB	   *read;			/* what was read of Odoo's tables; odoo.c */
	List	  **wanted;			/* per query: ids still to be read */
	int			nwanted;		/* length of it */
	bool		missing;		/* something not yet read was asked for */
	HTAB	   *gone;			/* its changes by row; gone.c */
	int64		upto;			/* first id of its last transaction; 0: not of
								 * the window */
	HTAB	   *blocked;		/* keys in quarantine -> first change id */
	bool		more_requeued;	/* than were taken into this cycle */
	int			ntx;
	OeTx	   *tx;
	TimestampTz lines_read_at;
	OeExplain  *explain;		/* NULL: nobody asked */
} OeCycle;

extern const char *const oe_occasions[];	/* in the order of OeOccasion */

/* oe_spi() leaves the memory context at SPI's own; this one does not. */
static inline int
oe_run(SPIPlanPtr *slot, const char *sql, int nargs, const Oid *types,
	   const Datum *values, const char *nulls, bool read_only, long limit)
{
	MemoryContext cxt = CurrentMemoryContext;
	int			ret = oe_spi(slot, sql, nargs, types, values, nulls, read_only, limit);

	MemoryContextSwitchTo(cxt);
	return ret;
}

/* A column of a result's row. */
static inline int64
oe_value_int8(uint64 row, int col)
{
	bool		isnull;
	Datum		d = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, &isnull);

	return isnull ? 0 : DatumGetInt64(d);
}

static inline char *
oe_value(uint64 row, int col)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);
}

/* row.c */
extern void oe_row_parse(const char *text, OeRow *row);
extern uint32 oe_key_tag(const char *key, int len);
extern const OeText *oe_row_find(const OeRow *row, const char *key);
extern const OeText *oe_row_at(const OeRow *row, const OePath *path);
extern bool oe_text_null(const OeText *t);
extern bool oe_text_later(const OeText *a, const OeText *b);
extern bool oe_text_int(const OeText *t, int64 *value);
extern char *oe_text_cstring(const OeText *t);
extern bool oe_text_is(const OeText *t, const char *s);
extern bool oe_text_equal(const OeText *a, const OeText *b);
extern bool oe_text_in(const OeText *t, int n, char **list);
extern void oe_text_write(StringInfo buf, const OeText *t);
extern bool oe_change_parse(OeChange *c);

/* catalog.c: own work */
extern OeCatalog *oe_catalog(void);
extern void oe_add_words(OeWords *to, const OeWords *from);
extern void oe_note_words(OeWords *words, const char *text);

/* notation.c */
extern OePath oe_parse_path(char *s);
extern OePath *oe_parse_paths(char **list, int n);
extern OeKeyPath *oe_parse_keys(char **list, int n);
extern void oe_parse_source(char *s, OeSource *src);
extern void oe_parse_def_key(char *s, OeDef *d);
extern void oe_parse_watches(char **list, OeDef *d);
extern OeOccasion oe_occasion_of(const char *s);
extern OeRule *oe_rule_find(OeCatalog *cat, const char *name);
extern OeReference *oe_reference_find(OeCatalog *cat, const char *name);
extern OeEntity *oe_entity_find(OeCatalog *cat, const char *name);
extern OeReference *oe_link_of(OeRule *rule, const char *column);

/* odoo.c: foreign work.  What is asked for and was not read yet answers NULL
 * and is read by the next oe_odoo_read(), which answers whether there was
 * anything to read. */
typedef struct OeLine
{
	int64		id;
	OeRow		row;
} OeLine;

extern bool oe_odoo_prepare(OeCycle *cy);
extern void oe_odoo_forget(void);
extern OeRow *oe_ref(OeCycle *cy, OeReference *ref, int64 id);
extern OeRow *oe_row_of(OeCycle *cy, OeRule *rule, int64 id);
extern OeRow *oe_row_there(OeCycle *cy, OeRule *rule, int64 id);
extern List *oe_lines_of(OeCycle *cy, OeRule *rule, const char *column, int64 id);
extern List *oe_many_of(OeCycle *cy, OeMany *many, int64 id);
extern bool oe_odoo_read(OeCycle *cy);
extern const char *oe_odoo_table(const char *name);

/* settle.c: foreign work */
extern OeText oe_without_dust(const OeText *t);
extern void oe_row_settle(OeRule *rule, OeRow *row);
extern const OeText *oe_raw_value(const OeRow *row, const OeMember *m);
extern bool oe_is_per_company(OeRule *rule, const char *column);
extern void oe_company_value(OeEvent *ev, OeRule *rule, const char *owner, const char *column, const char *name, OeText *value);
extern bool oe_change_shown(const OeEvent *ev);

/* gone.c: the first two own work */
extern void oe_gone_forget(void);
extern void oe_gone_load(OeCycle *cy, const char *xmax, const char *xip, int64 after);
extern OeRow *oe_gone_row(OeCycle *cy, OeReference *ref, OeRule *rule, int64 id);
extern bool oe_row_then(OeCycle *cy, OeTx *tx, OeRule *rule, int64 id, OeRow **row);
extern List *oe_rows_then(OeCycle *cy, OeTx *tx, OePart *part, int64 id);

/* condition.c */
typedef struct OeSubject
{
	OeTx	   *tx;
	OeRule	   *rule;
	const OeRow *old;			/* either may be NULL */
	const OeRow *new;
	OeDoc	   *doc;			/* whose parts; may be NULL */
	OeWords    *words;			/* NULL: those of the predicate */
	Datum		root;			/* made when needed, kept where words are
								 * given */
} OeSubject;

extern Datum oe_marked_vars(OeCatalog *cat);
extern bool oe_holds(OeCycle *cy, OePredicate *p, OeSubject *s);
extern bool oe_row_holds(OeCycle *cy, OePredicate *p, OeTx *tx, OeRule *rule, const OeRow *row);
extern void oe_refs_wanted(OeCycle *cy, OeRule *rule, const OeRow *row);
extern char *oe_seen(OeCycle *cy, OePredicate *p, OeSubject *s);

/* explain.c; only where cy->explain is set */
extern void oe_say(OeCycle *cy, OeEntity *e, int64 id, OeDef *d, const char *verdict, const char *detail);
extern void oe_say_condition(OeCycle *cy, OeEntity *e, int64 id, OeDef *d, OeSubject *s);

/* match.c, document.c */
extern const OeText *oe_path(OeCycle *cy, OeRule *rule, const OeRow *row,
							 const OePath *path, OeReference **ref);
extern bool oe_entity_active(OeEntity *e, OeTx *tx);
extern char *oe_entity_key(OeCycle *cy, OeEntity *e, const OeRow *row, int64 id, bool refs);
extern bool oe_doc_existed(OeDoc *doc);
extern const OeText *oe_doc_written(OeDoc *doc);
extern bool oe_def_is_kind(OeDef *d, OeKind *kind);
extern void oe_match_prepare(OeCycle *cy, OeTx *tx, OeChange *c);
extern char *oe_change_key(OeCycle *cy, OeTx *tx, OeChange *c, bool refs);
extern OeChange *oe_tx_find(OeTx *tx, OeRule *rule, int64 id);
extern void oe_match_change(OeCycle *cy, OeTx *tx, OeEntity *e, OeChange *c);
extern OeKind *oe_kind_of(OeCycle *cy, OeTx *tx, OeEntity *e, OeRow *row);
extern OeEvent *oe_event_new(OeTx *tx, OeEntity *e, OeDef *def, OeChange *c,
							 OeRow *row, int64 id, OeKind *kind);
extern List *oe_tx_children(OeTx *tx, OePart *part, int64 id);
extern void oe_tx_ready(OeTx *tx);
extern char *oe_key_text(const char *entity, int64 id);
extern OeDoc *oe_doc(OeTx *tx, OeEntity *e, int64 id, OeChange *c);
extern bool oe_part_document(OeCycle *cy, OeTx *tx, OePart *part, const OeRow *row, int64 *id);
extern void oe_doc_changes(OeCycle *cy, OeTx *tx, OeChange *c);
extern bool oe_doc_open(OeDoc *doc);
extern bool oe_direct_parent(OePart *part, const OeRow *row, int64 *id);
extern void oe_add_column(OePartChange *pc, const char *column, const OeText *old, const OeText *new);
extern void oe_doc_prepare(OeCycle *cy, OeDoc *doc);
extern void oe_doc_decide(OeCycle *cy, OeDoc *doc);

/* correct.c */
extern bool oe_def_watched(OeDef *d, OeDoc *doc);
extern List *oe_doc_corrections(OeDoc *doc, OeDef *d);

/* cycle.c */
extern bool oe_breathe(void);

/* snapshot.c: what other functions in backends need, too */
extern OeCycle *oe_snapshot_cycle(void);
extern OeEntity *oe_catalog_entity(OeCycle *cy, const char *entity);
extern char *oe_foreign(OeCycle *cy, void (*body) (OeCycle *cy, void *arg), void *arg, int *sqlerrcode);

/* snapshot.c: foreign work */
extern void oe_snapshot_prepare(OeCycle *cy, OeChange *c);
extern char *oe_snapshot_key(OeCycle *cy, OeChange *c, bool refs);
extern void oe_snapshot_event(OeCycle *cy, OeTx *tx, OeChange *c);

/* render.c */
extern void oe_render(OeCycle *cy, OeEvent *ev);
extern void oe_render_prepare(OeCycle *cy, OeEvent *ev);

/* classes.c */
extern void oe_classes_load(OeCatalog *cat);
extern const char *oe_event_classes(const OeEvent *ev);

/* cause.c */
extern char *oe_correlation(OeCycle *cy, OeEvent *ev);
extern void oe_causes(OeTx *tx);

/* sum.c */
extern void oe_sums_list(OeCycle *cy);
extern void oe_sums_read(OeCycle *cy, int n);

/* event.c */
extern char *oe_uuid_text(const unsigned char *id);
extern void oe_event_ready_made(OeCycle *cy, OeTx *tx, OeChange *c);
extern char *oe_event_ready_made_key(OeChange *c);
extern void oe_event_id(OeEvent *ev);
extern text * oe_event_text(OeCycle *cy, OeEvent *ev, int64 position);

/* cursor.c: own work */
extern void oe_cursor_read(OeCursor *cursor);
extern void oe_cursor_append(OeCycle *cy, OeReading *r);

/* window.c: own work */
extern void oe_window_read(OeCycle *cy, int max_changes, OeReading *r);
extern bool oe_window_unmoved(const OeReading *r);
extern void oe_window_stored(const OeReading *r);
extern int64 oe_window_first(uint64 xid);

/* quarantine.c: own work, but for the first two */
extern bool oe_blocked(OeCycle *cy, OeChange *c);
extern void oe_quarantine(OeCycle *cy, OeChange *c, const char *reason);
extern void oe_quarantine_load(OeCycle *cy, int max_changes);
extern void oe_quarantine_store(OeCycle *cy);
extern void oe_change_read(OeCycle *cy, OeChange *c, uint64 row);

/* store.c: own work */
extern int	oe_outbox_member;	/* being filled; -1: not known */
extern int64 oe_store(OeCycle *cy, OeReading *r);

/* transform.c: foreign work */
extern bool oe_selected(OeCycle *cy, OeChange *c);
extern int	oe_attempt_changes(OeCycle *cy, OeTx *tx);
extern OeChange *oe_attempt_change(OeCycle *cy, OeTx *tx, int i);
extern void oe_transform_begin(OeCycle *cy);
extern bool oe_transform(OeCycle *cy);
extern void oe_order_events(OeTx *tx);

/* attempt.c */
extern bool oe_about_data(int sqlerrcode);
extern void oe_attempt_add(OeCycle *cy, int first, int last, int low, int high);
extern bool oe_make(OeCycle *cy, char **failure);

#endif							/* OE_PUBLISH_INTERNAL_H */
