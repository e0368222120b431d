/*
 * frame.h
 *	  The protocol between the worker and a helper program.
 *
 * A helper program (odoo_events_kafka, odoo_events_nats, odoo_events_mqtt,
 * odoo_events_amqp) sends messages to brokers on behalf of the worker.  The
 * worker starts it with one end of a stream socket as descriptor
 * OE_PROGRAM_FD, and is the only one that decides what is sent and what an
 * answer means.  The program keeps nothing on disk: when the socket is closed,
 * or the worker dies, the program ends within a second.
 *
 * This header is plain C without PostgreSQL, because both sides include it.
 *
 * A frame is
 *
 *		uint32	length of what follows, kind included
 *		uint8	kind, one of the OE_FRAME_ constants
 *		bytes	payload
 *
 * Integers are big endian.  A string is a uint32 length and so many bytes of
 * UTF-8 (bodies and header values may be any bytes), without a terminating
 * zero; OE_FRAME_NULL as length means that there is no string.
 *
 * Order.  Messages of one connection and one key reach the broker in the order
 * of their frames, as long as the library keeps its connection.  Answers come
 * in any order.  Each 'M' frame is answered by exactly one of 'K', 'F' and
 * 'T', unless the program dies or an 'A' frame overtakes the answer.
 *
 * Back-pressure.  A program stops reading its socket while its library's queue
 * is full, so the worker must be able to keep a frame that it has written only
 * in part.  The worker always reads answers.
 */
#ifndef OE_DELIVER_TRANSPORT_PROGRAM_FRAME_H
#define OE_DELIVER_TRANSPORT_PROGRAM_FRAME_H

/* The descriptor on which a program finds its socket. */
#define OE_PROGRAM_FD			3

/* The version of this protocol, said in the 'R' frame.  The worker refuses a
 * program of another version. */
#define OE_PROGRAM_PROTOCOL		1

/* The largest length of a frame; a longer one is an error of protocol. */
#define OE_FRAME_MAX			(64u * 1024 * 1024)

/* A string's length that stands for no string. */
#define OE_FRAME_NULL			0xFFFFFFFFu

/* ---- from the worker to the program ---- */

/*
 * Configures a connection, or replaces its configuration; it may be sent again
 * with the same values, which does nothing.  Messages that are under way end
 * with the old configuration, as 'K', 'F' or 'T'.
 *
 *	uint32	connection, a number of the worker's choice
 *	string	JSON, see below
 *
 * Members of the JSON object:
 *
 *	url					as in subscribe(), without the part with templates:
 *						scheme://host:port[,host:port...][/path]; for amqp the
 *						path is the virtual host, %XX-encoded
 *	auth				object, or null:
 *						{"type":"basic","username","password"},
 *						{"type":"scram-sha-256","username","password"}, likewise
 *						scram-sha-512 (Kafka),
 *						{"type":"oauth2","token_url","client_id",
 *						"client_secret","scope","audience"},
 *						{"type":"bearer","token"} (NATS, as token),
 *						{"type":"nkey","seed"}, {"type":"creds","creds"} (the
 *						content of a .creds file; NATS)
 *	tls					object, or null: {"ca","cert","key"}, PEM as text; used
 *						where the scheme says TLS
 *	transport			object, or null: the options of subscribe(transport)
 *						that concern the program:
 *						kafka: "compression", "linger_ms",
 *						"max_message_bytes";
 *						nats: "stream"; amqp: "exchange";
 *						mqtt: "client_id"; unknown members are ignored
 *	policy				{"allow_networks":["10.0.0.0/8",...]}; the rule is the
 *						one of webhooks: without TLS an address must be listed,
 *						with TLS it must be listed or public
 *	connect_timeout_ms	of one attempt to connect (default 10000)
 *	send_timeout_ms		from a message's arrival in the program to its answer
 *						(default 30000); then it is answered with 'T'
 *	max_pending			messages of this connection that the program takes
 *						before it stops reading (default 10000)
 */
#define OE_FRAME_CONFIGURE		'C'

/* Closes a connection and forgets it; what is under way is answered with 'T'.
 *	uint32	connection */
#define OE_FRAME_CLOSE			'X'

/*
 * A message.
 *	uint32	connection
 *	uint64	item, a number of the worker's choice that the answer repeats
 *	int64	timestamp, ms since 1970; 0: none
 *	uint32	flags, OE_MESSAGE_
 *	string	topic: Kafka topic, NATS subject, MQTT topic, AMQP routing key
 *	string	key, or null
 *	string	body, or null
 *	uint32	n
 *	n times	string name, string value: headers.  The program takes
 *			"content-type" and "ce-id" (any of the spellings ce_id,
 *			ce-id, cloudEvents_id, cloudEvents:id, id) for the protocol's own
 *			property as well where there is one: NATS Nats-Msg-Id (unless it is
 *			given), AMQP content-type, message-id, type, MQTT content type.
 *			AMQP and MQTT remove "content-type" from the headers
 *	uint32	expiry in seconds, 0: none (MQTT, AMQP)
 */
#define OE_FRAME_MESSAGE		'M'

/* Forgets an item: the program sends no answer for it any more, and does not
 * send the message if it still can avoid it.
 *	uint64	item */
#define OE_FRAME_ABANDON		'A'

/* Flags of a message. */
#define OE_MESSAGE_TOMBSTONE	1	/* no body: null value (Kafka), empty
									 * payload elsewhere */
#define OE_MESSAGE_RETAIN		2	/* MQTT: the broker keeps it as the
									 * topic's state */
#define OE_MESSAGE_PING			4	/* publishes nothing: tests connection,
									 * credentials and, where the protocol
									 * can, that the topic exists.  The text
									 * of 'K' is in an 'S' frame before it */

/* ---- from the program to the worker ---- */

/* The first frame.
 *	string	JSON: {"program","version","protocol","library",
 *			"library_version"} */
#define OE_FRAME_READY			'R'

/* A connection changed its state, or has something to say.  Sent at each
 * change, not for each failed attempt.
 *	uint32	connection
 *	uint8	1: up, 0: down
 *	string	text for health(), without secrets */
#define OE_FRAME_STATE			'S'

/* The broker has the message for good.
 *	uint64	item */
#define OE_FRAME_ACKNOWLEDGED	'K'

/* The broker will never take this message: too large, not permitted, no such
 * topic, stream or queue.
 *	uint64	item
 *	string	text, with the broker's words */
#define OE_FRAME_REFUSED		'F'

/* Not sent, or not known to be sent; the worker sends it again later.
 *	uint64	item
 *	uint8	1: the broker may have it all the same; 0: it has not
 *	string	text */
#define OE_FRAME_RETRY			'T'

#endif							/* OE_DELIVER_TRANSPORT_PROGRAM_FRAME_H */
