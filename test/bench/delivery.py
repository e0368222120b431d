#!/usr/bin/env python3
"""What one subscription's troubles cost the others, and how fast single events go out.

  delivery.py [--parts misbehave,subscriptions,latency] [--seconds 8] [--rate 30] [--events 20000] [--prototype POSTBENCH]

misbehave      ten healthy subscriptions at --rate events/s, beside one endpoint that misbehaves in each way there is: their p99 from commit to 2xx,
               as a ratio to the run before it, in which nobody misbehaves (the first row is the noise: nobody in both)
subscriptions  single-event deliveries/s of a full outbox to 1 and to 50 subscriptions
latency        deliveries/s to receivers that take 5, 50 and 500 ms, at 64 and 256 in flight: of what the latency allows, and of a bare libcurl
               poster in the same minutes, where one is given (URL REQUESTS CONCURRENCY h1 BYTES epoll; first word of its output: requests/s)

Needs nginx.  Figures depend on the machine: compare ratios.
"""
import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time

from benchlib import TOP, nginx, quantile, report, sql, start, stop, subscribe, wait, worker

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--parts", default="misbehave,subscriptions,latency")
p.add_argument("--seconds", type=int, default=8)
p.add_argument("--rate", type=int, default=30)
p.add_argument("--events", type=int, default=20000)
p.add_argument("--prototype")
a = p.parse_args()
parts = a.parts.split(",")
BAD, SLOW = 18481, 18482
DONE = "SELECT bool_and(lag_events = 0 AND position >= odoo_events._last_position()) FROM odoo_events.subscription_status WHERE name LIKE '{}%'"


def listening(port):
    while True:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


def fill(events):
    """So many events into the outbox, while nobody subscribes."""
    before = int(sql("SELECT odoo_events._last_position()"))
    for _ in range(events // 1000):
        sql("SELECT count(odoo_events.emit('test.bench.thing.done.v1', 'thing/' || i, jsonb_build_object('text', repeat('x', 500)), 'thing:' || i)) FROM generate_series(1, 1000) i")
    wait(f"SELECT odoo_events._last_position() >= {before + events // 1000 * 1000}")
    return before + 1


def p99_of_healthy():
    """Of the events of one run: seconds from commit to 2xx at the ten healthy subscriptions."""
    first = int(sql("SELECT odoo_events._last_position()")) + 1
    subprocess.run(["pgbench", "-n", "-f", script, "-T", str(a.seconds), "-c", "2", "-R", str(a.rate), "bench"], check=True, capture_output=True)
    wait(DONE.format("healthy"))
    times = [float(x) for x in sql(f"""SELECT extract(epoch FROM a.at + a.duration - o.time) FROM odoo_events.attempt a
             JOIN odoo_events.outbox_all o ON o.id = a.event_id WHERE a.subscription LIKE 'healthy%' AND o.position >= {first}""").split()]
    return quantile(times, 0.99), quantile(times, 0.5)


def misbehave():
    ways = {"nobody": None, "hangs": "hang", "answers after 2 s": "delay/2", "answers 100 MB": "flood/100000000", "a byte a minute": "drip/60", "resets": "reset",
            "no HTTP": "garbage", "410": "gone", "503, Retry-After": "retry-after/2", "500": "status/500", "refuses connections": (18489, "http"),
            "no TLS where it should be": (BAD, "https")}
    bad = subprocess.Popen([sys.executable, f"{TOP}/test/receiver/receiver.py", "--port", str(BAD)])
    listening(BAD)
    for i in range(10):
        subscribe(f"healthy{i}", "timeout => '5s'", f"h{i}")
    p99_of_healthy()                    # connections, caches
    for way, path in ways.items():
        quiet, _ = p99_of_healthy()
        if path:
            port, scheme, path = (BAD, "http", path) if isinstance(path, str) else (*path, "x")
            subscribe("bad", "timeout => '5s', max_in_flight => 64, retry_schedule => array_fill('1s'::interval, ARRAY[100])", path, port=port, scheme=scheme)
        loud, median = p99_of_healthy()
        requests = sql("SELECT COALESCE(sum(requests), 0) FROM (SELECT count(*) AS requests FROM odoo_events.attempt WHERE subscription = 'bad') x")
        report(f"p99 of ten beside one that: {way}", f"{loud / quiet:.2f}", f"of undisturbed ({quiet * 1000:.1f} -> {loud * 1000:.1f} ms, p50 {median * 1000:.1f}; {requests} requests to it)")
        if path:
            sql("SELECT odoo_events.unsubscribe('bad')")
    sql("SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription")
    bad.terminate()


def drained(names, more, first, path="", port=None):
    """Seconds from the first request to the last answer of subscriptions that get all events from position first on."""
    worker(False)
    for name in names:
        subscribe(name, more, path, start_from=f"'{first}'", **({"port": port} if port else {}))
    worker(True)
    wait(DONE.format("run"))
    took = float(sql(f"SELECT extract(epoch FROM max(at + duration) - min(at)) FROM odoo_events.attempt WHERE first_position >= {first}"))
    sql("SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription")
    return took


def subscriptions():
    first = fill(a.events)
    took = drained(["run"], "max_in_flight => 64, ordering => 'none'", first)
    report("single events, 1 subscription", f"{a.events / took:.0f}", "deliveries/s")
    last = int(sql("SELECT odoo_events._last_position()"))
    took = drained([f"run{i}" for i in range(50)], "max_in_flight => 16", last - a.events // 50 + 1)
    report("single events, 50 subscriptions", f"{a.events / took:.0f}", "deliveries/s, all together")


def latency():
    for ms in (5, 50, 500):
        server = subprocess.Popen([sys.executable, f"{TOP}/test/bench/slow_server.py", str(SLOW), str(ms)])
        listening(SLOW)
        for flight in (64, 256):
            n = max(1000, min(a.events, int(flight * 1000 / ms * 4)) // 1000 * 1000)
            first = fill(n)
            took = drained(["run"], f"max_in_flight => {flight}, ordering => 'none'", first, port=SLOW)
            text = f"{n / took / (flight * 1000 / ms):.2f} of what the latency allows"
            if a.prototype:
                out = subprocess.run([a.prototype, f"http://127.0.0.1:{SLOW}/", str(n), str(flight), "h1", "1100", "epoll"], check=True, capture_output=True, text=True)
                text += f", {n / took / float(out.stdout.split()[0]):.2f} of bare libcurl"
            report(f"receiver of {ms} ms, {flight} in flight", f"{n / took:.0f}", f"deliveries/s; {text}")
        server.terminate()
        server.wait()


with tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False) as f:
    f.write("\\set key random(1, 200)\nSELECT odoo_events.emit('test.bench.thing.done.v1', 'thing', '{\"n\": 1}', 'thing:' || :key);\n")
    script = f.name
start("odoo_events.max_in_flight = 1024\n")
sink = nginx()
try:
    sql("CREATE DATABASE bench", "postgres")
    sql("CREATE EXTENSION odoo_events; SELECT odoo_events.arm()")
    wait("SELECT state = 'idle' FROM odoo_events.worker_status")
    for part in parts:
        {"misbehave": misbehave, "subscriptions": subscriptions, "latency": latency}[part]()
finally:
    sink.terminate()
    stop()
    os.unlink(script)
