#!/usr/bin/env python3
"""Events of 1 kB a second from a full outbox to a real broker, all the way through worker and helper program, beside the client library alone with
the same acknowledgement, in turns in one run.

backbone.py [--brokers kafka,nats,amqp,mqtt] [--events N] [--rounds N] [--window N]

The best of the rounds counts, since the machine is not quiet.  Also: the worker's and the program's processor time for one event.
"""
import argparse
import os
import subprocess
import tempfile

from benchlib import DONE, TOP, cpu, fill, fresh_database, report, sql, start, stop, wait, worker, worker_pid

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--brokers", default="kafka,nats,amqp,mqtt")
p.add_argument("--events", type=int, default=40000)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--window", type=int, default=0)
p.add_argument("--keep", action="store_true", help="wait for a key before each round, for a profiler")
a = p.parse_args()
SERVERS = {"kafka": "kafka", "nats": "nats", "amqp": "rabbitmq", "mqtt": "mosquitto"}
SIZE = 1000
BENCH = tempfile.mktemp(prefix="oe-bench-")


class Broker:
    """A real broker of a kind, with the topic "bench"."""

    def __init__(self, kind):
        self.process = subprocess.Popen([f"{TOP}/test/lib/broker.pl", SERVERS[kind]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().split()[0]
        if kind == "kafka":
            subprocess.run(["/usr/bin/python3", f"{TOP}/test/kafka/admin.py", f"127.0.0.1:{self.port}", "create", "bench", "3"], check=True)
        host = f"127.0.0.1:{self.port}"
        window = a.window or 1000
        self.alone = {"kafka": [host, "bench", a.events, SIZE], "nats": [f"nats://{host}", "bench", a.events, SIZE, window],
                      "amqp": [self.port, "bench", "a", a.events, SIZE, window], "mqtt": [self.port, "bench", a.events, SIZE, window]}[kind]
        self.url = f"{kind}://{host}/" + ("%2F" if kind == "amqp" else "bench")
        self.transport = {"amqp": '"exchange": "bench", "routing_key": "a"'}.get(kind, "")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def alone(kind, broker):
    out = subprocess.run([BENCH, kind, *map(str, broker.alone)], check=True, capture_output=True, text=True).stdout
    return float(out)


def program_pid(kind):
    children = subprocess.run(["pgrep", "-P", str(worker_pid()), f"odoo_events_{kind}"[:15]], capture_output=True, text=True).stdout.split()
    return int(children[0]) if children else None


def through(kind, broker):
    """Events per second, and microseconds of processor time for each of worker and program."""
    first = fill(a.events, 850)
    worker(False)
    # the reader behind the publisher has read these long ago
    sql("SELECT odoo_events._read_behind()")
    transport = ", ".join(filter(None, [broker.transport, f'"window": {a.window}' if a.window else ""]))
    more = f", transport => '{{{transport}}}'" if transport else ""
    login = """, auth => '{"type": "basic", "username": "guest", "password": "guest"}'""" if kind == "amqp" else ""
    sql(f"SELECT odoo_events.subscribe('run', '{broker.url}', allow_networks => '{{127.0.0.0/8}}', start_from => '{first}'{more}{login})")
    if a.keep:
        input(f"ready: {kind} ")
    worker(True)
    wait(DONE.format("run"))
    used = [cpu(worker_pid()), cpu(program_pid(kind))]
    took = float(sql(f"SELECT extract(epoch FROM max(at + duration) - min(at)) FROM odoo_events.attempt WHERE subscription = 'run' AND first_position >= {first}"))
    sql("SELECT odoo_events.unsubscribe('run')")
    return a.events / took, [u / a.events * 1e6 for u in used]


subprocess.run(f"gcc -O2 -I{TOP}/src -o {BENCH} {TOP}/test/bench/broker.c $(pkg-config --cflags --libs rdkafka libnats librabbitmq libmosquitto)", shell=True, check=True)
start()
try:
    fresh_database()
    for kind in a.brokers.split(","):
        broker = Broker(kind)
        bare, ours, best = 0, 0, [0, 0]
        for _ in range(a.rounds):
            bare = max(bare, alone(kind, broker))
            rate, each = through(kind, broker)
            if rate > ours:
                ours, best = rate, each
        report(f"{kind}, from the outbox", f"{ours:.0f}", f"events/s, {ours / bare:.2f} of the library alone ({bare:.0f}); worker {best[0]:.0f} us, program {best[1]:.0f} us each")
        broker.end()
finally:
    stop()
    os.unlink(BENCH)
