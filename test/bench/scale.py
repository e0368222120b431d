#!/usr/bin/env python3
"""Many subscriptions, and a long backlog behind one of them, on a private server with fsync on and an nginx that answers at once.

  scale.py [--subscriptions 1000] [--rate 50] [--seconds 30] [--backlog 300000] [--parts many,backlog]

many     commit to 2xx at --rate events/s, each for ten of the subscriptions: p50, p99, the worker's share of a core, and how long
         subscription_status takes
backlog  the same while one more subscription drains --backlog events in batches of 100: events/s of each tenth of it, the
         worker's private memory, and p99 of the others beside the undisturbed one

No figures of it are published yet.  Needs nginx; reads PG_CONFIG and BUILD as test/lib/instance.sh does.  Figures depend on the machine: compare ratios.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--subscriptions", type=int, default=1000)
p.add_argument("--rate", type=int, default=50)
p.add_argument("--seconds", type=int, default=30)
p.add_argument("--backlog", type=int, default=300000)
p.add_argument("--parts", default="many,backlog")
a = p.parse_args()
PORT = 18481

CONF = tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False).name
with open(CONF, "w", encoding="ascii") as f:
    f.write("shared_buffers = 512MB\nmax_wal_size = 8GB\nodoo_events.restart_delay = '200ms'\n")
os.chmod(CONF, 0o644)


def instance(*args, check=True):
    return subprocess.run([f"{TOP}/test/lib/instance.sh", *args], env={**os.environ, "FSYNC": "on", "CONF": CONF}, check=check,
                          capture_output=True, text=True).stdout


def sql(text, db="scale"):
    r = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", db, "-c", text], capture_output=True, text=True)
    if r.returncode:
        sys.exit(r.stderr)
    return r.stdout.strip()


def wait(query, timeout=600):
    end = time.monotonic() + timeout
    while sql(query) != "t":
        if time.monotonic() > end:
            sys.exit(f"timed out: {query}")
        time.sleep(0.05)


def nginx():
    d = tempfile.mkdtemp()
    os.chmod(d, 0o777)
    with open(f"{d}/conf", "w", encoding="ascii") as file:
        file.write(f"""worker_processes 1; pid {d}/pid; error_log {d}/err;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_buffer_size 2m; client_max_body_size 64m;
  client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
  server {{ listen 127.0.0.1:{PORT} backlog=1024; location / {{ return 204; }} }} }}
""")
    return subprocess.Popen(["/usr/sbin/nginx", "-c", f"{d}/conf", "-e", f"{d}/err", "-g", "daemon off;"])


def report(name, value, unit=""):
    print(f"{name:<50} {value:>14} {unit}", flush=True)


def worker():
    return sql("SELECT pid FROM odoo_events.worker_status")


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(x) for x in re.findall(r"Private_(?:Clean|Dirty):\s+(\d+)", file.read())) / 1024


def emit(seconds):
    """Events at the rate, one transaction each, by pgbench; answers (p50, p99) of commit to 2xx in ms."""
    script = tempfile.NamedTemporaryFile("w", suffix=".sql", delete=False)
    script.write("\\set n random(0, 1000000)\nSELECT odoo_events._emit('odoo.platform.test.scaled.v1', 'test/' || :n,"
                 " jsonb_build_object('n', :n, 'shard', :n % 100, 'pad', repeat('x', 500)), 'test:' || :n % 1000);\n")
    script.close()
    before = sql("SELECT clock_timestamp()")
    subprocess.run(["pgbench", "-n", "-U", "postgres", "-f", script.name, "-T", str(seconds), "-c", "2", "-R", str(a.rate), "scale"],
                   check=True, capture_output=True)
    time.sleep(1)
    times = sql(f"""SELECT percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM a.at + a.duration - o.time) * 1000)::numeric(9,1)[]
                      FROM odoo_events.attempt a JOIN odoo_events.outbox_all o ON o.id = a.event_id
                     WHERE a.at > '{before}' AND a.subscription LIKE 's%'""")
    return [float(x) for x in times.strip("{}").split(",")]


def many():
    sql("SELECT count(odoo_events.subscribe('s' || i, 'http://127.0.0.1:%d/s' || i, allow_networks => '{127.0.0.0/8}',"
        " filter => ('$.data.shard == ' || i %% 100)::jsonpath)) FROM generate_series(1, %d) i" % (PORT, a.subscriptions))
    wait("SELECT count(*) FILTER (WHERE position IS NOT NULL) = count(*) FROM odoo_events.subscription_status")
    emit(5)
    pid = worker()
    used, start = cpu(pid), time.monotonic()
    p50, p99 = emit(a.seconds)
    report(f"{a.subscriptions} subscriptions, {a.rate} events/s to ten each: p50", p50, "ms")
    report("  p99", p99, "ms")
    report("  the worker's share of a core", f"{(cpu(pid) - used) / (time.monotonic() - start) * 100:.0f}", "%")
    report("  its private memory", f"{memory(pid):.0f}", "MB")
    start = time.monotonic()
    sql("SELECT count(*) FROM odoo_events.subscription_status")
    report("  subscription_status of all takes", f"{time.monotonic() - start:.2f}", "s")
    return p99


def backlog(alone):
    """The events are put into the outbox as the publisher would; nobody publishes meanwhile."""
    last = int(sql("SELECT odoo_events._last_position()"))
    sql("ALTER SYSTEM SET odoo_events.databases = 'none-such'", "postgres")
    sql("SELECT pg_reload_conf()", "postgres")
    sql("SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status")
    member = sql("SELECT right(tableoid::regclass::text, 1) FROM (" + " UNION ALL ".join(
        f"SELECT tableoid, position FROM odoo_events.outbox_{i}" for i in range(8)) + ") o ORDER BY position DESC LIMIT 1") or "0"
    sql(f"""INSERT INTO odoo_events.outbox_{member} (position, id, type, subject, partitionkey, time, recordedtime, entity, record_id, odootx, event)
            SELECT {last} + i, gen_random_uuid(), 'odoo.backlog.test.v1', 'test/' || i, 'test:' || i % 5000, now(), now(), 'test', i, pg_current_xact_id(),
                   format('{{"specversion":"1.0","type":"odoo.backlog.test.v1","subject":"test/%s","partitionkey":"test:%s","data":{{"n":%s,"pad":"%s"}}}}',
                          i, i % 5000, i, repeat('x', 400))
              FROM generate_series(1, {a.backlog}) i;
            INSERT INTO odoo_events.publish_cursor_0 SELECT n + 1, system_identifier, s1, s2, done_id, slice_id, last_position + {a.backlog}, now()
              FROM odoo_events.publish_cursor ORDER BY n DESC LIMIT 1;
            SELECT odoo_events.subscribe('drain', 'http://127.0.0.1:{PORT}/drain', allow_networks => '{{127.0.0.0/8}}', format => 'batch', batch_size => 100,
                                         types => '{{odoo.backlog.*}}', start_from => '{last + 1}')""")
    sql("ALTER SYSTEM RESET odoo_events.databases", "postgres")
    sql("SELECT pg_reload_conf()", "postgres")
    sql("SELECT odoo_events._wake('register')")
    wait("SELECT pid IS NOT NULL FROM odoo_events.worker_status")
    pid, marks, peak, figures = worker(), [], 0, []
    beside = threading.Thread(target=lambda: figures.extend(emit(8)))
    beside.start()
    begin = time.monotonic()
    while True:
        done = int(sql("SELECT COALESCE(delivered_total, 0) FROM odoo_events.subscription_status WHERE name = 'drain'"))
        peak = max(peak, memory(pid))
        while len(marks) < 10 and done >= (len(marks) + 1) * a.backlog // 10:
            marks.append(time.monotonic())
        if done >= a.backlog:
            break
        time.sleep(0.1)
    beside.join()
    rates = [a.backlog / 10 / max(y - x, 0.001) for x, y in zip([begin] + marks, marks)]
    report(f"{a.backlog} events behind one more, drained at", f"{a.backlog / (marks[-1] - begin):.0f}", "events/s")
    report("  second and last tenth", f"{rates[1]:.0f}, {rates[-1]:.0f}", "events/s")
    report("  the worker's private memory at most", f"{peak:.0f}", "MB")
    report("  the others meanwhile: p99", f"{figures[1]}" + (f" ({figures[1] / alone:.2f})" if alone else ""), "ms (of alone)")


instance("install")
instance("remove", "scale", check=False)
instance("start", "scale")
for name, value in re.findall(r"(PG\w+|PATH)=(\S+)", instance("env", "scale")):
    os.environ[name] = value.replace("$PATH", os.environ["PATH"])
sink = nginx()
try:
    sql("CREATE ROLE odoo LOGIN", "postgres")
    sql("CREATE DATABASE scale OWNER odoo", "postgres")
    sql("CREATE EXTENSION odoo_events; SELECT odoo_events.arm()")
    wait("SELECT pid IS NOT NULL FROM odoo_events.worker_status")
    undisturbed = many() if "many" in a.parts else 0
    if "backlog" in a.parts:
        backlog(undisturbed)
finally:
    sink.terminate()
    instance("remove", "scale", check=False)
    os.unlink(CONF)
