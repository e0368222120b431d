/*
 * company.h
 *	  What a subscription of some companies may see of a record that all
 *	  share.
 */
#ifndef OE_DELIVER_MESSAGE_COMPANY_H
#define OE_DELIVER_MESSAGE_COMPANY_H

#include "postgres.h"

extern bool oe_is_company_event(const char *classes);
extern char *oe_company_event(const char *body, const char *classes, const int *companies, int n, bool *tells);

#endif							/* OE_DELIVER_MESSAGE_COMPANY_H */
