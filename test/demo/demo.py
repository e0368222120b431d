#!/usr/bin/env python3
"""The story of "make demo", told on the server that PGHOST and PGPORT name.

For each recorded day: a fresh copy of the recorded base, CREATE EXTENSION, attach, subscribe, ping; then the day's transactions, step by step, as
Odoo sent them, while the receiver prints what arrives. At the end what arrived is compared with the outbox, byte by byte.
"""
import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 120                  # seconds that anything awaited may take
DAYS = [
    ("sales", "odoo19-sales", "A day of sales: quotation, delivery, backorder, return, pick-pack-ship, cancel", "shipment.dispatched"),
    ("manufacturing", "odoo19-manufacturing", "A day of manufacturing: orders, work orders, lots, by-products, scrap, backorder, unlink",
     "manufacturing_order.completed"),
]
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def say(text="", code=None):
    print(paint(code, text) if code else text, flush=True)


def headline(text):
    say()
    say(f"== {text} ".ljust(min(110, shutil.get_terminal_size((110, 24)).columns), "="), "1")


def sql(db, statement, *options):
    """Runs one statement as superuser and answers what psql prints; psql's error is ours."""
    done = subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", *options, "-d", db, "-c", statement], capture_output=True, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"{statement}\n{done.stderr}")
    return done.stdout.rstrip("\n")


def show(db, statement, *options):
    """Prints a statement as a DBA would type it, and its answer."""
    say("  " + paint("33", f"{db}=# ") + textwrap.indent(statement, "       ").lstrip() + ";")
    answer = sql(db, statement, *options)
    if answer:
        say(textwrap.indent(answer, "  "))


def values(db, statement):
    """The rows of a query, as lists of texts."""
    return [line.split("\t") for line in sql(db, statement, "-At", "-F", "\t").splitlines()]


def await_that(condition, what):
    end = time.monotonic() + PATIENCE
    pause = 0.02
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"gave up waiting until {what}")
        time.sleep(pause)
        pause = min(0.5, pause * 1.5)


class Receiver:
    """test/receiver/receiver.py on a free port; prints the events itself, and keeps the ledger that is judged at the end."""

    def __init__(self, work):
        self.secrets, self.ledger_file, port = (os.path.join(work, n) for n in ("secrets", "ledger", "port"))
        open(self.secrets, "w").close()
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(TOP, "test/receiver/receiver.py"), "--port", "0", "--port-file", port, "--secrets", self.secrets,
             "--ledger", self.ledger_file, "--print", "--until-eof"], stdin=subprocess.PIPE)
        await_that(lambda: os.path.exists(port) or self.process.poll() is not None, "the receiver listens")
        with open(port) as f:
            self.port = int(f.read())

    def knows(self, path, secret):
        with open(self.secrets, "a") as f:
            f.write(f"{path} {secret}\n")

    def ledger(self, path):
        if not os.path.exists(self.ledger_file):
            return []
        with open(self.ledger_file) as f:
            entries = [json.loads(line) for line in f if line.endswith("\n")]
        return [e for e in entries if e["path"] == path]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class OdooSession:
    """One psql as Odoo's role, which replays a trace step by step."""

    def __init__(self, db):
        self.psql = subprocess.Popen(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-U", "odoo", "-d", db], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, encoding="utf-8")

    def run(self, statements):
        self.psql.stdin.write(statements + "\n\\echo step-is-done\n")
        self.psql.stdin.flush()
        for line in self.psql.stdout:
            if line == "step-is-done\n":
                return
        raise SystemExit("the replay failed")

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def steps(trace):
    """(flow, step, statements) of a recorded trace."""
    with gzip.open(os.path.join(TOP, f"test/odoo/{trace}.trace.sql.gz"), "rt", encoding="utf-8") as f:
        text = f.read()
    for piece in text.split("-- ##### ")[1:]:
        title, _, statements = piece.partition("\n")
        flow, _, step = title.rpartition(" / ")
        yield flow[2:] if flow[1:2] == " " else flow, step, statements


def load(db):
    """A database of role odoo with the recorded base."""
    sql("postgres", f"CREATE DATABASE \"{db}\" OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'")
    with gzip.open(os.path.join(TOP, "test/odoo/odoo19-base.sql.gz"), "rb") as f:
        done = subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-U", "odoo", "-d", db], input=f.read(), capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr.decode())


def prepare(db, receiver):
    show(db, "CREATE EXTENSION odoo_events")
    show(db, "SELECT entity, relation, mode FROM odoo_events.attach()")
    url = f"http://127.0.0.1:{receiver.port}/{db}"
    call = f"odoo_events.subscribe('{db}', '{url}', allow_networks => '{{127.0.0.0/8}}', " \
           "types => '{*,odoo.process.*}', clearance => '{public,internal,confidential,personal}')"
    say("  " + paint("33", f"{db}=# ") + f"SELECT {call};")
    secret = sql(db, f"SELECT {call}", "-At")
    say(f"  {secret[:12]}...   (the signing secret, shown once; the receiver now has it)")
    receiver.knows(f"/{db}", secret)
    # a day of the demo takes seconds, so its promises are short
    show(db, "SELECT odoo_events.define_sla('order-to-shipment', '{odoo.sales.sales_order.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', "
         "within => '2 s', owner => 'Dock')", "-At")
    show(db, "SELECT odoo_events.define_sla('production', '{odoo.manufacturing.manufacturing_order.confirmed.v1}', "
         "'{odoo.manufacturing.manufacturing_order.completed.v1}', document => 'key', within => '2 s', owner => 'Shop floor')", "-At")
    show(db, f"SELECT odoo_events.ping('{db}')", "-At")
    await_that(lambda: any(e["status"] == 204 for e in receiver.ledger(f"/{db}")), "the ping arrives")


def replay(db, trace, pace):
    session, last = OdooSession(db), None
    for flow, step, statements in steps(trace):
        if flow != last:
            say()
            say(flow, "1;34")
            last = flow
        say(f"  > {step}", "34")
        session.run(statements)
        time.sleep(pace)
    session.close()


def judge(db, receiver):
    """Everything published must have arrived: same bytes, good signature, order kept. Answers what is wrong."""
    path = f"/{db}"
    # Publishes what the worker has not come to yet, so that the outbox is complete from here on.
    sql(db, "SELECT odoo_events.publish()")
    outbox = values(db, "SELECT id, encode(sha256(convert_to(event::text, 'UTF8')), 'hex') FROM odoo_events.outbox ORDER BY position")
    want = {i for i, _ in outbox}
    await_that(lambda: want <= {i for e in receiver.ledger(path) if e["status"] == 204 for i in e["ids"]}, "every event has arrived")
    entries = receiver.ledger(path)
    digests = {e["webhook_id"]: e["sha256"] for e in entries}
    wrong = [p for e in entries for p in e["problems"]]
    wrong += [f"{i} arrived with other bytes than were published" for i, digest in outbox if digests[i] != digest]
    wrong += [f"{e['webhook_id']} was not verified" for e in entries if e["signed"] is not True]
    if len(outbox) < 20:
        wrong.append(f"only {len(outbox)} events were published")
    return len(outbox), wrong


def example(db, receiver, kind):
    """One event as it arrived, at least its beginning."""
    for e in receiver.ledger(f"/{db}"):
        body = json.loads(e["body"])
        if kind in body.get("type", ""):
            say()
            say("One of them, as it arrived:", "1")
            for name in ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature"):
                say(f"  {name}: {e['headers'].get(name)}", "2")
            lines = json.dumps(body, indent=2, ensure_ascii=False).splitlines()
            say(textwrap.indent("\n".join(lines[:44] + ["  ..."] * (len(lines) > 44)), "  "))
            return


def write_pages(db, directory):
    """The pages of a day, which outlive the demo."""
    os.makedirs(directory, exist_ok=True)
    name = values(db, "SELECT split_part(subject, '/', 2) FROM odoo_events.outbox WHERE entity IN ('sales_order', 'manufacturing_order') ORDER BY position LIMIT 1")[0][0]
    for role in ("operations", "integration", "warehouse", "business", "document"):
        with open(os.path.join(directory, f"{db}-{role}.html"), "w", encoding="utf-8") as f:
            f.write(sql(db, f"SELECT odoo_events.page('{role}'" + (f", what => '{name}')" if role == "document" else ")"), "-At") + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, help="directory for the receiver's files")
    parser.add_argument("--pages", required=True, help="directory for the HTML pages of the days")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds between steps")
    options = parser.parse_args()
    receiver = Receiver(options.work)
    sql("postgres", "CREATE ROLE odoo LOGIN")
    total, wrong = 0, []
    try:
        for db, trace, title, kind in DAYS:
            headline(title)
            load(db)
            prepare(db, receiver)
            replay(db, trace, options.pace)
            n, bad = judge(db, receiver)
            total, wrong = total + n, wrong + bad
            if options.pace:
                example(db, receiver, kind)
            say()
            await_that(lambda: values(db, "SELECT 1 FROM odoo_events.subscription_status WHERE lag_events = 0 AND in_flight = 0"),
                       "the subscription has caught up")
            show(db, "SELECT * FROM odoo_events.subscription_status", "-x")
            write_pages(db, options.pages)
        headline("The end")
        if wrong:
            for problem in wrong[:20]:
                say(f"!! {problem}", "1;31")
        else:
            say(f"All {total} events arrived: valid signature, the very bytes of the outbox, in order.", "1;32")
        say(f"Pages of these days, to be opened in a browser: {options.pages}/*.html")
        if sys.stdin.isatty() and sys.stdout.isatty():
            say(f"\nLook around until you press Enter:  psql -h {os.environ['PGHOST']} -p {os.environ['PGPORT']} -U postgres "
                "-d manufacturing\n")
            sys.stdin.readline()
    finally:
        receiver.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
