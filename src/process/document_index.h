/*
 * document_index.h
 *	  Where in the outbox the events of a document are: a consumer of the reader
 *	  behind the publisher.
 */
#ifndef OE_PROCESS_DOCUMENT_INDEX_H
#define OE_PROCESS_DOCUMENT_INDEX_H

#include "process/consumer.h"

extern const OeConsumer oe_document_consumer;

#endif							/* OE_PROCESS_DOCUMENT_INDEX_H */
