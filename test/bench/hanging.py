#!/usr/bin/env python3
"""Webhooks beside a Kafka that hangs: the 99th percentile from commit to 2xx, as part of what it is without; and the memory of worker and helper
program while events pile up behind it.

hanging.py [--seconds N] [--rounds N] [--rate N] [--backlog N]

The broker is stopped and goes on in turns, since the machine is not quiet; the medians are compared.
"""
import argparse
import os
import signal
import statistics
import subprocess
import tempfile

from benchlib import PORT, TOP, fill, fresh_database, live, memory, quantile, report, sql, start, stop, subscribe, wait, worker_pid
from brokerlib import Broker, program_pid

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--seconds", type=int, default=8)
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--rate", type=int, default=50)
p.add_argument("--backlog", type=int, default=200000)
a = p.parse_args()
IN_FLIGHT = "SELECT in_flight > 0 FROM odoo_events.subscription_status WHERE name = 'bus'"


def healthy():
    return quantile(live(a.seconds, a.rate, "web", 10, 200), 0.99) * 1000


server = tempfile.mktemp(prefix="oe-server-")
subprocess.run(["cc", "-O2", "-o", server, f"{TOP}/test/bench/slow_server.c"], check=True)
start()
sink = subprocess.Popen([server, str(PORT), "1"])
broker = None
try:
    fresh_database()
    broker = Broker("kafka")
    for i in range(10):
        subscribe(f"web{i}", "timeout => '5s'", f"w{i}")
    broker.subscribe("bus", "now", more=", timeout => '5s', retry_schedule => array_fill('1s'::interval, ARRAY[100])")
    healthy()
    quiet, loud = [], []
    for _ in range(a.rounds):
        quiet.append(healthy())
        os.killpg(int(broker.pid), signal.SIGSTOP)
        loud.append(healthy())
        os.killpg(int(broker.pid), signal.SIGCONT)
        wait("SELECT lag_events = 0 AND in_flight = 0 AND breaker = 'closed' FROM odoo_events.subscription_status WHERE name = 'bus'")
    report("webhooks beside a Kafka that hangs", f"{statistics.median(loud) / statistics.median(quiet):.2f}",
           f"of the p99 without ({statistics.median(quiet):.0f} and {statistics.median(loud):.0f} ms; {' '.join(f'{x:.0f}' for x in loud)} against {' '.join(f'{x:.0f}' for x in quiet)})")
    for i in range(10):
        sql(f"SELECT odoo_events.unsubscribe('web{i}')")
    os.killpg(int(broker.pid), signal.SIGSTOP)
    fill(a.backlog // 10)
    wait(IN_FLIGHT)
    before = memory(worker_pid()), memory(program_pid("kafka"))
    fill(a.backlog)
    wait(IN_FLIGHT)
    after = memory(worker_pid()), memory(program_pid("kafka"))
    report("memory behind a Kafka that hangs", f"{after[0]:.0f} + {after[1]:.0f}",
           f"MB of worker and program with {a.backlog * 11 // 10} events behind it, {before[0]:.0f} + {before[1]:.0f} with a tenth")
    os.killpg(int(broker.pid), signal.SIGCONT)
    wait("SELECT lag_events = 0 FROM odoo_events.subscription_status WHERE name = 'bus'")
    report("  and when it is gone", f"{memory(worker_pid()):.0f} + {memory(program_pid('kafka')):.0f}", "MB")
finally:
    if broker:
        os.killpg(int(broker.pid), signal.SIGCONT)
        broker.end()
    sink.terminate()
    os.unlink(server)
    stop()
