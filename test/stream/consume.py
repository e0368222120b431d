#!/usr/bin/env python3
"""What a broker has stored, for test/t/085_brokers.pl: consume.py BROKER [create], BROKER as docs/examples/bridge.py has it.

"consume.py mock" is a Kafka for as long as it runs: librdkafka has a small one for tests. It says where, as BROKERS=.

A line {"id", "partitionkey", "sequence"} for each message, in the order of arrival, and nothing is taken away. "create" makes what takes the events.
"""
import base64
import json
import os
import sys
from urllib.parse import urlsplit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/examples"))
sys.dont_write_bytecode = True
import bridge  # noqa: E402


def nats(url, create):
    broker = bridge.Nats(url)

    def ask(*requests):
        return broker.request([(f"$JS.API.STREAM.{what}", None, json.dumps(body).encode()) for what, body in requests])

    if create:
        ask(("CREATE.ODOO", {"name": "ODOO", "subjects": ["acme.>", "other.>"], "storage": "file", "retention": "limits", "duplicate_window": 3600 * 10**9}))
        return []
    last = ask(("INFO.ODOO", {}))[0]["state"]["last_seq"]
    return [base64.b64decode(a["message"]["data"]) for a in ask(*(("MSG.GET.ODOO", {"seq": n}) for n in range(1, last + 1)))]


def amqp(url, create):
    import pika
    channel = pika.BlockingConnection(pika.URLParameters(f"amqp://{url.netloc}{url.path}")).channel()
    if create:
        channel.exchange_declare(url.query, "topic", durable=True)
        channel.queue_declare("odoo", durable=True)
        channel.queue_bind("odoo", url.query, "#")
        return []
    # not acknowledged, so they return to their places when the connection ends
    bodies = []
    while (body := channel.basic_get("odoo")[2]) is not None:
        bodies.append(body)
    return bodies


def kafka(url, create):
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
    topic = url.path.strip("/")
    consumer = Consumer({"bootstrap.servers": url.netloc, "group.id": "test", "enable.partition.eof": True, "enable.auto.commit": False})
    left = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in left])
    bodies = []
    while left:
        message = consumer.poll(10)
        if message is None:
            sys.exit("no answer")
        if not message.error():
            bodies.append(message.value())
        elif message.error().code() == KafkaError._PARTITION_EOF:
            left.remove(message.partition())
        else:
            sys.exit(str(message.error()))
    return bodies


def mock():
    from confluent_kafka import Producer
    cluster = Producer({"test.mock.num.brokers": 1})
    broker, = cluster.list_topics(timeout=10).brokers.values()
    print(f"BROKERS={broker.host}:{broker.port}", flush=True)
    while True:
        cluster.poll(60)


if sys.argv[1] == "mock":
    mock()
parsed = urlsplit(sys.argv[1])
for message in {"nats": nats, "amqp": amqp, "kafka": kafka}[parsed.scheme](parsed, len(sys.argv) > 2):
    event = json.loads(message)
    print(json.dumps({k: event[k] for k in ("id", "partitionkey", "sequence")}))
