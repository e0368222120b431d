"""What the benchmarks share: a private server, statements, waiting, an nginx that answers at once, reports.

Reads PG_CONFIG and BUILD as test/lib/instance.sh does.
"""
import os
import re
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORT = 18480
TYPE = "test.bench.thing.done.v1"
DONE = "SELECT bool_and(lag_events = 0 AND position >= odoo_events._last_position()) FROM odoo_events.subscription_status WHERE name LIKE '{}%'"
CONF = tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False).name


def instance(*args, check=True):
    return subprocess.run([f"{TOP}/test/lib/instance.sh", *args], env={"FAULTS": "", **os.environ, "FSYNC": "on", "CONF": CONF}, check=check,
                          capture_output=True, text=True).stdout


def start(settings=""):
    """Builds, installs and starts a fresh server; psql finds it afterwards."""
    with open(CONF, "w", encoding="ascii") as f:
        f.write("shared_buffers = 1GB\nmax_wal_size = 8GB\nodoo_events.restart_delay = '200ms'\nmax_connections = 50\n" + settings)
    os.chmod(CONF, 0o644)
    instance("install")
    instance("remove", "bench", check=False)
    instance("start", "bench")
    for name, value in re.findall(r"(PG\w+|PATH)=(\S+)", instance("env", "bench")):
        os.environ[name] = value.replace("$PATH", os.environ["PATH"])


def stop():
    instance("remove", "bench", check=False)
    os.unlink(CONF)


def sql(text, db="bench", role="postgres"):
    r = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", role, "-d", db, "-c", text], capture_output=True, text=True)
    if r.returncode:
        sys.exit(r.stderr)
    return r.stdout.strip()


def wait(query, db="bench", timeout=600):
    end = time.monotonic() + timeout
    while sql(query, db) != "t":
        if time.monotonic() > end:
            sys.exit(f"timed out: {query}")
        time.sleep(0.02)


def nginx(addresses=1):
    """Answers 204 at once, at 127.0.0.1 and so many addresses after it."""
    d = tempfile.mkdtemp()
    os.chmod(d, 0o777)
    listen = " ".join(f"listen 127.0.0.{i + 1}:{PORT} backlog=1024;" for i in range(addresses))
    conf = f"""worker_processes 1; pid {d}/pid; error_log {d}/err;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_buffer_size 2m; client_max_body_size 64m;
  client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
  server {{ {listen} location / {{ return 204; }} }} }}
"""
    with open(f"{d}/conf", "w", encoding="ascii") as file:
        file.write(conf)
    return subprocess.Popen(["/usr/sbin/nginx", "-c", f"{d}/conf", "-e", f"{d}/err", "-g", "daemon off;"])


def worker(on):
    sql(f"ALTER SYSTEM SET odoo_events.databases = '{'' if on else 'none-such'}'", "postgres")
    sql("SELECT pg_reload_conf()", "postgres")
    if on:
        sql("SELECT odoo_events._wake('register')")
        wait("SELECT pid IS NOT NULL FROM odoo_events.worker_status")
    else:
        sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'", "postgres")


def subscribe(name, more, path="", start_from="'now'", port=PORT, scheme="http"):
    sql(f"SELECT odoo_events.subscribe('{name}', '{scheme}://127.0.0.1:{port}/{path}', allow_networks => '{{127.0.0.0/8}}', start_from => {start_from}, {more})")


def fresh_database(name="bench"):
    """An armed database with the extension, and its worker."""
    sql(f"CREATE DATABASE {name}", "postgres")
    sql("CREATE EXTENSION odoo_events; SELECT odoo_events.arm()", name)
    wait("SELECT state = 'idle' FROM odoo_events.worker_status")


def last_position():
    return int(sql("SELECT odoo_events._last_position()"))


def fill(events, pad=450):
    """So many events of 600 bytes (pad and 150 more) of 5000 keys behind the last one, put into the outbox as the publisher would, which does not run
    meanwhile; answers the first position."""
    sql(f"SELECT odoo_events.emit('{TYPE}', 'thing/0', '{{}}')")    # now there is a place to go on from
    wait("SELECT odoo_events._last_position() > 0")
    worker(False)
    last = last_position()
    member = sql("SELECT right(tableoid::regclass::text, 1) FROM (" + " UNION ALL ".join(
        f"SELECT tableoid, position FROM odoo_events.outbox_{i}" for i in range(8)) + ") o ORDER BY position DESC LIMIT 1") or "0"
    for first in range(1, events + 1, 500000):
        sql(f"""INSERT INTO odoo_events.outbox_{member} (position, id, type, subject, partitionkey, time, recordedtime, entity, record_id, odootx, event)
                SELECT {last} + i, gen_random_uuid(), '{TYPE}', 'thing/' || i, 'thing:' || i % 5000, now(), now(), 'thing', i, pg_current_xact_id(),
                       format('{{"specversion":"1.0","type":"{TYPE}","subject":"thing/%s","partitionkey":"thing:%s","data":{{"n":%s,"shard":%s,"pad":"%s"}}}}',
                              i, i % 5000, i, i % 100, repeat('x', {pad}))
                  FROM generate_series({first}, {min(first + 499999, events)}) i""")
    sql(f"INSERT INTO odoo_events.publish_cursor_0 SELECT n + 1, system_identifier, s1, s2, done_id, slice_id, last_position + {events}, now()"
        " FROM odoo_events.publish_cursor ORDER BY n DESC LIMIT 1")
    worker(True)
    return last + 1


def live(seconds, rate, names, each, keys=1000):
    """Events at a rate, a transaction each, until they are delivered to those of the subscriptions called like "names" that want them,
    which are "each"; answers seconds from commit to 2xx of each of these deliveries."""
    first = last_position() + 1
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"\\set n random(0, 1000000)\nSELECT odoo_events.emit('{TYPE}', 'thing/' || :n, jsonb_build_object('n', :n, 'shard', :n % 100,"
                     f" 'pad', repeat('x', 450)), 'live:' || :n % {keys});\n")
        script.flush()
        out = subprocess.run(["pgbench", "-n", "-f", script.name, "-T", str(seconds), "-c", "2", "-R", str(rate), "bench"], check=True, capture_output=True, text=True)
    emitted = int(re.search(r"actually processed: (\d+)", out.stdout).group(1))
    of = f"odoo_events.attempt a WHERE a.subscription LIKE '{names}%' AND a.first_position >= {first} AND a.status < 300"
    wait(f"SELECT count(*) >= {emitted * each} FROM {of}")
    return [float(x) for x in sql(f"SELECT extract(epoch FROM a.at + a.duration - o.time) FROM odoo_events.outbox_all o, {of} AND o.position = a.first_position").split()]


def worker_pid():
    return int(sql("SELECT pid FROM odoo_events.worker_status"))


def cpu(pid):
    """Seconds of processor time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """MB of a process that are no file's and not the server's shared memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"RssAnon:\s+(\d+)", file.read()).group(1)) / 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def report(name, value, unit):
    print(f"{name:<40} {value:>14} {unit}", flush=True)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]
