#!/usr/bin/env python3
"""From the journal to a receiver's 2xx, measured on a private server with fsync on and an nginx that answers at once.

  pipeline.py [--events 40000] [--seconds 20] [--parts publish,single,batch,held,large,latency,wal,both,memory]

publish  publish() alone over a full journal, events/s
single   deliveries/s of a full outbox, one event per request, 64 in flight
batch    events/s of a full outbox in batches of 100
held     the same as single while a transaction holds a snapshot and an xid: ratio to single, interleaved
large    the longest time without an answer, and processor time, while single events are delivered; then the same while a transaction of
         10,000 changed rows (done moves and their transfers) is published beside it
latency  commit to 2xx at 200 transactions/s, one event each (just before commit to the end of the answer), with pg_test_fsync beside it
wal      the same with capture from the WAL, while another transaction is open all the time
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
p.add_argument("--parts", default="publish,single,batch,held,large,latency,wal,both,memory")
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


def hold():
    """A transaction with a snapshot and an xid, until it is told to COMMIT."""
    holder = subprocess.Popen(["psql", "-XAtq", "-d", "bench"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    holder.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id(), count(*) FROM odoo_events.outbox_all;\n")
    holder.stdin.flush()
    wait("SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL")
    return holder


def latency(bench, what):
    """From just before a commit (by triggers) or the commit record (from the WAL) to the end of the answer."""
    first = int(sql("SELECT odoo_events._last_position()"))
    subprocess.run(bench + ["-R", "200"], check=True, capture_output=True)
    # what was committed last may still be on its way into the journal
    if sql("SELECT 1 FROM odoo_events.wal_rule LIMIT 1"):
        wait(f"SELECT confirmed >= '{sql('SELECT odoo_events._wal_flush()')}' FROM odoo_events._wal_state()")
    wait("SELECT lag_events = 0 AND position >= odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = 'live'")
    times = [float(x) for x in sql(f"""SELECT extract(epoch FROM a.at + a.duration - o.time) * 1000 FROM odoo_events.attempt a
             JOIN odoo_events.outbox_all o ON o.id = a.event_id WHERE a.subscription = 'live' AND o.position > {first}""").split()]
    report(f"{what}: p50", f"{quantile(times, 0.5):.2f}", "ms")
    report("  p99", f"{quantile(times, 0.99):.2f}", "ms")


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
            holder = hold()
            held.append(deliver("max_in_flight => 64, ordering => 'none'"))
            holder.communicate("COMMIT;\n")
        report("single deliveries", f"{n / statistics.median(free):.0f}", "events/s")
        if held:
            report("  under a held xmin", f"{statistics.median(f / h for f, h in zip(free, held)):.2f}", "of without")
    if "batch" in parts:
        report("in batches of 100", f"{n / statistics.median(deliver('format => $$batch$$, batch_size => 100, max_in_flight => 16') for _ in range(a.rounds)):.0f}", "events/s")
    if "large" in parts:
        sql("""INSERT INTO stock_picking (id, name, state, location_id, location_dest_id, picking_type_id, company_id, move_type)
               SELECT 1000000 + i, 'L/' || i, 'assigned', 5, 2, 2, 1, 'direct' FROM generate_series(1, 2500) i;
               INSERT INTO stock_move (id, picking_id, product_id, product_uom, product_uom_qty, state, location_id, location_dest_id, company_id, picking_type_id, procure_method, date)
               SELECT 1000000 + i, 1000001 + (i - 1) / 3, 11 + i % 3, 1, 4, 'assigned', 5, 2, 1, 2, 'make_to_stock', '2026-12-01' FROM generate_series(1, 7500) i""", role="odoo")
        wait("SELECT count(*) = 2500 FROM odoo_events.outbox_all WHERE type LIKE '%.shipment.ready.v1' AND record_id > 1000000")
        for name, done in (("alone", False), ("beside", True)):
            subscribe(name, "max_in_flight => 64, ordering => 'none', types => '{odoo.inventory.stock_move.*}'", start_from="'earliest'")
            wait(f"SELECT count(*) > 500 FROM odoo_events.attempt WHERE subscription = '{name}'")
            if done:
                began = sql("SELECT clock_timestamp()")
                sql("""UPDATE stock_move SET state = 'done', picked = true, quantity = 4 WHERE id > 1000000;
                       UPDATE stock_picking SET state = 'done', date_done = '2026-12-01' WHERE id > 1000000""", role="odoo")
                wait("SELECT count(*) = 2500 FROM odoo_events.outbox_all WHERE type LIKE '%.shipment.dispatched.v1' AND record_id > 1000000")
                report("10,000 rows: commit to the outbox", sql(f"SELECT round(extract(epoch FROM clock_timestamp() - '{began}'), 2)"), "s")
            wait(f"SELECT lag_events = 0 AND position >= odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = '{name}'")
            answers = [float(x) for x in sql(f"SELECT extract(epoch FROM at + duration) FROM odoo_events.attempt WHERE subscription = '{name}' ORDER BY 1").split()]
            gaps = [b - a for a, b in zip(answers, answers[1:])]
            report(f"longest time without an answer, {name}", f"{max(gaps) * 1000:.0f}", "ms")
            report("  of 1,000 times", f"{quantile(gaps, 0.999) * 1000:.1f}", "ms")
            report("  deliveries", f"{len(answers) / (answers[-1] - answers[0]):.0f}", "events/s")
            sql(f"SELECT odoo_events.unsubscribe('{name}')")
    if "latency" in parts or "wal" in parts or "both" in parts:
        script = tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False)
        script.write("\\set id random(1, 8)\nUPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = :id;\n")
        script.close()
        subscribe("live", "max_in_flight => 64")
        bench = ["pgbench", "-n", "-U", "odoo", "-f", script.name, "-T", str(a.seconds), "-c", "2", "bench"]
        if "latency" in parts:
            latency(bench, "commit to 2xx at 200 events/s")
            out = subprocess.run(["pg_test_fsync", "-s", "1", "-f", f"{tempfile.gettempdir()}/oe-fsync"], capture_output=True, text=True).stdout
            found = re.search(r"fdatasync\s+(\S+) ops/sec\s+(\d+) usecs", out)
            report("  pg_test_fsync, fdatasync", found.group(2) if found else "?", "us")
        if "wal" in parts:
            sql("SELECT odoo_events.attach(mode => 'wal')")
            wait("SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule")
            opened = hold()
            latency(bench, "  captured from the WAL, beside an open transaction")
            opened.communicate("COMMIT;\n")
            sql("SELECT odoo_events.attach(mode => 'trigger')")
            wait("SELECT count(*) = 0 FROM odoo_events.wal_drain")
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
