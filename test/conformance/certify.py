#!/usr/bin/env python3
"""Is this endpoint ready for odoo_events?  Plays the sender, judges the answers; Python's standard library, no database.

  certify.py URL --secret whsec_... [--format structured|binary|batch] [--timeout 15] [--cacert FILE] [--header "Name: value"]

Prints a line per demand and "N passed, N failed"; the exit status is 0 when nothing failed.  What is sent are events of type
test.conformance.thing.changed.v1, fresh ids each time.  docs/receivers.md says what an endpoint must do.
"""
import argparse
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import ssl
import sys
import threading
import time
import urllib.parse
import uuid

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("url")
p.add_argument("--secret", required=True)
p.add_argument("--format", choices=("structured", "binary", "batch"), default="structured")
p.add_argument("--timeout", type=float, default=15)
p.add_argument("--cacert")
p.add_argument("--header", action="append", default=[])
a = p.parse_args()
url = urllib.parse.urlsplit(a.url)
KEY = base64.b64decode(a.secret.removeprefix("whsec_"))
RUN = uuid.uuid4().hex[:12]
sequence = int(time.time() * 1000)
accepted = set()
passed = failed = 0


def event(key="a", number=None, **more):
    global sequence
    sequence += 1
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    e = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/odoo/conformance", "type": "test.conformance.thing.changed.v1",
         "subject": f"conformance/{RUN}/{key}", "time": now, "recordedtime": now, "datacontenttype": "application/json",
         "dataschema": "urn:odoo_events:schema/test.conformance.thing.changed.v1/1.0.json", "partitionkey": f"conformance:{RUN}:{key}",
         "sequence": f"{number or sequence:020d}", "data": {"thing": {"id": 1, "name": key}}}
    e.update(more)
    return e


def encode(events):
    """Content type, attributes in headers, body, message id; of a list in format batch, else of one event."""
    if a.format == "batch":
        digest = hashlib.sha256("".join(e["id"] for e in events).encode()).hexdigest()
        return {"Content-Type": "application/cloudevents-batch+json"}, json.dumps(events, ensure_ascii=False).encode(), str(uuid.UUID(digest[:32]))
    e = events[0]
    if a.format == "binary":
        headers = {"ce-" + k: urllib.parse.quote(str(v), safe="".join(chr(c) for c in range(0x21, 0x7f) if chr(c) not in '%"'))
                   for k, v in e.items() if k not in ("data", "datacontenttype")}
        return {"Content-Type": "application/json", **headers}, json.dumps(e["data"], ensure_ascii=False).encode(), e["id"]
    return {"Content-Type": "application/cloudevents+json"}, json.dumps(e, ensure_ascii=False).encode(), e["id"]


def sign(key, message_id, stamp, body):
    return "v1," + base64.b64encode(hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()


def post(events, signatures=None, stamp=None, body_sent=None):
    """Sends; answers (status, seconds, what went wrong).  signatures makes the header from (id, stamp, body)."""
    headers, body, message_id = encode(events)
    stamp = int(time.time() if stamp is None else stamp)
    signature = sign(KEY, message_id, stamp, body) if signatures is None else signatures(message_id, stamp, body)
    headers |= {"User-Agent": "odoo_events-certify/1", "webhook-id": message_id, "webhook-timestamp": str(stamp), "webhook-attempt": "1",
                "traceparent": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"}
    if signature:
        headers["webhook-signature"] = signature
    for extra in a.header:
        name, _, value = extra.partition(":")
        headers[name.strip()] = value.strip()
    start = time.monotonic()
    try:
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=a.timeout, context=ssl.create_default_context(cafile=a.cacert))
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=a.timeout)
        connection.request("POST", (url.path or "/") + ("?" + url.query if url.query else ""), body if body_sent is None else body_sent, headers)
        response = connection.getresponse()
        response.read(65536)
        connection.close()
        status, error = response.status, None
    except (OSError, http.client.HTTPException) as e:
        status, error = 0, f"{type(e).__name__}: {e}"
    took = time.monotonic() - start
    if took > a.timeout and not error:
        status, error = 0, "too slow"
    if 200 <= status < 300:
        accepted.update(e["id"] for e in events)
    return status, took, error


def demand(what, ok, answer):
    global passed, failed
    status, took, error = answer
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok    ' if ok else 'FAILED'}  {what}: {error or f'answered {status}'} ({took * 1000:.0f} ms)", flush=True)


def accepts(what, events, **how):
    answer = post(events, **how)
    demand(what, 200 <= answer[0] < 300, answer)
    return answer


def refuses(what, events, **how):
    answer = post(events, **how)
    demand(what, 400 <= answer[0] < 500 and answer[0] != 410, answer)


def both(wrong_first):
    other = b"another secret, 32 bytes long ..."

    def header(*args):
        pair = [sign(other, *args), sign(KEY, *args)]
        return " ".join(pair if wrong_first else reversed(pair))
    return header


one = event()
if accepts("a signed event", [one])[2]:
    sys.exit("the endpoint does not answer: nothing else is tried\n0 passed, 1 failed")
accepts("the same event again", [one])
accepts("two signatures, the second is right", [event()], signatures=both(True))
accepts("two signatures, the first is right", [event()], signatures=both(False))
accepts("signatures of a version it does not know beside the right one", [event()],
        signatures=lambda *args: "v1a,AAAA v9,zzzz " + sign(KEY, *args))

late = event("refused")
refuses("a wrong signature", [late], signatures=lambda *args: sign(b"another secret, 32 bytes long ...", *args))
refuses("no signature", [event("refused")], signatures=lambda *args: None)
refuses("another body under a good signature", [event("refused")], body_sent=encode([event("forged")])[1].replace(b"conformance", b"c0nformance"))
refuses("a timestamp of an hour ago, well signed", [event("refused")], stamp=time.time() - 3600)
refuses("a timestamp in an hour, well signed", [event("refused")], stamp=time.time() + 3600)
accepts("an event that was refused before, now well signed", [late])

first, second = event("order"), event("order")
accepts("the second event of a key", [second])
accepts("the first of that key after it, as a late replay is", [first])
accepts("attributes and members it does not know, other alphabets, large numbers",
        [event("Größe 尺寸", someextension="x", data={"thing": {"id": 9007199254740993, "quantity": "1234567890.123456789", "name": "Größe \"尺寸\" \\ 😀", "new_member": [None, True, {}]}})])
accepts("a body of 1 MB", [event("large", data={"thing": {"id": 1}, "lines": [{"n": i, "text": "x" * 80} for i in range(10000)]})])

answers = []
many = [event(f"parallel {i}") for i in range(10)]
threads = [threading.Thread(target=lambda e=e: answers.append(post([e]))) for e in many]
for t in threads:
    t.start()
for t in threads:
    t.join()
worst = max(answers, key=lambda r: (not 200 <= r[0] < 300, r[1]))
demand("ten connections at once", all(200 <= r[0] < 300 for r in answers), worst)
if a.format == "batch":
    batch = [event(f"batch {i % 3}") for i in range(50)]
    accepts("a batch of fifty", batch)
    accepts("the same batch again", batch)
    accepts("a batch of which it knows a part", batch[40:] + [event("batch 0")])
print(f"distinct events acknowledged: {len(accepted)}")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
