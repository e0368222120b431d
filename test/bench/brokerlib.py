"""What the benchmarks of brokers share: a real broker with a topic, filling it from the outbox, how much is in it."""
import subprocess

from benchlib import TOP, sql, worker_pid

SERVERS = {"kafka": "kafka", "nats": "nats", "amqp": "rabbitmq", "mqtt": "mosquitto"}
SIZE = 1000
LOGIN = """, auth => '{"type": "basic", "username": "guest", "password": "guest"}'"""


class Broker:
    """A real broker of a kind, with the topic "bench"; test/lib/broker.pl starts it."""

    def __init__(self, kind):
        self.kind = kind
        self.process = subprocess.Popen([f"{TOP}/test/lib/broker.pl", SERVERS[kind]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port, self.pid = self.process.stdout.readline().split()
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{kind}://{self.host}/" + ("%2F" if kind == "amqp" else "bench")
        if kind == "kafka":
            self.topic("bench")

    def topic(self, name, partitions=3):
        self.admin("create", name, partitions)

    def admin(self, *arguments):
        return subprocess.run(["/usr/bin/python3", f"{TOP}/test/kafka/admin.py", self.host, *map(str, arguments)], check=True, capture_output=True, text=True).stdout

    def alone(self, events, window):
        """Arguments of broker.c: the library's own producer."""
        return {"kafka": ["kafka", self.host, "bench", events, SIZE], "nats": ["nats", f"nats://{self.host}", "bench", events, SIZE, window],
                "amqp": ["amqp", self.port, "bench", "a", events, SIZE, window], "mqtt": ["mqtt", self.port, "bench", events, SIZE, window]}[self.kind]

    def subscribe(self, name, start_from, window=0, more="", url=None):
        transport = [f'"window": {window}'] if window else []
        transport += ['"exchange": "bench", "routing_key": "a"'] if self.kind == "amqp" else []
        more += f", transport => '{{{', '.join(transport)}}}'" if transport else ""
        more += LOGIN if self.kind == "amqp" else ""
        sql(f"SELECT odoo_events.subscribe('{name}', '{url or self.url}', allow_networks => '{{127.0.0.0/8}}', start_from => '{start_from}'{more})")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compile_library(path):
    """broker.c, which has the libraries alone."""
    subprocess.run(f"gcc -O2 -I{TOP}/src -o {path} {TOP}/test/bench/broker.c $(pkg-config --cflags --libs rdkafka libnats librabbitmq libmosquitto)", shell=True, check=True)


def program_pid(kind):
    """The helper program that the worker has started; its name as the kernel keeps it."""
    children = subprocess.run(["pgrep", "-P", str(worker_pid()), f"odoo_events_{kind}"[:15]], capture_output=True, text=True).stdout.split()
    return int(children[0]) if children else None
