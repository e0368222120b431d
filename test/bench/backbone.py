#!/usr/bin/env python3
"""Events of 1 kB a second from a full outbox to a real broker, all the way through worker and helper program, beside the client library alone with
the same acknowledgement, in turns in one run.

backbone.py [--brokers kafka,nats,amqp,mqtt] [--events N] [--rounds N] [--window N] [--detail message|batch]

The best of the rounds counts, since the machine is not quiet.  Also: the processor time of worker and program for one event.
"""
import argparse
import os
import subprocess
import tempfile

from benchlib import DONE, cpu, fill, fresh_database, report, sql, start, stop, wait, worker, worker_pid
from brokerlib import Broker, compile_library, program_pid

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--brokers", default="kafka,nats,amqp,mqtt")
p.add_argument("--events", type=int, default=40000)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--window", type=int, default=0)
p.add_argument("--detail", default="batch")
a = p.parse_args()
BENCH = tempfile.mktemp(prefix="oe-bench-")


def through(kind, broker):
    """Events per second, and microseconds of processor time for each of worker and program."""
    first = fill(a.events, 850)
    worker(False)
    # the reader behind the publisher has read these long ago
    sql("SELECT odoo_events._read_behind()")
    broker.subscribe("run", first, a.window)
    worker(True)
    wait(DONE.format("run"))
    used = [cpu(worker_pid()), cpu(program_pid(kind))]
    took = float(sql(f"SELECT extract(epoch FROM max(at + duration) - min(at)) FROM odoo_events.attempt WHERE subscription = 'run' AND first_position >= {first}"))
    sql("SELECT odoo_events.unsubscribe('run')")
    return a.events / took, [u / a.events * 1e6 for u in used]


compile_library(BENCH)
start(f"odoo_events.attempt_detail = '{a.detail}'\n")
try:
    fresh_database()
    for kind in a.brokers.split(","):
        broker = Broker(kind)
        bare, ours, best = 0, 0, [0, 0]
        for _ in range(a.rounds):
            bare = max(bare, float(subprocess.run([BENCH, *map(str, broker.alone(a.events, a.window or 1000))], check=True, capture_output=True, text=True).stdout))
            rate, each = through(kind, broker)
            if rate > ours:
                ours, best = rate, each
        report(f"{kind}, from the outbox", f"{ours:.0f}", f"events/s, {ours / bare:.2f} of the library alone ({bare:.0f}); worker {best[0]:.0f} us, program {best[1]:.0f} us each")
        broker.end()
finally:
    stop()
    os.unlink(BENCH)
