#!/usr/bin/env python3
"""Many subscriptions, and long backlogs behind one and behind fifty of them.

  scale.py [--subscriptions 1000] [--rate 50] [--seconds 30] [--backlog 1000000] [--lagging 50] [--parts many,backlog,lagging]

many     commit to 2xx at --rate events/s, each for ten of the subscriptions (a filter each, 200 addresses): p50, p99, the worker's share of a core, its memory and
         descriptors, and how long subscription_status and metrics() take
backlog  one more subscription drains --backlog events in batches of 100: events/s of each tenth, the worker's processor time per event, its memory, and
         p99 of the others meanwhile
lagging  --lagging more drain the end of it all together, each from a place of its own; the same figures

Needs nginx.  Figures depend on the machine: compare ratios.
"""
import argparse
import os
import threading
import time

from benchlib import PORT, cpu, descriptors, fill, fresh_database, last_position, live, memory, nginx, quantile, report, sql, start, stop, subscribe, wait, worker_pid

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--subscriptions", type=int, default=1000)
p.add_argument("--rate", type=int, default=50)
p.add_argument("--seconds", type=int, default=30)
p.add_argument("--backlog", type=int, default=1000000)
p.add_argument("--lagging", type=int, default=50)
p.add_argument("--parts", default="many,backlog,lagging")
a = p.parse_args()
ADDRESSES = 200                 # endpoints that share no connection
EACH = a.subscriptions // 100
BATCH = "format => 'batch', batch_size => 100"


def many():
    pid = worker_pid()
    used, began = cpu(pid), time.monotonic()
    times = live(a.seconds, a.rate, "s", EACH)
    report(f"{a.subscriptions} subscriptions, {a.rate} events/s: p50", f"{quantile(times, 0.5) * 1000:.1f}", f"ms, {len(times)} deliveries")
    report("  p99", f"{quantile(times, 0.99) * 1000:.1f}", "ms")
    report("  the worker's share of a core", f"{(cpu(pid) - used) / (time.monotonic() - began) * 100:.0f}", "%")
    report("  its private memory", f"{memory(pid):.0f}", "MB")
    report("  its descriptors", descriptors(pid), "")
    for what in ("subscription_status", "metrics()", "health()"):
        began = time.monotonic()
        sql(f"SELECT count(*) FROM (SELECT * FROM odoo_events.{what} OFFSET 0) x")
        report(f"  {what} takes", f"{time.monotonic() - began:.2f}", "s")
    return quantile(times, 0.99)


def drain(what, names, events, alone):
    """Watches those called so, which have just begun, until they have all; the others have new events meanwhile."""
    pid, peak, marks, beside = worker_pid(), 0, [], []
    others = threading.Thread(target=lambda: beside.extend(live(max(a.seconds // 2, 1), a.rate, "s", EACH)))
    used, began = cpu(pid), time.monotonic()
    others.start()
    while len(marks) < 10:
        done = int(sql(f"SELECT COALESCE(sum(p.delivered), 0) FROM odoo_events.subscription_progress p WHERE p.name LIKE '{names}%'"))
        peak = max(peak, memory(pid))
        while len(marks) < 10 and done >= (len(marks) + 1) * events // 10:
            marks.append(time.monotonic())
        time.sleep(0.2)
    others.join()
    rates = [events / 10 / max(y - x, 0.001) for x, y in zip([began] + marks, marks)]
    report(f"{events} events behind {what}, drained at", f"{events / (marks[-1] - began):.0f}", "events/s")
    if marks[-1] - began > 5:
        report("  each tenth", "", " ".join(f"{r:.0f}" for r in rates) + " events/s")
    report("  the worker's processor time", f"{(cpu(pid) - used) / events * 1e6:.1f}", "us/event")
    report("  its private memory at most", f"{peak:.0f}", "MB")
    p99 = quantile(beside, 0.99)
    report("  the others meanwhile: p50", f"{quantile(beside, 0.5) * 1000:.1f}", "ms")
    report("  p99", f"{p99 * 1000:.1f}", f"ms, {p99 / alone:.2f} of alone" if alone else "ms")


start("max_connections = 100\n")
sink = nginx(ADDRESSES)
try:
    fresh_database()
    first = fill(a.backlog) if "backlog" in a.parts or "lagging" in a.parts else last_position() + 1
    sql(f"""SELECT count(odoo_events.subscribe('s' || i, 'http://127.0.0.' || 1 + i % {ADDRESSES} || ':{PORT}/s' || i, allow_networks => '{{127.0.0.0/8}}',
            filter => ('$.data.shard == ' || i % 100)::jsonpath)) FROM generate_series(1, {a.subscriptions}) i""")
    wait(f"SELECT count(*) = {a.subscriptions} FROM odoo_events.subscription_progress")
    for i in range(8):                        # who first reads a page writes it: somebody has, long ago
        sql(f"VACUUM odoo_events.outbox_{i}")
    sql("CHECKPOINT")
    os.sync()
    live(3, a.rate, "s", EACH)                # connections, caches
    undisturbed = many() if "many" in a.parts else 0
    if "backlog" in a.parts:
        subscribe("drain", BATCH, "drain", start_from=f"'{first}'")
        drain("one", "drain", a.backlog, undisturbed)
        sql("SELECT odoo_events.unsubscribe('drain')")
    if "lagging" in a.parts:
        step = min(a.backlog, 80000) // a.lagging       # too far from one another to share a reading
        for i in range(a.lagging):
            subscribe(f"lag{i}", BATCH, f"lag{i}", start_from=f"'{first + a.backlog - (i + 1) * step}'")
        drain(str(a.lagging), "lag", step * a.lagging * (a.lagging + 1) // 2, undisturbed)
finally:
    sink.terminate()
    stop()
