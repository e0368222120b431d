/*
 * failure.h
 *	  Which errors are worth another try with less data.
 */
#ifndef OE_PUBLISH_MODEL_FAILURE_H
#define OE_PUBLISH_MODEL_FAILURE_H

#include "postgres.h"

extern bool oe_about_data(int sqlerrcode);

#endif							/* OE_PUBLISH_MODEL_FAILURE_H */
