/*
 * kafka_program.h
 *	  The parts of odoo_events_kafka.
 */
#ifndef OE_PROGRAMS_KAFKA_PROGRAM_H
#define OE_PROGRAMS_KAFKA_PROGRAM_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "common/program.h"

/* Of one connection, owned by its thread. */
typedef struct OeKafka
{
	OeConnection *connection;
	rd_kafka_t *producer;
	rd_kafka_t *alone;			/* sends one message a request; made when a
								 * batch was too large for the broker */
	pthread_mutex_t lock;		/* protects error */
	char		error[300];		/* the last one, with the broker's name */
	bool		all_down;
	bool		worked;			/* something was acknowledged */
} OeKafka;

/* kafka_config.c: a producer, or NULL and why. */
extern rd_kafka_t * oe_kafka_producer(OeKafka *k, bool alone, char *why, size_t room);
extern void oe_kafka_error(OeKafka *k, const char *text);

/* kafka.c: called by the library for each message that has ended. */
extern void oe_kafka_delivered(rd_kafka_t * producer, const rd_kafka_message_t * report, void *opaque);

/* token.c: an access token; false and why if there is none. */
typedef struct OeToken
{
	char	   *value;
	char	   *subject;
	long		lifetime;		/* seconds */
} OeToken;

extern void oe_token_start(void);
extern bool oe_token_get(const OeConfig *config, OeToken *token, char *why, size_t room);
extern void oe_token_free(OeToken *token);

#endif							/* OE_PROGRAMS_KAFKA_PROGRAM_H */
