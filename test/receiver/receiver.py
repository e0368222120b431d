#!/usr/bin/env python3
"""A webhook receiver for tests and the demo: Python's standard library, nothing else.

It verifies Standard Webhooks signatures by itself, knows an event it has seen, checks the order of each key, and keeps a ledger: one JSON
object per line and request, written before the answer goes out. Started again with the same ledger, it remembers.  What it finds wrong stands in the ledger's "problems".

  receiver.py [--port 8765] [--port-file F] [--secrets F] [--ledger F] [--control F] [--cert F --key F] [--print] [--until-eof]

--secrets   lines "whsec_..." (for every path) or "/path whsec_..."; read again when the file changes. Without it nothing is verified.
--control   how to misbehave: a JSON list of rules, read again when it changes; the first that matches acts:
              {"path": regex, "type": regex, "key": regex, "id": text, "times": n, "probability": p, "seed": s,  (all optional)
               "status": 503, "headers": {"Retry-After": "2"}, "body": "...", "delay": seconds,
               "hold": true (no answer before the control file changes), "reset": true (connection reset),
               "hang": true (no answer while the client waits), "garbage": true (not HTTP), "flood": bytes (so long an answer),
               "raw": text (sent as it stands instead of an answer), "endless": text (sent again and again after it, for as long as the client
               reads), "drop": true (the connection ends without an answer), "fuzz": true (what the rule's random generator makes: nearly HTTP, wrong HTTP, or none at all),
               "drip": seconds (a byte of the answer, a pause, a byte ...),
               "reject": regex (the body of the answer lists the ids of the events whose subject matches under "rejected", with a reason)}
Paths that begin with /token are an OAuth2 token endpoint for the client "client" with the secret "s3cret of the client" ("expires_in" of a rule, else
3600; "token" is what it gives, else a new one each time); paths that begin with /oauth accept its latest two tokens only.  OPTIONS allows whatever origin asks.
{id} in the value of a header of an answer is the request's webhook-id; GET of a path with /jobs/ in it is answered by the rules, too.
Paths that misbehave by themselves: /status/503  /gone  /retry-after/2  /delay/1.5  /hang  /reset  /garbage  /flood/100000000  /drip/60
--cert, --key   PEM files: https, TLS 1.2 and newer; with --tls 1.1 no newer one; --client-ca asks for a client's certificate
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import json
import os
import random
import re
import select
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300                 # seconds a signature's timestamp may be off
REQUIRED = ("specversion", "id", "source", "type")


def verify(secret, headers, body):
    """Standard Webhooks 1.0: raises ValueError unless one of the signatures was made with the secret."""
    msg_id, stamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    if not msg_id or not stamp or not headers.get("webhook-signature"):
        raise ValueError("a webhook-* header is missing")
    if abs(time.time() - int(stamp)) > TOLERANCE:
        raise ValueError("webhook-timestamp is too far from now")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    want = base64.b64encode(hmac.new(key, f"{msg_id}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    for signature in headers["webhook-signature"].split():
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value, want):
            return
    raise ValueError("no signature matches")


class Watched:
    """A small file that is parsed again when it has changed."""

    def __init__(self, path, parse):
        self.path, self.parse, self.stamp, self.value = path, parse, None, None
        self.lock = threading.Lock()

    def get(self):
        with self.lock:
            try:
                st = os.stat(self.path)
                stamp = (st.st_mtime_ns, st.st_size, st.st_ino)
                if stamp != self.stamp:
                    with open(self.path, encoding="utf-8") as f:
                        self.value = self.parse(f.read())
                    self.stamp = stamp
            except (OSError, ValueError):
                pass            # not there yet, or half written: what was read last holds
            return self.value


def parse_secrets(text):
    secrets = []
    for line in text.splitlines():
        words = line.split()
        if words:
            secrets.append((words[0] if len(words) > 1 else None, words[-1]))
    return secrets


def parse_rules(text):
    rules = json.loads(text) if text.strip() else []
    for rule in rules:
        rule["left"] = rule.get("times")
        rule["random"] = random.Random(rule.get("seed"))
    return rules


class Receiver:
    """What all connections share: secrets, rules, the ledger, and what has been seen."""

    def __init__(self, options):
        self.secrets = Watched(options.secrets, parse_secrets) if options.secrets else None
        self.rules = Watched(options.control, parse_rules) if options.control else None
        self.show = options.print
        self.lock = threading.Lock()
        self.requests = self.events = self.duplicates = self.refused = self.problems = 0
        self.digest = {}        # (path, webhook-id) -> sha256 of the body
        self.acked = {}         # (path, event id) -> True once answered with 2xx
        self.last = {}          # (path, partitionkey) -> sequence of the last new event that was answered with 2xx
        self.tokens = 0         # given by the token endpoint
        self.valid = []         # the latest two
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        if options.ledger and os.path.exists(options.ledger):
            self.remember(options.ledger)
        self.ledger = open(options.ledger, "a", encoding="utf-8") if options.ledger else None

    def remember(self, ledger):
        """What was seen before this receiver was started again."""
        with open(ledger, encoding="utf-8") as f:
            for line in f:
                if not line.endswith("\n"):
                    break       # killed while writing it
                e = json.loads(line)
                self.requests = e["n"]
                self.digest.setdefault((e["path"], e["webhook_id"]), e["sha256"])
                if 200 <= e["status"] < 300:
                    for event in parse_events(e["headers"], e["body"].encode(), []):
                        self.accept(e["path"], event, [])

    def accept(self, path, event, problems):
        """Takes note of an event that is acknowledged; one that was overtaken by a later one of its key is a problem."""
        if (path, event.get("id")) in self.acked:
            return
        key, sequence = (path, event.get("partitionkey")), event.get("sequence", "")
        if event.get("partitionkey") and sequence <= self.last.get(key, ""):
            problems.append(f"out of order for {event['partitionkey']}: {sequence} after {self.last[key]}")
        self.last[key] = max(sequence, self.last.get(key, ""))
        self.acked[(path, event.get("id"))] = True

    def check_signature(self, path, headers, body):
        """None where there is nothing to verify with, else whether a secret of the path fits, and why not."""
        if self.secrets is None:
            return None, None
        reason = "no secret is known for this path"
        for where, secret in self.secrets.get() or []:
            if where not in (None, path):
                continue
            try:
                verify(secret, headers, body)
                return True, None
            except (ValueError, TypeError) as e:
                reason = str(e)
        return False, reason

    def action(self, path, msg_id, events):
        """How to answer: from the path itself, else from the first rule that matches, else 204."""
        word, _, value = path.strip("/").partition("/")
        if word == "status" and value.isdigit():
            return {"status": int(value)}
        if word == "retry-after" and value.isdigit():
            return {"status": 503, "headers": {"Retry-After": value}}
        if word == "delay":
            return {"delay": float(value)}
        if word == "gone":
            return {"status": 410}
        if word in ("hang", "reset", "garbage"):
            return {word: True}
        if word in ("flood", "drip"):
            return {word: float(value)}
        if self.rules is None:
            return {}
        rules = self.rules.get() or []
        with self.lock:
            for rule in rules:
                if rule["left"] == 0 or rule.get("id", msg_id) != msg_id or not re.search(rule.get("path", ""), path):
                    continue
                if not any(re.search(rule.get("type", ""), e.get("type", "")) and
                           re.search(rule.get("key", ""), e.get("partitionkey", "")) for e in events or [{}]):
                    continue
                if rule["random"].random() >= rule.get("probability", 1):
                    continue
                if rule["left"]:
                    rule["left"] -= 1
                return rule
        return {}

    def note(self, path, headers, body, events, signed, status, problems):
        """Judges order and sameness, and writes the ledger; returns for each event whether it is new here."""
        msg_id, digest = headers.get("webhook-id", ""), hashlib.sha256(body).hexdigest()
        accepted = 200 <= status < 300
        fresh = []
        with self.lock:
            if msg_id and self.digest.setdefault((path, msg_id), digest) != digest:
                problems.append("the same webhook-id came with other bytes")
            for e in events:
                fresh.append((path, e.get("id")) not in self.acked)
                if accepted:
                    self.accept(path, e, problems)
            self.requests += 1
            self.events += sum(fresh) if accepted else 0
            self.duplicates += len(fresh) - sum(fresh)
            self.refused += not accepted
            self.problems += bool(problems)
            if self.ledger:
                json.dump({"n": self.requests, "at": utc_now(), "path": path, "webhook_id": msg_id, "status": status, "signed": signed,
                           "duplicate": bool(fresh) and not any(fresh), "problems": problems, "ids": [e.get("id") for e in events],
                           "sha256": digest, "headers": headers, "body": body.decode("utf-8", "replace")}, self.ledger)
                self.ledger.write("\n")
                self.ledger.flush()
        return fresh

    def print_events(self, path, headers, events, fresh, status, problems):
        if not self.show:
            return
        now, lines = datetime.datetime.now(datetime.timezone.utc), []
        for e, new in zip(events, fresh):
            try:
                took = f"{(now - datetime.datetime.fromisoformat(e['time'].replace('Z', '+00:00'))).total_seconds() * 1000:7.0f} ms"
            except (KeyError, ValueError, AttributeError):
                took = " " * 10
            remark = "" if 200 <= status < 300 else f"  answered {status}"
            remark += "" if new else "  again"
            attempt = headers.get("webhook-attempt", "1")
            remark += f"  attempt {attempt}" if attempt != "1" else ""
            kind = e.get("type", "?").removeprefix("odoo.")
            lines.append(f"{self.paint('2', now.strftime('%H:%M:%S.%f')[:-3])}  {self.paint('1;32', f'{kind:<52}')} "
                         f"{e.get('subject') or '':<34} {self.paint('36', took)}{self.paint('33', remark)}")
        lines += [self.paint("1;31", f"  !! {path}: {p}") for p in problems]
        if lines:
            print("\n".join(lines), flush=True)

    def paint(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def summary(self):
        return (f"{self.events} events in {self.requests} requests, {self.duplicates} duplicates, {self.refused} refused, "
                f"{self.problems} requests with problems")


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def rejections(pattern, events):
    """The body of a receiver that says which events of a request it refuses."""
    return json.dumps({"ok": True, "rejected": [{"id": e["id"], "reason": "unknown article"} for e in events if re.search(pattern, e.get("subject", ""))]})


def parse_events(headers, body, problems):
    """The CloudEvents of a structured, a binary or a batch request, or what a plain Standard Webhooks body says of its event; what is
    wrong with them goes to problems."""
    kind = headers.get("content-type", "").split(";")[0].strip()
    try:
        parsed = json.loads(body)
    except ValueError:
        problems.append("the body is not JSON")
        return []
    if kind == "application/json" and "ce-id" in headers:
        parsed = {k[3:]: urllib.parse.unquote(v) for k, v in headers.items() if k.startswith("ce-")} | {"data": parsed}
    elif kind == "application/json" and isinstance(parsed, dict) and sorted(parsed) == ["data", "timestamp", "type"]:
        return [{"id": headers.get("webhook-id"), "type": parsed["type"], "time": parsed["timestamp"], "data": parsed["data"]}]
    elif kind not in ("application/cloudevents+json", "application/cloudevents-batch+json"):
        problems.append(f"unexpected content-type {kind!r}")
    events = parsed if kind == "application/cloudevents-batch+json" else [parsed]
    if not isinstance(events, list) or not all(isinstance(e, dict) for e in events):
        problems.append("the body is not a CloudEvent, nor a list of them")
        return []
    for e in events:
        missing = [a for a in REQUIRED if not e.get(a)]
        if missing or e.get("specversion") != "1.0":
            problems.append(f"not a CloudEvent 1.0: lacks {missing or 'specversion 1.0'}")
    if kind != "application/cloudevents-batch+json" and events[0].get("id") != headers.get("webhook-id"):
        problems.append("webhook-id is not the event's id")
    return events


def fuzzed(rng):
    """The bytes of an answer that nobody should send, and whether the connection ends with it."""
    pick, size = rng.choice, rng.randrange

    def noise(n):
        return rng.getrandbits(8 * n).to_bytes(n, "little") if n else b""

    if size(8) == 0:
        return noise(size(400)), True
    body = pick([b"", noise(size(2000)), b"x" * size(100000), b'{"access_token": "' + noise(20) + b'", "expires_in": -1}',
                 b'{"access_token": [[[[' * size(200), b'{"access_token":"t","token_type":"Bearer","expires_in":1e999}',
                 "\u00e4\ud83d".encode("utf-8", "surrogatepass") * 50, b"\0" * 40])
    status = pick([b"200", b"204", b"202", b"299", b"100", b"101", b"103", b"304", b"301", b"400", b"401", b"429", b"500", b"503", b"000", b"999", b"2000",
                   b"-1", b"20", b"", noise(3)])
    head = [pick([b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/2 ", b"HTTP/9.9 ", b"HTTP/1.1", b"ICY ", b"http/1.1 "]) + status +
            pick([b" OK", b"", b" " + noise(30), b" x" * 3000])]
    for _ in range(size(6)):
        head.append(pick([
            b"Retry-After: " + pick([b"1", b"-1", b"9" * 20, b"Fri, 31 Dec 9999 23:59:59 GMT", b"Thu, 01 Jan 1970 00:00:00 GMT", b"1.5e3", b"", noise(20)]),
            b"Content-Length: " + pick([str(len(body)).encode(), b"0", b"5", b"-5", b"99999999999", b"18446744073709551616", b"1, 2", noise(4)]),
            b"Transfer-Encoding: " + pick([b"chunked", b"gzip, chunked", b"identity", noise(6)]),
            b"Content-Encoding: " + pick([b"gzip", b"br", b"deflate", noise(6)]),
            b"Connection: " + pick([b"close", b"keep-alive", b"Upgrade"]), b"Upgrade: " + pick([b"h2c", b"websocket"]),
            b"WebHook-Allowed-Origin: " + pick([b"*", noise(10), b"x" * 5000]),
            b"WebHook-Allowed-Rate: " + pick([b"*", b"0", b"-1", b"99999999999999", noise(5)]),
            b"Location: " + pick([b"http://127.0.0.1:1/", b"file:///etc/passwd", noise(30)]), b"Set-Cookie: a=" + noise(30),
            b"X: " + b"y" * size(20000), noise(size(60)), b": no name", b"No-Colon", b" folded", b"X" * size(9000) + b": 1"]))
    data = pick([b"\r\n", b"\r\n", b"\n"]).join([*head, b"", b""])
    if size(4) == 0:
        data += pick([b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n", b"zz\r\n", b"f" * 16 + b"\r\n" + body, b"-1\r\n", b"0\r\nTrailer: " + noise(9) + b"\r\n\r\n"])
    else:
        data += body
    if size(3) == 0:
        broken = bytearray(data)
        for _ in range(1 + size(8)):
            broken[size(len(broken))] = size(256)
        data = bytes(broken)
    if size(5) == 0:
        data = data[:size(len(data) + 1)]
    if size(10) == 0:
        data *= 2
    return data, size(3) > 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1               # the answer leaves in one piece

    def do_GET(self):
        """What became of what was accepted, by the rules; else a summary."""
        receiver, headers = self.server.receiver, {k.lower(): v for k, v in self.headers.items()}
        if "/jobs/" not in self.path:
            return self.answer(200, {"Content-Type": "text/plain"}, receiver.summary() + "\n")
        action = receiver.action(self.path, "", [])
        stranger = self.path.startswith("/oauth") and headers.get("authorization") not in [f"Bearer {token}" for token in receiver.valid]
        silent = any(action.get(k) for k in ("reset", "hang", "garbage", "flood", "drip", "fuzz", "drop", "endless"))
        status = 0 if silent else 401 if stranger else action.get("status", 200)
        receiver.note(self.path, headers | {":method": "GET"}, b"", [], None, status, [])
        if silent:
            return self.misbehave(action)
        self.answer(status, action.get("headers", {}), action.get("body", ""))

    def do_OPTIONS(self):
        """CloudEvents validation handshake."""
        receiver, headers = self.server.receiver, {k.lower(): v for k, v in self.headers.items()}
        action = receiver.action(self.path, "", [])
        status = action.get("status", 200)
        receiver.note(self.path, headers | {":method": "OPTIONS"}, b"", [], None, status, [])
        if action.get("fuzz"):
            return self.misbehave(action)
        self.answer(status, action.get("headers", {"WebHook-Allowed-Origin": headers.get("webhook-request-origin", "")}), "")

    def token_endpoint(self, headers, body):
        """OAuth2 client credentials."""
        receiver = self.server.receiver
        action = receiver.action(self.path, "", [])
        if action.get("hang") or action.get("fuzz"):
            receiver.note(self.path, headers, body, [], None, 0, [])
            return self.misbehave(action)
        credentials = urllib.parse.quote("client", safe="") + ":" + urllib.parse.quote("s3cret of the client", safe="")
        known = headers.get("authorization") == "Basic " + base64.b64encode(credentials.encode()).decode()
        form = dict(urllib.parse.parse_qsl(body.decode()))
        status = action.get("status", 200 if known and form.get("grant_type") == "client_credentials" else 401)
        answer = {"error": "invalid_client"}
        with receiver.lock:
            if status == 200:
                receiver.tokens += 1
                receiver.valid = [*receiver.valid[-1:], action.get("token", f"token-{receiver.tokens}")]
                answer = {"access_token": receiver.valid[-1], "token_type": "Bearer", "expires_in": action.get("expires_in", 3600)}
        receiver.note(self.path, headers, body, [], None, status, [])
        self.answer(status, {"Content-Type": "application/json"}, json.dumps(answer))

    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers, path, problems = {k.lower(): v for k, v in self.headers.items()}, self.path, []
        if path.startswith("/token"):
            return self.token_endpoint(headers, body)
        events = parse_events(headers, body, problems)
        signed, reason = receiver.check_signature(path, headers, body)
        if signed is False:
            problems.append(f"signature: {reason}")
        action = receiver.action(path, headers.get("webhook-id", ""), events)
        if action.get("delay"):
            self.wait(action["delay"])
        while action.get("hold") and action in (receiver.rules.get() or []):
            self.wait(0.02)
        silent = any(action.get(k) for k in ("reset", "hang", "garbage", "flood", "drip", "fuzz", "drop", "endless"))
        stranger = path.startswith("/oauth") and headers.get("authorization") not in [f"Bearer {token}" for token in receiver.valid]
        status = 0 if silent else action.get("status", 401 if signed is False or stranger else 204)
        fresh = receiver.note(path, headers, body, events, signed, status, problems)
        receiver.print_events(path, headers, events, fresh, status, problems)
        if silent:
            self.misbehave(action)
        elif "raw" in action:
            self.connection.sendall(action["raw"].encode("latin-1"))
        else:
            self.answer(status, {name: str(value).replace("{id}", headers.get("webhook-id", "")) for name, value in action.get("headers", {}).items()}, rejections(action["reject"], events) if "reject" in action else action.get("body", ""))

    def answer(self, status, headers, text):
        data = text.encode()
        try:
            self.send_response_only(status, HTTPStatus(status).phrase if status in set(HTTPStatus) else "")
            for name, value in headers.items():
                self.send_header(name, value)
            if status >= 200 and status not in (204, 304):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if status not in (204, 304):
                self.wfile.write(data)
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def wait(self, seconds):
        """Until the time is over or the client has gone."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], left)
            if readable:
                try:
                    if not self.connection.recv(1, socket.MSG_PEEK):
                        return
                except OSError:
                    return
                threading.Event().wait(left)            # the next request is there already

    def misbehave(self, action):
        self.close_connection = True
        if action.get("hang"):
            self.wait(3600)
        elif action.get("drop"):
            pass                # which closes the connection
        elif action.get("endless"):
            self.send_endlessly(action.get("raw", ""), action["endless"])
        elif action.get("garbage"):
            self.connection.sendall(b"\x00\x17 this is not HTTP\r\n\r\n")
        elif action.get("fuzz"):
            with self.server.receiver.lock:
                data, self.close_connection = fuzzed(action["random"])
            try:
                self.connection.sendall(data)
            except OSError:
                self.close_connection = True
        elif action.get("flood"):
            self.send_slowly(action.get("status", 200), int(action["flood"]), b"x" * 65536, 0)
        elif action.get("drip"):
            self.send_slowly(action.get("status", 200), 1000000, b"x", action["drip"])
        else:                   # reset: close with the linger time zero
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def send_endlessly(self, begin, piece):
        piece = piece.encode("latin-1") * (65536 // len(piece))
        try:
            self.connection.sendall(begin.encode("latin-1"))
            while True:
                self.connection.sendall(piece)
        except OSError:
            pass                # the client has had enough

    def send_slowly(self, status, length, piece, pause):
        """An answer that is longer, or takes longer, than anybody should wait for."""
        try:
            self.connection.sendall(f"HTTP/1.1 {status} Slow\r\nContent-Length: {length}\r\n\r\n".encode())
            while length > 0:
                self.connection.sendall(piece)
                length -= len(piece)
                if pause:
                    self.wait(pause)
        except OSError:
            pass                # the client has gone, as it should

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765, help="0: any that is free")
    parser.add_argument("--port-file", help="where the port is written once the receiver listens")
    parser.add_argument("--secrets")
    parser.add_argument("--ledger")
    parser.add_argument("--control")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--client-ca")
    parser.add_argument("--tls", choices=("1.1", "1.2"), default="1.2")
    parser.add_argument("--print", action="store_true", help="show events as they arrive")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    options = parser.parse_args()

    server = Server((options.host, options.port), Handler)
    server.receiver = Receiver(options)
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if options.tls == "1.1":
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.load_cert_chain(options.cert, options.key)
        if options.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options.client_ca)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    port = server.server_address[1]
    if options.port_file:
        with open(options.port_file + ".tmp", "w", encoding="ascii") as f:
            f.write(f"{port}\n")
        os.rename(options.port_file + ".tmp", options.port_file)
    if options.print and not options.port_file:
        print(f"listening on http://{options.host}:{port}/ (Control-C ends)", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    if options.until_eof:
        def watch():
            while os.read(0, 4096):
                pass
            done.set()
        threading.Thread(target=watch, daemon=True).start()
    done.wait()
    if options.print:
        print(server.receiver.summary(), flush=True)


if __name__ == "__main__":
    main()
