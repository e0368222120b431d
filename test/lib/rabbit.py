#!/usr/bin/env python3
"""What tests ask of a RabbitMQ besides publishing, by Debian's python3-pika.

rabbit.py PORT setup EXCHANGE QUEUE BINDING [LENGTH]   a topic exchange and a durable queue; LENGTH: the queue takes no more and says so
rabbit.py PORT read QUEUE                              takes what the queue has; prints each message as a line of JSON
"""
import json
import sys

import pika

port, what, *rest = sys.argv[1:]
connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", int(port)))
channel = connection.channel()
if what == "setup":
    exchange, queue, binding, *length = rest
    arguments = {"x-max-length": int(length[0]), "x-overflow": "reject-publish"} if length else {}
    channel.exchange_declare(exchange, "topic", durable=True)
    channel.queue_declare(queue, durable=True, arguments=arguments)
    channel.queue_bind(queue, exchange, binding)
else:
    while True:
        method, properties, body = channel.basic_get(rest[0], auto_ack=True)
        if method is None:
            break
        names = ("content_type", "delivery_mode", "message_id", "timestamp", "type", "expiration", "headers")
        print(json.dumps({"routing_key": method.routing_key, "body": body.decode(), **{n: getattr(properties, n) for n in names}}))
connection.close()
