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
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--events", type=int, default=40000)
p.add_argument("--seconds", type=int, default=20)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--parts", default="publish,single,batch,held,latency,both,memory")
a = p.parse_args()
parts = a.parts.split(",")
PORT = 18480


def instance(*args, check=True):
    return subprocess.run([f"{TOP}/test/lib/instance.sh", *args], env={**os.environ, "FSYNC": "on", "CONF": CONF}, check=check,
                          capture_output=True, text=True).stdout


CONF = tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False).name
with open(CONF, "w", encoding="ascii") as f:
    f.write("shared_buffers = 1GB\nmax_wal_size = 8GB\nodoo_events.restart_delay = '200ms'\nmax_connections = 50\n")
os.chmod(CONF, 0o644)
instance("install")
instance("remove", "bench", check=False)
instance("start", "bench")
for name, value in re.findall(r"(PG\w+|PATH)=(\S+)", instance("env", "bench")):
    os.environ[name] = value.replace("$PATH", os.environ["PATH"])


def sql(text, db="bench", role="postgres"):
    r = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", role, "-d", db, "-c", text], capture_output=True, text=True)
    if r.returncode:
        sys.exit(r.stderr)
    return r.stdout.strip()


def wait(query, timeout=600):
    end = time.monotonic() + timeout
    while sql(query) != "t":
        if time.monotonic() > end:
            sys.exit(f"timed out: {query}")
        time.sleep(0.02)


def nginx():
    d = tempfile.mkdtemp()
    os.chmod(d, 0o777)
    conf = f"""worker_processes 1; pid {d}/pid; error_log {d}/err;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_buffer_size 2m; client_max_body_size 64m;
  client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
  server {{ listen 127.0.0.1:{PORT} backlog=1024; location / {{ return 204; }} }} }}
"""
    with open(f"{d}/conf", "w", encoding="ascii") as file:
        file.write(conf)
    return subprocess.Popen(["/usr/sbin/nginx", "-c", f"{d}/conf", "-e", f"{d}/err", "-g", "daemon off;"])


def load(events):
    """Fills the journal: done stock moves, 1000 per transaction."""
    columns = sql("""SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM pg_attribute
                     WHERE attrelid = 'stock_move'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'""")
    for _ in range(events // 1000):
        sql(f"""INSERT INTO stock_move (id, {columns}) SELECT nextval('stock_move_id_seq'), {columns}
                FROM (SELECT * FROM stock_move WHERE state = 'done' ORDER BY id LIMIT 1) m, generate_series(1, 1000)""", role="odoo")


def worker(on):
    sql(f"ALTER SYSTEM SET odoo_events.databases = '{'' if on else 'none-such'}'", "postgres")
    sql("SELECT pg_reload_conf()", "postgres")
    if on:
        sql("SELECT odoo_events._wake('register')")
        wait("SELECT pid IS NOT NULL FROM odoo_events.worker_status")
    else:
        sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'", "postgres")


def subscribe(name, more, path="", start="'earliest'"):
    sql(f"SELECT odoo_events.subscribe('{name}', 'http://127.0.0.1:{PORT}/{path}', allow_networks => '{{127.0.0.0/8}}', start_from => {start}, {more})")


def deliver(more):
    """Seconds until a new subscription has all of the outbox."""
    subscribe("run", more)
    start = time.monotonic()
    wait("SELECT lag_events = 0 AND position >= odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = 'run'")
    took = time.monotonic() - start
    sql("SELECT odoo_events.unsubscribe('run')")
    return took


def report(name, value, unit):
    print(f"{name:<40} {value:>14} {unit}", flush=True)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


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
    start = time.monotonic()
    n = int(sql("SELECT odoo_events.publish()"))
    took = time.monotonic() - start
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
        subscribe("live", "max_in_flight => 64", start="'now'")
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
            before, start = int(sql("SELECT odoo_events._last_position()")), time.monotonic()
            subprocess.run(bench, check=True, capture_output=True)
            wait("SELECT lag_events = 0 AND position >= odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = 'live'")
            took = time.monotonic() - start
            report("both together, commit to 2xx", f"{(int(sql('SELECT odoo_events._last_position()')) - before) / took:.0f}", "events/s")
        sql("SELECT odoo_events.unsubscribe('live')")
    if "memory" in parts:
        def private():
            with open(f"/proc/{sql('SELECT pid FROM odoo_events.worker_status')}/smaps_rollup", encoding="ascii") as file:
                return sum(int(x) for x in re.findall(r"Private_(?:Clean|Dirty):\s+(\d+)", file.read())) / 1024
        idle = private()
        sink.terminate()
        sink.wait()
        subscribe("waits", "max_in_flight => 64")
        wait("SELECT failed_total > 0 FROM odoo_events.subscription_status WHERE name = 'waits'")
        report(f"worker's memory with {sql('SELECT lag_events FROM odoo_events.subscription_status')} undelivered", f"{private() - idle:.1f}", "MB above idle")
finally:
    sink.terminate()
    instance("remove", "bench", check=False)
    os.unlink(CONF)
