#!/usr/bin/env python3
"""The story of "make demo-nats" and "make demo-kafka": a recorded day of Odoo goes to a real broker, and a consumer prints what it gets from there.

At the end what the consumer got is compared with the outbox, byte by byte, and the order of each key is checked.
"""
import argparse
import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time

from demo import TOP, await_that, headline, load, paint, replay, say, show, sql, values

DB = "sales"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """A broker of our own in a directory of its own, and a thread that consumes from it."""

    def __init__(self, work):
        self.work, self.port, self.got, self.ended, self.reader = work, free_port(), [], False, threading.Thread()

    def start(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(os.path.join(self.work, "broker.log"), "w"), stderr=subprocess.STDOUT)
        await_that(lambda: listens(self.port) or self.process.poll() is not None, "the broker listens")
        if self.process.poll() is not None:
            raise SystemExit(open(os.path.join(self.work, "broker.log")).read())

    def consume(self):
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def arrived(self, where, body):
        event = json.loads(body)
        self.got.append((event, body))
        say(f"    {paint('32', '<')} {paint('2', where)}  {event['type']}  {event.get('subject', '')}")

    def stop(self):
        self.ended = True
        if self.reader.is_alive():      # clients complain of a broker that goes away
            self.reader.join()
        self.process.kill()
        self.process.wait()


class Nats(Broker):
    """nats-server with a stream in a directory; the consumer asks the stream for one message after the other."""
    kind, title = "nats", "NATS JetStream"
    topic = "odoo.{domain}.{entity}.{verb}"

    def __init__(self, work):
        super().__init__(work)
        program = next(p for p in ("/usr/sbin/nats-server", "/usr/local/bin/nats-server", "nats-server") if os.path.exists(p) or "/" not in p)
        self.start([program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", os.path.join(work, "jetstream")])
        self.ask("STREAM.CREATE.ODOO", {"name": "ODOO", "subjects": ["odoo.>"], "storage": "file"})
        say(f"  stream ODOO keeps odoo.> at nats://127.0.0.1:{self.port}")

    def ask(self, what, question):
        """Asks JetStream's API, on a connection of its own; answers the reply, which may be an error."""
        payload = json.dumps(question)
        with socket.create_connection(("127.0.0.1", self.port)) as s, s.makefile("rb") as f:
            s.sendall(f'CONNECT {{"verbose":false}}\r\nSUB answer 1\r\nPUB $JS.API.{what} answer {len(payload)}\r\n{payload}\r\n'.encode())
            for line in f:
                if line.startswith(b"MSG"):
                    return json.loads(f.read(int(line.split()[-1])))
        return {"error": "no answer"}

    def read(self):
        sequence = 1
        while not self.ended:
            message = self.ask("STREAM.MSG.GET.ODOO", {"seq": sequence}).get("message")
            if message is None:
                time.sleep(0.1)
                continue
            sequence += 1
            self.arrived(message["subject"], base64.b64decode(message["data"]).decode())

    def address(self):
        return f"nats://127.0.0.1:{self.port}/{self.topic}", "transport => '{\"stream\": \"ODOO\"}', "


class Kafka(Broker):
    """One node of Apache Kafka, broker and controller; the consumer is confluent_kafka's."""
    kind, title = "kafka", "Apache Kafka"

    def __init__(self, work):
        super().__init__(work)
        jars = subprocess.run([os.path.join(TOP, "test/kafka/fetch.sh")], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()
        controller = free_port()
        properties = os.path.join(work, "server.properties")
        with open(properties, "w") as f:
            f.write(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={os.path.join(work, "data")}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
""")
        java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars + "/*"]
        subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", properties], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start([*java, "kafka.Kafka", properties])
        subprocess.run([sys.executable, os.path.join(TOP, "test/kafka/admin.py"), f"127.0.0.1:{self.port}", "create", "odoo-events", "3"], check=True)
        say(f"  topic odoo-events with 3 partitions at kafka://127.0.0.1:{self.port}")

    def read(self):
        from confluent_kafka import Consumer
        consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{self.port}", "group.id": "demo", "auto.offset.reset": "earliest"})
        consumer.subscribe(["odoo-events"])
        while not self.ended:
            message = consumer.poll(0.5)
            if message is not None and not message.error() and message.value() is not None:
                self.arrived(f"partition {message.partition()} offset {message.offset()} key {message.key().decode()}", message.value().decode())
        consumer.close()

    def address(self):
        return f"kafka://127.0.0.1:{self.port}/odoo-events", ""


def judge(broker):
    """Everything published must have arrived once, with the same bytes, in the order of each key. Answers what is wrong."""
    sql(DB, "SELECT odoo_events.publish()")
    # where each event has a topic of its own a ping publishes nothing
    rows = values(DB, "SELECT position, id, event::text FROM odoo_events.outbox WHERE type NOT LIKE 'odoo.platform.%' ORDER BY position")
    outbox = {i: (int(position), text) for position, i, text in rows}
    try:
        await_that(lambda: set(outbox) <= {event["id"] for event, _ in broker.got}, "every event has arrived")
    except SystemExit:
        show(DB, "SELECT * FROM odoo_events.subscription_status", "-x")
        raise
    got = [(event, body) for event, body in broker.got if event["id"] in outbox]
    wrong = [f"{event['id']} arrived with other bytes than were published" for event, body in got if json.loads(body) != json.loads(outbox[event["id"]][1])]
    if len(got) != len(outbox):
        wrong.append(f"{len(got)} messages for {len(outbox)} events")
    last = {}
    for event, _ in got:
        key, position = event.get("partitionkey"), outbox[event["id"]][0]
        if last.get(key, 0) > position:
            wrong.append(f"{event['id']} arrived out of the order of {key}")
        last[key] = position
    if len(outbox) < 20:
        wrong.append(f"only {len(outbox)} events were published")
    return len(outbox), wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="directory for the broker's files")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds between steps")
    parser.add_argument("broker", choices=["nats", "kafka"])
    options = parser.parse_args()
    kind = {"nats": Nats, "kafka": Kafka}[options.broker]
    headline(f"{kind.title}: a broker of our own")
    broker = kind(options.work)
    try:
        sql("postgres", "CREATE ROLE odoo LOGIN")
        load(DB)
        show(DB, "CREATE EXTENSION odoo_events")
        show(DB, "SELECT entity, relation, mode FROM odoo_events.attach()")
        url, more = broker.address()
        show(DB, f"SELECT odoo_events.subscribe('backbone', '{url}',\n  {more}allow_networks => '{{127.0.0.0/8}}', "
                 "clearance => '{public,internal,confidential,personal}')", "-At")
        show(DB, "SELECT odoo_events.ping('backbone')", "-At")
        broker.consume()
        headline("A day of sales")
        replay(DB, "odoo19-sales", options.pace)
        n, wrong = judge(broker)
        say()
        await_that(lambda: values(DB, "SELECT 1 FROM odoo_events.subscription_status WHERE lag_events = 0 AND in_flight = 0"), "the subscription has caught up")
        show(DB, "SELECT * FROM odoo_events.subscription_status", "-x")
        headline("The end")
        for problem in wrong[:20]:
            say(f"!! {problem}", "1;31")
        if not wrong:
            say(f"All {n} events are in {kind.title}: each once, as published, in the order of its key.", "1;32")
    finally:
        broker.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
