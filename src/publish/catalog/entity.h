/*
 * entity.h
 *	  Entities of the catalog: their rules, parts, milestones and event
 *	  definitions.
 *
 * All of these live in the memory of the catalog (catalog.h) and never change
 * after it was loaded, except for the statement numbers in OeCatalogRule.
 */
#ifndef OE_PUBLISH_CATALOG_ENTITY_H
#define OE_PUBLISH_CATALOG_ENTITY_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "publish/catalog/types.h"

typedef struct OePart
{
	int			index;			/* among all parts */
	struct OeEntity *entity;
	const char *name;
	struct OeCatalogRule *rule;
	int			nparents;
	char	  **parents;
	const char *reverse;		/* the document's column that names the part */
	const char *within;			/* NULL, or owner of the lines it is in */
	OeFieldOwner *owner;
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

/* What a column of Odoo's holds (shown_values.c). */
typedef enum OeValueKind
{
	OE_VALUE_UNKNOWN,			/* ir_model_fields does not know it */
	OE_VALUE_PLAIN,				/* whatever somebody put there */
	OE_VALUE_TEXTS,				/* a text per language */
	OE_VALUE_COMPANIES,			/* a value per company */
	OE_VALUE_FLOAT,				/* a number of Odoo's with float's dust */
	OE_VALUE_QUANTITY			/* the same, which its product's unit rounds */
} OeValueKind;

/* A column of a rule of one of the last four kinds. */
typedef struct OeValueColumn
{
	const char *name;			/* in the journal */
	int			len;
	uint32		tag;			/* oe_key_tag() of it */
	OeValueKind kind;
} OeValueColumn;

typedef struct OeCatalogRule
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
	bool		ahead;			/* predicates ask what its rows were:
								 * lookahead.c */
	uint32		settled_epoch;	/* when the next two were found; tables.c */
	int			nsettled;
	OeValueColumn *settled;
} OeCatalogRule;

typedef struct OeMilestone
{
	int			rung;
	const char *name;
	int			nstates;
	char	  **states;
	bool		threshold;
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

typedef struct OeDefinition
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
} OeDefinition;

typedef struct OeEntity
{
	const char *name;
	const char *label;			/* its name in events */
	const char *id_column;		/* NULL: the row's own id */
	int			index;
	const char *domain;
	const char *model;
	OeCatalogRule *rule;
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
	OeDefinition *defs;			/* enabled ones, by choice and precedence */
	int			nparts;
	OePart	  **parts;
	OeFieldOwner *owner;
	OeWords		words;			/* of all its definitions */
	bool		uses_parts;
	bool		uses_rows;
	bool		has_touched;
	const char *member_classes; /* member_classes.c; NULL: all internal */
} OeEntity;

#endif							/* OE_PUBLISH_CATALOG_ENTITY_H */
