#!/usr/bin/env python3
"""What one subscription's troubles cost the others, and how fast single events go out.

  delivery.py [--parts misbehave,subscriptions,latency] [--seconds 12] [--rate 50] [--events 20000] [--ways TEXT] [--prototype POSTBENCH]

misbehave      ten healthy subscriptions at --rate events/s, beside one endpoint that misbehaves in each way there is (or those whose name contains
               --ways): their p99 from commit to 2xx, as a ratio to the mean of the runs before and after it, in which nobody misbehaves
subscriptions  single-event deliveries/s of a full outbox to 1 and to 50 subscriptions, with the worker's processor time for each
latency        deliveries/s to receivers that take 5, 50 and 500 ms, at 64 and 256 in flight: of what the latency allows, and of a bare libcurl
               poster in the same minutes, where one is given (URL REQUESTS CONCURRENCY h1 BYTES epoll; first word of its output: requests/s)

Needs nginx, openssl and a C compiler.  Figures depend on the machine: compare ratios.
"""
import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from benchlib import DONE, TOP, cpu, fill, fresh_database, last_position, live, nginx, quantile, report, sql, start, stop, subscribe, wait, worker, worker_pid

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--parts", default="misbehave,subscriptions,latency")
p.add_argument("--seconds", type=int, default=12)
p.add_argument("--rate", type=int, default=50)
p.add_argument("--events", type=int, default=20000)
p.add_argument("--ways", default="")
p.add_argument("--prototype")
a = p.parse_args()
BAD, MUTE, NOBODY, SLOW = 18481, 18482, 18483, 18484
DIR = tempfile.mkdtemp()


def listening(port):
    while True:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=DIR)


def certificate(name, alt, *validity):
    """Files of a certificate that the CA of the bench has signed."""
    with open(f"{DIR}/{name}.ext", "w", encoding="ascii") as f:
        f.write(f"subjectAltName = {alt}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", *validity, "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    return "--cert", f"{DIR}/{name}.pem", "--key", f"{DIR}/{name}.key"


def receivers():
    """The endpoints that misbehave; answers processes, and what is bad about which URL."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=CA of the bench", "-days", "2",
            "-keyout", "ca.key", "-out", "ca.pem")
    tls = {"another host's certificate": certificate("other", "DNS:other.example", "-days", "2"), "an expired certificate": certificate("expired", "IP:127.0.0.1", "-days", "-1"),
           "TLS 1.1": (*certificate("old", "IP:127.0.0.1", "-days", "2"), "--tls", "1.1")}
    plain = f"http://127.0.0.1:{BAD}"
    ways = {"hangs": f"{plain}/hang", "answers after 2 s": f"{plain}/delay/2", "answers 100 MB": f"{plain}/flood/100000000", "a byte a minute": f"{plain}/drip/60",
            "resets": f"{plain}/reset", "no HTTP": f"{plain}/garbage", "410": f"{plain}/gone", "503, Retry-After": f"{plain}/retry-after/2",
            "500": f"{plain}/status/500", "refuses connections": f"http://127.0.0.1:{NOBODY}/", "no TLS where it should be": f"https://127.0.0.1:{BAD}/",
            "TLS handshake that hangs": f"https://127.0.0.1:{MUTE}/", "accepts and says nothing": f"http://127.0.0.1:{MUTE}/",
            "a name that does not resolve": "https://nowhere.invalid/"}
    started = [subprocess.Popen([sys.executable, f"{TOP}/test/receiver/receiver.py", "--port", str(BAD)])]
    for i, (what, args) in enumerate(tls.items()):
        port = 18490 + i
        started.append(subprocess.Popen([sys.executable, f"{TOP}/test/receiver/receiver.py", "--port", str(port), *args]))
        ways[what] = f"https://127.0.0.1:{port}/"
        listening(port)
    listening(BAD)
    return started, {way: url for way, url in ways.items() if a.ways in way}


def misbehave():
    bad, ways = receivers()
    mute = socket.create_server(("127.0.0.1", MUTE), backlog=1024)
    with open(f"{DIR}/ca.pem", encoding="ascii") as f:
        ca = f.read()
    for i in range(10):
        subscribe(f"healthy{i}", "timeout => '5s'", f"h{i}")
    healthy = lambda: quantile(live(a.seconds, a.rate, "healthy", 10, 200), 0.99) * 1000
    healthy()                           # connections, caches
    quiet, worst = healthy(), []
    for way, url in ways.items():
        tls = f", tls => jsonb_build_object('ca', $ca${ca}$ca$)" if url.startswith("https") else ""
        sql(f"""SELECT odoo_events.subscribe('bad', '{url}', allow_networks => '{{127.0.0.0/8}}', timeout => '5s', max_in_flight => 64,
                retry_schedule => array_fill('1s'::interval, ARRAY[100]){tls})""")
        loud = healthy()
        seen = sql("SELECT count(*) || ' requests to it: ' || COALESCE(max(COALESCE(error, 'status ' || status)), 'no answer yet') FROM odoo_events.attempt WHERE subscription = 'bad'")
        sql("SELECT odoo_events.unsubscribe('bad')")
        after = healthy()
        worst.append(loud / ((quiet + after) / 2))
        report(f"p99 beside one that: {way}", f"{worst[-1]:.2f}", f"of undisturbed ({quiet:.1f}, {loud:.1f}, {after:.1f} ms; {seen[:90]})")
        quiet = after
    report("  the worst, the median of all", f"{max(worst):.2f}", f"{statistics.median(worst):.2f}")
    sql("SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription")
    mute.close()
    for process in bad:
        process.terminate()


def drained(names, more, first, port=None):
    """Seconds from the first request to the last answer of subscriptions that get all events from position first on, and the worker's processor
    time meanwhile."""
    worker(False)
    for name in names:
        subscribe(name, more, name, start_from=f"'{first}'", **({"port": port} if port else {}))
    worker(True)
    wait(DONE.format("run"))
    used = cpu(worker_pid())
    took = float(sql(f"SELECT extract(epoch FROM max(at + duration) - min(at)) FROM odoo_events.attempt WHERE subscription LIKE 'run%' AND first_position >= {first}"))
    sql("SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription")
    return took, used


def subscriptions():
    first = fill(a.events)
    took, used = drained(["run"], "max_in_flight => 64, ordering => 'none'", first)
    report("single events, 1 subscription", f"{a.events / took:.0f}", f"deliveries/s, {used / a.events * 1e6:.1f} us each")
    took, used = drained([f"run{i}" for i in range(50)], "max_in_flight => 16", last_position() - a.events // 50 + 1)
    report("single events, 50 subscriptions", f"{a.events / took:.0f}", f"deliveries/s, all together, {used / a.events * 1e6:.1f} us each")


def latency():
    subprocess.run(["cc", "-O2", "-o", f"{DIR}/slow_server", f"{TOP}/test/bench/slow_server.c"], check=True)
    for ms in (5, 50, 500):
        server = subprocess.Popen([f"{DIR}/slow_server", str(SLOW), str(ms)])
        listening(SLOW)
        for flight in (64, 256):
            n = max(1000, min(2 * a.events, int(flight * 1000 / ms * 4)))
            took, used = drained(["run"], f"max_in_flight => {flight}, ordering => 'none'", fill(n), port=SLOW)
            text = f"{n / took / (flight * 1000 / ms):.2f} of what the latency allows, {used / n * 1e6:.1f} us each"
            if a.prototype:
                out = subprocess.run([a.prototype, f"http://127.0.0.1:{SLOW}/", str(n), str(flight), "h1", "650", "epoll"], check=True, capture_output=True, text=True)
                text += f", {n / took / float(out.stdout.split()[0]):.2f} of bare libcurl ({out.stdout.split()[0]})"
            report(f"receiver of {ms} ms, {flight} in flight", f"{n / took:.0f}", f"deliveries/s; {text}")
        server.terminate()
        server.wait()


start("odoo_events.max_in_flight = 1024\n")
sink = nginx()
try:
    fresh_database()
    for part in a.parts.split(","):
        {"misbehave": misbehave, "subscriptions": subscriptions, "latency": latency}[part]()
finally:
    sink.terminate()
    stop()
