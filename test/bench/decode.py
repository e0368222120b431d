#!/usr/bin/env python3
"""Decoding throughput of output plugins over one volume of WAL: updates of a real Odoo 19 stock_move with REPLICA IDENTITY FULL, a fifth of
which change the state, in transactions of 1, 100 and 10000 changes, read by pg_recvlogical.

  decode.py [--changes 200000] [--sizes 1,100,10000] [--rounds 3]

null         sends nothing: the floor
tables       odoo_events, source=tables
foreign      odoo_events, source=tables, entities=maintenance_request: all of it is of no interest
pgoutput     with a publication of the rows whose state is done
wal2json     version 2, restricted to the table (where it is installed)

Rounds are interleaved; the ratios are time, and the walsender's processor time, over that of null in the same round.  Reads PG_CONFIG and BUILD as test/lib/instance.sh does.
"""
import argparse
import glob
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
ROWS = 20000
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--changes", type=int, default=200000)
p.add_argument("--sizes", default="1,100,10000")
p.add_argument("--rounds", type=int, default=3)
a = p.parse_args()

CONF = tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False).name
with open(CONF, "w", encoding="ascii") as f:
    f.write("shared_buffers = 1GB\nmax_wal_size = 8GB\ncheckpoint_timeout = 1h\nautovacuum = off\nsynchronous_commit = off\nodoo_events.databases = 'none-such'\n")
os.chmod(CONF, 0o644)


def instance(*args, check=True):
    return subprocess.run([f"{TOP}/test/lib/instance.sh", *args], env={**os.environ, "CONF": CONF}, check=check,
                          capture_output=True, text=True).stdout


instance("install")
instance("remove", "decode", check=False)
instance("start", "decode")
for name, value in re.findall(r"(PG\w+|PATH)=(\S+)", instance("env", "decode")):
    os.environ[name] = value.replace("$PATH", os.environ["PATH"])


def sql(text, db="bench"):
    r = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", db, "-c", text], capture_output=True, text=True)
    if r.returncode:
        sys.exit(r.stderr)
    return r.stdout.strip()


PLUGINS = {
    "null": ("null_plugin", []),
    "tables": ("odoo_events", ["source=tables"]),
    "foreign": ("odoo_events", ["source=tables", "entities=maintenance_request"]),
    "pgoutput": ("pgoutput", ["proto_version=1", "publication_names=done"]),
    "wal2json": ("wal2json", ["format-version=2", "add-tables=public.stock_move"]),
}
libdir = subprocess.run([os.environ["PG_CONFIG"], "--pkglibdir"], capture_output=True, text=True, check=True).stdout.strip()
with tempfile.TemporaryDirectory() as d:
    subprocess.run(f"cp {HERE}/null_plugin/* {d} && make -s -C {d} PG_CONFIG={os.environ['PG_CONFIG']} with_llvm=no install",
                   shell=True, check=True, stdout=subprocess.DEVNULL)
if not os.path.exists(f"{libdir}/wal2json.so"):
    del PLUGINS["wal2json"]
if sql("SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'", "postgres") == "1":
    sql("ALTER SYSTEM SET output_plugin_libraries = pgoutput, wal2json, null_plugin, odoo_events", "postgres")
    sql("SELECT pg_reload_conf()", "postgres")

DATA = sql("SHOW data_directory", "postgres")
sql("CREATE DATABASE bench", "postgres")
subprocess.run(f"gzip -dc {TOP}/test/odoo/odoo19-base.sql.gz | psql -qX -U postgres -d bench", shell=True, check=True,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
sql(f"""CREATE EXTENSION odoo_events;
    INSERT INTO stock_move (id, product_id, product_uom, product_uom_qty, quantity, state, location_id, location_dest_id, company_id, procure_method, date,
      reference, origin, description_picking_manual, write_uid)
    SELECT 100000 + i, 11, 1, 4, 4, 'assigned', 5, 2, 1, 'make_to_stock', '2026-12-01', 'WH/OUT/' || i, 'S' || i, repeat('text ', 20), 2 FROM generate_series(1, {ROWS}) i;
    ALTER TABLE stock_move REPLICA IDENTITY FULL;
    CREATE PUBLICATION done FOR TABLE stock_move WHERE (state = 'done');
    CREATE TABLE work (n int);
    CREATE PROCEDURE work(size int, changes int) LANGUAGE plpgsql AS $$
    DECLARE
      w int := least(size, {ROWS}); lo int; done int := 0;
    BEGIN
      WHILE done < changes LOOP
        lo := 100000 + done % ({ROWS} - {ROWS} % w);
        IF w = 1 AND done % 5 <> 0 THEN
          UPDATE stock_move SET write_date = clock_timestamp() WHERE id = lo + 1;
        ELSE
          UPDATE stock_move SET state = CASE state WHEN 'done' THEN 'assigned' ELSE 'done' END, write_date = clock_timestamp()
           WHERE id > lo AND id <= lo + greatest(w / 5, 1);
          UPDATE stock_move SET write_date = clock_timestamp() WHERE id > lo + greatest(w / 5, 1) AND id <= lo + w;
        END IF;
        COMMIT;
        done := done + w;
      END LOOP;
    END $$""")


def reaped():
    """Processor time of the server's processes that have ended."""
    with open(os.path.join(DATA, "postmaster.pid"), encoding="ascii") as f:
        pid = int(f.readline())
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def settled():
    """Waits until the server has no session: those that have ended are reaped then."""
    with open(os.path.join(DATA, "postmaster.pid"), encoding="ascii") as f:
        postmaster = f.readline().strip()
    while True:
        titles = []
        for stat in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(stat, encoding="utf-8", errors="replace") as f:
                    parent = f.read().rsplit(")", 1)[1].split()[1]
                if parent == postmaster:
                    with open(stat[:-len("stat")] + "cmdline", encoding="utf-8", errors="replace") as f:
                        titles.append(f.read())
            except (FileNotFoundError, ProcessLookupError):
                pass            # it has gone meanwhile
        # a zombie has no title, who has just been forked that of the server
        if all(t.startswith("postgres: ") and "[local]" not in t for t in titles):
            return
        time.sleep(0.01)


def run(name, volume, upto):
    plugin, options = PLUGINS[name]
    sql(f"SELECT pg_copy_logical_replication_slot('{volume}', 'run', false, '{plugin}')")
    command = ["pg_recvlogical", "-d", "bench", "-U", "postgres", "--slot", "run", "--start", "--endpos", upto, "-f", "/dev/null", "--no-loop"]
    for option in options:
        command += ["-o", option]
    settled()                   # the backends of psql, and later the walsender
    processor = reaped()
    began = time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.PIPE)
    took = time.monotonic() - began
    settled()
    processor = reaped() - processor
    sql("SELECT pg_drop_replication_slot('run')")
    return took, processor


for size in [int(s) for s in a.sizes.split(",")]:
    sql("SELECT pg_create_logical_replication_slot('volume', 'null_plugin')")
    sql(f"CALL work({size}, {a.changes})")
    upto = sql("SELECT pg_current_wal_insert_lsn()")
    sql("SELECT txid_current(); CHECKPOINT")
    run("null", "volume", upto)                 # brings the WAL into the page cache
    times = {name: [] for name in PLUGINS}
    for i in range(a.rounds):
        for name in list(PLUGINS) if i % 2 == 0 else list(PLUGINS)[::-1]:
            times[name].append(run(name, "volume", upto))
    for name in PLUGINS:
        speed = [a.changes / statistics.median(t[i] for t in times[name]) for i in (0, 1)]
        ratio = [statistics.median(t[i] / n[i] for t, n in zip(times[name], times["null"])) for i in (0, 1)]
        print(f"{size:6} changes a transaction  {name:9} {speed[0]:9.0f} changes/s   {ratio[0]:5.2f} of null   "
              f"{speed[1]:9.0f}/s of processor time   {ratio[1]:5.2f} of null", flush=True)
    sql("SELECT pg_drop_replication_slot('volume')")
instance("remove", "decode")
