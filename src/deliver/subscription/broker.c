/*
 * broker.c
 *	  What a configuration has beside a webhook's where the endpoint is a broker.
 *
 * Worker only, within the transaction that read the rows.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "storage/fd.h"

#include "base/guc.h"
#include "deliver/model/configuration.h"
#include "deliver/subscription/broker.h"
#include "deliver/subscription/row.h"
#include "deliver/transport/http/http.h"
#include "deliver/transport/program/program.h"

#define OE_WINDOW 1000			/* messages under way to a broker */
#define OE_CA_MAX (1024 * 1024)

/*
 * How events become messages, if this is a broker.
 */
void
oe_conf_broker(OeConfiguration *conf, int row)
{
	char	   *kind = oe_col_text(row, "broker_kind");
	OeBroker   *b;

	conf->transport = kind != NULL ? &oe_program_transport : &oe_http_transport;
	if (kind == NULL)
		return;
	b = conf->broker = palloc0(sizeof(OeBroker));
	b->kind = kind;
	b->connection = oe_col_text(row, "connection");
	b->topic = oe_col_text(row, "topic");
	b->key = oe_col_text(row, "message_key");
	/* the names that the CloudEvents bindings give to attributes */
	b->prefix = strcmp(kind, "kafka") == 0 ? "ce_" : strcmp(kind, "nats") == 0 ? "ce-" : strcmp(kind, "mqtt") == 0 ? "" : "cloudEvents_";
	b->encoded = strcmp(kind, "nats") == 0;
	b->compacted = oe_col_bool(row, "compacted");
	b->retain = oe_col_bool(row, "retain");
	b->ping_type = oe_col_text(row, "ping_type");
	/* a test event would stay as a state, or need a topic of its own */
	b->probed = b->compacted || b->retain || strchr(b->topic, '{') != NULL;
	conf->max_in_flight = oe_col_int(row, "window_size", false);
	if (conf->max_in_flight == 0)
		conf->max_in_flight = OE_WINDOW;
}

/*
 * The certificates of odoo_events.ca_file, palloc'd: helper programs read no
 * files of the server's.  NULL: the system's are trusted.
 */
char *
oe_broker_ca(void)
{
	StringInfoData text;
	char		piece[8192];
	size_t		n;
	FILE	   *file;

	if (oe_guc_ca_file == NULL || oe_guc_ca_file[0] == '\0')
		return NULL;
	if ((file = AllocateFile(oe_guc_ca_file, "r")) == NULL)
	{
		ereport(LOG, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", oe_guc_ca_file)));
		/* no certificate: then none is trusted */
		return pstrdup("odoo_events.ca_file cannot be read");
	}
	initStringInfo(&text);
	while (text.len < OE_CA_MAX && (n = fread(piece, 1, sizeof(piece), file)) > 0)
		appendBinaryStringInfo(&text, piece, n);
	FreeFile(file);
	return text.data;
}
