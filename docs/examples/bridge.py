#!/usr/bin/env python3
"""Feeds a broker with the published events of odoo_events, without losing one: python3 bridge.py 'dbname=plant' SLOT BROKER [TYPES]

BROKER is one of
  nats://host:4222                       a JetStream stream must take the subjects, which are the types of the events
  amqp://user:password@host/%2F?odoo     RabbitMQ: what follows the ? is a topic exchange; routing keys are the types
  kafka://host:9092/odoo                 Kafka: what follows the / is the topic

The slot's position is confirmed only after the broker has stored an event; so whatever is killed, the next start sends what was not confirmed again.
The event's id tells duplicates (NATS drops them itself). Of one key, an event leaves only after the one before it is stored. Any error ends the
program: let systemd start it again. Needs psycopg2 (python3-psycopg2), and for RabbitMQ pika (python3-pika), for Kafka python3-confluent-kafka.
"""
import json
import select
import socket
import sys
import uuid
from urllib.parse import urlsplit

import psycopg2
import psycopg2.extras

BATCH = 200


class Nats:
    """JetStream, by NATS's own protocol: a message with a reply address is answered once it is stored."""

    def __init__(self, url):
        self.socket = socket.create_connection((url.hostname, url.port or 4222), timeout=30)
        self.file = self.socket.makefile("rb")
        self.inbox = f"_INBOX.{uuid.uuid4().hex}"
        self.file.readline()                                    # INFO
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python", "version": "1", "name": "odoo_events"}
        if url.username:
            options.update(user=url.username, **({"pass": url.password} if url.password else {}))
        self.socket.sendall(f"CONNECT {json.dumps(options)}\r\nSUB {self.inbox}.* 1\r\n".encode())

    def answer(self, wanted=None):
        """The next answer: number of the request, text; or the line that begins with "wanted"."""
        while line := self.file.readline().split():
            if line[0] == wanted:
                return None
            if line[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif line[0] in (b"MSG", b"HMSG"):
                head = int(line[-2]) if line[0] == b"HMSG" else 0
                body = self.file.read(int(line[-1]) + 2)[:-2]
                return int(line[1].rsplit(b".", 1)[1]), (body[:head] + body[head:]).decode()
            elif line[0] == b"-ERR":
                sys.exit(f"NATS: {b' '.join(line).decode()}")
        sys.exit("NATS: the connection is closed")

    def request(self, requests):
        """Sends (subject, message id or None, bytes), waits for all answers."""
        for n, (subject, message_id, body) in enumerate(requests):
            head = b"NATS/1.0\r\n" + (f"Nats-Msg-Id: {message_id}\r\n" if message_id else "").encode() + b"\r\n"
            self.socket.sendall(f"HPUB {subject} {self.inbox}.{n} {len(head)} {len(head) + len(body)}\r\n".encode() + head + body + b"\r\n")
        answers = dict(self.answer() for _ in requests)
        for answer in answers.values():
            if not answer.startswith("{") or "error" in json.loads(answer):
                sys.exit(f"NATS: not stored: {answer.strip() or 'no stream takes this subject'}")
        return [json.loads(answers[n]) for n in range(len(requests))]

    def publish(self, events):
        self.request([(e["type"], e["id"], line) for e, line in events])

    def idle(self):
        """The server closes a connection that does not answer its PINGs."""
        self.socket.sendall(b"PING\r\n")
        self.answer(b"PONG")


class RabbitMQ:
    """Publisher confirms; persistent messages; one that no queue takes is an error."""

    def __init__(self, url):
        import pika
        self.properties = pika.BasicProperties
        self.exchange = url.query
        parameters = pika.URLParameters(f"amqp://{url.netloc}{url.path}")
        self.connection = pika.BlockingConnection(parameters)
        self.channel = self.connection.channel()
        self.channel.exchange_declare(self.exchange, "topic", durable=True)
        self.channel.confirm_delivery()

    def publish(self, events):
        for e, line in events:
            self.channel.basic_publish(self.exchange, e["type"], line, mandatory=True, properties=self.properties(
                message_id=e["id"], type=e["type"], delivery_mode=2, content_type="application/cloudevents+json", headers={"partitionkey": e["partitionkey"]}))

    def idle(self):
        """Heartbeats."""
        self.connection.process_data_events()


class Kafka:
    """Idempotent producer, all replicas; the key is the event's, so a key stays in one partition, in order."""

    def __init__(self, url):
        from confluent_kafka import Producer
        self.topic = url.path.strip("/")
        self.producer = Producer({"bootstrap.servers": url.netloc, "enable.idempotence": True, "acks": "all"})
        self.errors = []

    def publish(self, events):
        for e, line in events:
            self.producer.produce(self.topic, line, e["partitionkey"], headers={"content-type": "application/cloudevents+json", "ce_id": e["id"]},
                                  on_delivery=lambda error, message: self.errors.append(error) if error else None)
        if self.producer.flush(60) or self.errors:
            sys.exit(f"Kafka: not stored: {self.errors or 'no answer'}")

    def idle(self):
        self.producer.poll(0)


def main(dsn, slot, broker, types=None):
    url = urlsplit(broker)
    sink = {"nats": Nats, "amqp": RabbitMQ, "kafka": Kafka}[url.scheme](url)
    connection = psycopg2.connect(dsn, connection_factory=psycopg2.extras.LogicalReplicationConnection)
    cursor = connection.cursor()
    cursor.start_replication(slot_name=slot, options={"types": types} if types else {}, status_interval=5)
    batch, keys, position = [], set(), 0

    def store():
        """What was read is with the broker, and only then confirmed."""
        if batch:
            sink.publish(batch)
        batch.clear()
        keys.clear()
        cursor.send_feedback(flush_lsn=position, force=True)

    while True:
        message = cursor.read_message()
        if message is None:
            # all that was sent is here; where everything is filtered away the server's word moves the position
            position = max(position, cursor.wal_end)
            store()
            sink.idle()
            select.select([connection], [], [], 5)
            continue
        line = message.payload
        event = json.loads(line)
        if event["partitionkey"] in keys or len(batch) >= BATCH:
            store()
        batch.append((event, line))
        keys.add(event["partitionkey"])
        position = message.data_start


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
