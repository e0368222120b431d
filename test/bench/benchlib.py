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
CONF = tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False).name


def instance(*args, check=True):
    return subprocess.run([f"{TOP}/test/lib/instance.sh", *args], env={**os.environ, "FSYNC": "on", "CONF": CONF}, check=check,
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


def report(name, value, unit):
    print(f"{name:<40} {value:>14} {unit}", flush=True)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]
