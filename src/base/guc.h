/*
 * guc.h
 *	  The settings of odoo_events.  Set by guc.c, read anywhere.
 */
#ifndef OE_GUC_H
#define OE_GUC_H

#include "postgres.h"

/* Values of odoo_events.on_full: events that a subscription still needs stay when
 * the outbox exceeds its size, or the oldest are dropped. */
#define OE_FULL_KEEP 0
#define OE_FULL_DROP 1

/* attempt_detail */
#define OE_DETAIL_MESSAGE 0
#define OE_DETAIL_BATCH 1

extern bool oe_guc_strict;		/* odoo_events.strict */
extern int	oe_guc_capture_memory;	/* odoo_events.capture_memory, kB */
extern int	oe_guc_merge_memory;	/* odoo_events.merge_memory, kB */
extern char *oe_guc_databases;	/* odoo_events.databases, '' for all */
extern char *oe_guc_source;		/* odoo_events.source, '' for /odoo/<uuid> */
extern char *oe_guc_language;	/* odoo_events.language, 'en_US' */
extern char *oe_guc_schema_base;	/* odoo_events.schema_base */
extern int	oe_guc_retention;	/* odoo_events.retention, seconds */
extern int	oe_guc_attempt_detail;	/* odoo_events.attempt_detail */
extern int	oe_guc_attempt_retention;	/* odoo_events.attempt_retention, s */
extern int	oe_guc_backfill_pace;	/* odoo_events.backfill_pace, percent */
extern int	oe_guc_process_retention;	/* odoo_events.process_retention, s */
extern char *oe_guc_otlp_endpoint;	/* odoo_events.otlp_endpoint, '' for none */
extern char *oe_guc_otlp_headers;	/* odoo_events.otlp_headers */
extern char *oe_guc_proxy;		/* odoo_events.proxy, '' for none */
extern char *oe_guc_ca_file;	/* odoo_events.ca_file, '' for the system's */
extern int	oe_guc_max_event_size;	/* odoo_events.max_event_size, kB */
extern int	oe_guc_max_field_size;	/* odoo_events.max_field_size, kB */
extern int	oe_guc_max_databases;	/* odoo_events.max_databases */
extern int	oe_guc_max_rules;	/* odoo_events.max_rules, per database */
extern int	oe_guc_max_in_flight;	/* odoo_events.max_in_flight, requests */
extern int	oe_guc_max_outbox_size; /* odoo_events.max_outbox_size, MB; 0: no
									 * limit */
extern int	oe_guc_on_full;		/* odoo_events.on_full, OE_FULL_... */
extern int	oe_guc_connect_timeout; /* odoo_events.connect_timeout, ms */
extern int	oe_guc_connection_max_age;	/* odoo_events.connection_max_age, s */
extern int	oe_guc_filter_timeout;	/* odoo_events.filter_timeout, ms */
extern char *oe_guc_flow_timezone;	/* odoo_events.flow_timezone, '' for
									 * log_timezone */
extern double oe_guc_flow_score;	/* odoo_events.flow_score, 0: off */
extern double oe_guc_flow_factor;	/* odoo_events.flow_factor */
extern int	oe_guc_max_slot_wal;	/* odoo_events.max_slot_wal, MB */
extern int	oe_guc_read_timeout;	/* odoo_events.read_timeout, ms */
extern char *oe_guc_program_directory;	/* odoo_events.program_directory, ''
										 * for the library's */
extern int	oe_guc_program_memory;	/* odoo_events.program_memory, MB */
extern int	oe_guc_restart_delay;	/* odoo_events.restart_delay, ms */
extern char *oe_guc_webhook_origin; /* odoo_events.webhook_origin, '' for the
									 * machine's */

/* odoo_events.capture and odoo_events.traceparent ('' for none) as they are in
 * force in the current transaction; see bound.h. */
extern bool oe_capture_on(void);
extern const char *oe_traceparent_here(void);

extern void oe_guc_define(void);

#endif							/* OE_GUC_H */
