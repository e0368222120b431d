#!/usr/bin/env python3
"""Many databases of one server into one Kafka: a worker and a helper program each.  What they need while idle, and how fast events of all of them
arrive.

fifty.py [--databases N] [--events N]
"""
import argparse
import subprocess
import time

from benchlib import memory, report, sql, start, stop, wait
from brokerlib import Broker

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--databases", type=int, default=50)
p.add_argument("--events", type=int, default=400)
a = p.parse_args()
NAMES = [f"plant{i}" for i in range(a.databases)]


start(f"max_worker_processes = {a.databases * 2 + 20}\nodoo_events.max_databases = {a.databases + 10}\nodoo_events.attempt_detail = 'batch'\n")
broker = None
try:
    broker = Broker("kafka")
    broker.topic("plants", 6)
    sql("CREATE DATABASE pattern", "postgres")
    sql("CREATE EXTENSION odoo_events", "pattern")
    for name in NAMES:
        sql(f"CREATE DATABASE {name} TEMPLATE pattern", "postgres")
        sql("SELECT odoo_events.arm()", name)
        sql(f"""SELECT odoo_events.subscribe('backbone', 'kafka://{broker.host}/plants', allow_networks => '{{127.0.0.0/8}}', types => '{{acme.*}}',
              transport => '{{"key": "{{source}}/{{key}}"}}')""", name)
        sql("SELECT odoo_events.emit('acme.test.thing.made.v1', 'thing/0', '{}')", name)
    for name in NAMES:
        wait("SELECT delivered_total > 0 AND lag_events = 0 FROM odoo_events.subscription_status WHERE name = 'backbone'", name)
    workers = [int(pid) for pid in sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' AND datname LIKE 'plant%'", "postgres").split()]
    programs = [int(pid) for worker in workers for pid in subprocess.run(["pgrep", "-P", str(worker)], capture_output=True, text=True).stdout.split()]
    for what, of in (("workers", workers), ("helper programs", programs)):
        each = [memory(pid) for pid in of]
        report(f"{len(of)} {what}", f"{sum(each):.0f}", f"MB that are no file's and not shared, {sum(each) / len(of):.1f} each, at most {max(each):.1f}")
    begin = time.monotonic()
    for name in NAMES:
        sql(f"SELECT odoo_events.emit('acme.test.thing.made.v1', 'thing/' || i, jsonb_build_object('pad', repeat('x', 850)), 'thing:' || i % 100) FROM generate_series(1, {a.events}) i", name)
    emitted = time.monotonic() - begin
    for name in NAMES:
        wait(f"SELECT delivered_total > {a.events} AND lag_events = 0 AND in_flight = 0 FROM odoo_events.subscription_status WHERE name = 'backbone'", name)
    took = time.monotonic() - begin
    have = len(broker.admin("read", "plants").splitlines())
    report("emitted, published and in Kafka", f"{a.databases * a.events / took:.0f}", f"events/s of all databases; emitting alone took {emitted:.0f} of {took:.0f} s; the topic has {have} messages of {a.databases * (a.events + 1)}")
finally:
    if broker:
        broker.end()
    stop()
