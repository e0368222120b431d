#!/usr/bin/env python3
"""Events of 1 kB a second into one Kafka: from a full outbox by a subscription, and by Debezium's PostgreSQL connector with its outbox router from a
table of the shape that it wants, in turns in one run on one server.  Needs Java and Maven; the jars are fetched once (debezium/pom.xml).

debezium.py [--events N] [--rounds N]
"""
import argparse
import os
import pathlib
import socket
import subprocess
import tempfile
import time

from benchlib import TOP, cpu, fill, fresh_database, report, sql, start, stop, wait, worker, worker_pid
from brokerlib import SIZE, Broker, program_pid

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--events", type=int, default=50000)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--jars", default=f"{TOP}/build/debezium")
a = p.parse_args()
DIR = tempfile.mkdtemp()
COUNT = """import sys, time
from confluent_kafka import Consumer, TopicPartition
servers, topic, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
c = Consumer({"bootstrap.servers": servers, "group.id": "count"})
parts = [TopicPartition(topic, p) for p in c.list_topics(topic, timeout=30).topics[topic].partitions]
first, end = 0, time.time() + 600
while time.time() < end:
    have = sum(c.get_watermark_offsets(p, timeout=30)[1] for p in parts)
    first = first or (have and (time.time(), have)[0])
    if have >= n:
        print(time.time() - first)
        break
    time.sleep(0.02)
c.close()
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def counting(broker, topic, n):
    """A process that prints the seconds from the first message of the topic to the n-th."""
    return subprocess.Popen(["/usr/bin/python3", "-c", COUNT, broker.host, topic, str(n)], stdout=subprocess.PIPE, text=True)


def seconds(process):
    out = process.communicate()[0]
    if not out:
        raise SystemExit("not all came")
    return float(out)


def ours(broker, topic):
    first = fill(a.events, 850)
    worker(False)
    sql("SELECT odoo_events._read_behind()")
    broker.topic(topic)
    broker.subscribe("run", first, url=f"kafka://{broker.host}/{topic}")
    count = counting(broker, topic, a.events)
    worker(True)
    took = seconds(count)
    used = cpu(worker_pid()) + cpu(program_pid("kafka"))
    wait("SELECT lag_events = 0 AND in_flight = 0 FROM odoo_events.subscription_status WHERE name = 'run'")
    sql("SELECT odoo_events.unsubscribe('run')")
    return a.events / took, used / a.events * 1e6


def debezium(broker, topic):
    """The slot and the rows are there before the connector starts: a full outbox, too."""
    sql("DROP TABLE IF EXISTS outbox; DROP PUBLICATION IF EXISTS dbz;"
        "CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text NOT NULL, payload text);"
        "CREATE PUBLICATION dbz FOR TABLE outbox", "plain")
    sql(f"SELECT pg_create_logical_replication_slot('{topic}', 'pgoutput')", "plain")
    sql(f"""DO $$BEGIN FOR i IN 1 .. {a.events} / 100 LOOP
      INSERT INTO outbox SELECT gen_random_uuid(), '{topic}', 'thing:' || (i * 100 + j) % 5000, 'done', repeat('x', {SIZE}) FROM generate_series(1, 100) j; COMMIT; END LOOP; END$$""", "plain")
    broker.topic(topic)
    count = counting(broker, topic, a.events)
    pathlib.Path(f"{DIR}/worker").write_text(f"""bootstrap.servers={broker.host}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename={DIR}/{topic}.offsets
listeners=http://127.0.0.1:{free_port()}
""", encoding="ascii")
    pathlib.Path(f"{DIR}/connector").write_text(f"""name={topic}
connector.class=io.debezium.connector.postgresql.PostgresConnector
tasks.max=1
plugin.name=pgoutput
slot.name={topic}
publication.name=dbz
publication.autocreate.mode=disabled
snapshot.mode=no_data
database.hostname=127.0.0.1
database.port={os.environ["PGPORT"]}
database.user=postgres
database.password=none
database.dbname=plain
topic.prefix={topic}
table.include.list=public.outbox
tombstones.on.delete=false
transforms=outbox
transforms.outbox.type=io.debezium.transforms.outbox.EventRouter
transforms.outbox.route.topic.replacement=${{routedByValue}}
producer.override.acks=all
""", encoding="ascii")
    with open(f"{DIR}/log", "w", encoding="utf-8") as log:
        connect = subprocess.Popen(["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{a.jars}/*", "org.apache.kafka.connect.cli.ConnectStandalone", f"{DIR}/worker", f"{DIR}/connector"],
                                   stdout=log, stderr=subprocess.STDOUT)
        before = cpu(connect.pid)
        try:
            took = seconds(count)
            used = cpu(connect.pid) - before
        finally:
            connect.kill()
            connect.wait()
    time.sleep(0.5)
    sql(f"SELECT pg_drop_replication_slot('{topic}')", "plain")
    return a.events / took, used / a.events * 1e6


if not os.path.isdir(a.jars):
    subprocess.run(["mvn", "-q", "-B", "-f", f"{TOP}/test/bench/debezium/pom.xml", "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={a.jars}"], check=True)
os.environ["PORT"] = str(free_port())
start("odoo_events.attempt_detail = 'batch'\nlisten_addresses = '127.0.0.1'\n")
broker = None
try:
    fresh_database()
    sql("CREATE DATABASE plain", "postgres")
    broker = Broker("kafka")
    best = {}
    for i in range(a.rounds):
        for name, run in (("a subscription", ours), ("Debezium", debezium)):
            rate, each = run(broker, f"{run.__name__}_{i}")
            best[name] = max(best.get(name, (0, 0)), (rate, each))
            print(f"  round {i}: {name} {rate:.0f}/s, {each:.0f} us of processor time each", flush=True)
    for name, (rate, each) in best.items():
        report(f"into Kafka by {name}", f"{rate:.0f}", f"events/s, {each:.0f} us of processor time each")
    report("  ratio", f"{best['a subscription'][0] / best['Debezium'][0]:.1f}", "times")
finally:
    if broker:
        broker.end()
    stop()
