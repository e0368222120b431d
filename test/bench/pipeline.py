#!/usr/bin/env python3
"""From the journal to a receiver's 2xx, measured on a private server with fsync on and an nginx that answers at once.

  pipeline.py [--events 40000] [--seconds 20] [--parts publish,single,batch,held,latency,both,memory]

publish  publish() alone over a full journal, events/s
single   deliveries/s of a full outbox, one event per request, 64 in flight
batch    events/s of a full outbox in batches of 100
held     the same as single while a transaction holds a snapshot and an xid: ratio to single, interleaved
latency  commit to 2xx at 200 transactions/s, one event each (just before commit to the end of the answer), with pg_test_fsync beside it
both     publishing and delivering together under as many commits of four events as two clients make, events/s
memory   the worker's private memory with a full outbox behind an endpoint that does not answer, above idle

Needs nginx; reads PG_CONFIG and BUILD as test/lib/instance.sh does.  Figures depend on the machine: compare ratios.
"""
import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time

from benchlib import TOP, memory, nginx, quantile, report, sql, start, stop, subscribe, wait, worker, worker_pid

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--events", type=int, default=40000)
p.add_argument("--seconds", type=int, default=20)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--parts", default="publish,single,batch,held,latency,both,memory")
a = p.parse_args()
parts = a.parts.split(",")
start()


def load(events):
    """Fills the journal: done stock moves, 1000 per transaction."""
    columns = sql("""SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM pg_attribute
                     WHERE attrelid = 'stock_move'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'""")
    for _ in range(events // 1000):
        sql(f"""INSERT INTO stock_move (id, {columns}) SELECT nextval('stock_move_id_seq'), {columns}
                FROM (SELECT * FROM stock_move WHERE state = 'done' ORDER BY id LIMIT 1) m, generate_series(1, 1000)""", role="odoo")


def deliver(more):
    """Seconds until a new subscription has all of the outbox."""
    subscribe("run", more, start_from="'earliest'")
    began = time.monotonic()
    wait("SELECT lag_events = 0 AND position >= odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = 'run'")
    took = time.monotonic() - began
    sql("SELECT odoo_events.unsubscribe('run')")
    return took


sink = nginx()
try:
    sql("CREATE ROLE odoo LOGIN", "postgres")
    sql("CREATE DATABASE bench OWNER odoo", "postgres")
    for name in ("odoo19-base", "odoo19-sales.trace"):
        subprocess.run(f"gzip -dc {TOP}/test/odoo/{name}.sql.gz | psql -qX -U odoo -d bench >/dev/null", shell=True, check=True)
    sql("CREATE EXTENSION odoo_events; SELECT odoo_events.attach()")
    wait("SELECT state = 'idle' FROM odoo_events.worker_status")
    worker(False)
    load(a.events)
    began = time.monotonic()
    n = int(sql("SELECT odoo_events.publish()"))
    took = time.monotonic() - began
    if "publish" in parts:
        report("publishing alone", f"{n / took:.0f}", "events/s")
        report("  bytes of an event", sql("SELECT avg(length(event))::int FROM odoo_events.outbox_all"), "")
    worker(True)
    if "single" in parts or "held" in parts:
        free, held = [], []
        for _ in range(a.rounds):
            free.append(deliver("max_in_flight => 64, ordering => 'none'"))
            if "held" not in parts:
                continue
            holder = subprocess.Popen(["psql", "-XAtq", "-d", "bench"], stdin=subprocess.PIPE, text=True)
            holder.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id(), count(*) FROM odoo_events.outbox_all;\n")
            holder.stdin.flush()
            wait("SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL")
            held.append(deliver("max_in_flight => 64, ordering => 'none'"))
            holder.communicate("COMMIT;\n")
        report("single deliveries", f"{n / statistics.median(free):.0f}", "events/s")
        if held:
            report("  under a held xmin", f"{statistics.median(f / h for f, h in zip(free, held)):.2f}", "of without")
    if "batch" in parts:
        report("in batches of 100", f"{n / statistics.median(deliver('format => $$batch$$, batch_size => 100, max_in_flight => 16') for _ in range(a.rounds)):.0f}", "events/s")
    if "latency" in parts or "both" in parts:
        script = tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False)
        script.write("\\set id random(1, 8)\nUPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = :id;\n")
        script.close()
        subscribe("live", "max_in_flight => 64")
        bench = ["pgbench", "-n", "-U", "odoo", "-f", script.name, "-T", str(a.seconds), "-c", "2", "bench"]
        if "latency" in parts:
            subprocess.run(bench + ["-R", "200"], check=True, capture_output=True)
            wait("SELECT lag_events = 0 AND position >= odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = 'live'")
            times = [float(x) for x in sql("""SELECT extract(epoch FROM a.at + a.duration - o.time) * 1000 FROM odoo_events.attempt a
                     JOIN odoo_events.outbox_all o ON o.id = a.event_id WHERE a.subscription = 'live'""").split()]
            report("commit to 2xx at 200 events/s: p50", f"{quantile(times, 0.5):.2f}", "ms")
            report("  p99", f"{quantile(times, 0.99):.2f}", "ms")
            out = subprocess.run(["pg_test_fsync", "-s", "1", "-f", f"{tempfile.gettempdir()}/oe-fsync"], capture_output=True, text=True).stdout
            found = re.search(r"fdatasync\s+(\S+) ops/sec\s+(\d+) usecs", out)
            report("  pg_test_fsync, fdatasync", found.group(2) if found else "?", "us")
        if "both" in parts:
            with open(script.name, "w", encoding="ascii") as file:
                file.write("\\set first 4 * :client_id + 1\nUPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END"
                           " WHERE id BETWEEN :first AND :first + 3;\n")
            before, began = int(sql("SELECT odoo_events._last_position()")), time.monotonic()
            subprocess.run(bench, check=True, capture_output=True)
            wait("SELECT lag_events = 0 AND position >= odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = 'live'")
            took = time.monotonic() - began
            report("both together, commit to 2xx", f"{(int(sql('SELECT odoo_events._last_position()')) - before) / took:.0f}", "events/s")
        sql("SELECT odoo_events.unsubscribe('live')")
    if "memory" in parts:
        idle = memory(worker_pid())
        sink.terminate()
        sink.wait()
        subscribe("waits", "max_in_flight => 64", start_from="'earliest'")
        wait("SELECT failed_total > 0 FROM odoo_events.subscription_status WHERE name = 'waits'")
        report(f"worker's memory with {sql('SELECT lag_events FROM odoo_events.subscription_status')} undelivered", f"{memory(worker_pid()) - idle:.1f}", "MB above idle")
finally:
    sink.terminate()
    stop()
