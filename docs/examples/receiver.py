#!/usr/bin/env python3
"""A complete receiver of odoo_events in Python 3.9 or newer, standard library only: PORT=8080 SECRET=whsec_... STATE=seen.txt python3 receiver.py

For formats structured (the default) and batch.
"""
import base64
import hashlib
import hmac
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["SECRET"][len("whsec_"):])


class Inbox:
    """Remembers what was done, on disk: with a database, write this and your work in one transaction instead."""

    def __init__(self, path):
        self.lock, self.seen, self.last = threading.Lock(), set(), {}
        self.file = open(path, "a+", encoding="utf-8")
        self.file.seek(0)
        for line in self.file:
            self.note(*line.rstrip("\n").split("\t"))

    def note(self, event_id, sequence, key):
        self.seen.add(event_id)
        self.last[key] = max(sequence, self.last.get(key, ""))

    def take(self, event):
        with self.lock:                                     # one after another: two threads must not overtake each other
            if event["id"] in self.seen:
                return                                      # a duplicate, or a replay
            key, sequence = event["partitionkey"], event["sequence"]
            if sequence > self.last.get(key, ""):
                work(event)
            # else it is older than what this document already shows: a dead letter that was replayed late
            self.file.write(f"{event['id']}\t{sequence}\t{key}\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self.note(event["id"], sequence, key)


def work(event):
    print(event["type"], event["subject"], event["sequence"], flush=True)      # yours; it raises where it fails: the event comes again


def signed(headers, body):
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    want = "v1," + base64.b64encode(hmac.new(KEY, message, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) <= 300
    # several while a secret is being rotated
    return fresh and any(hmac.compare_digest(want, given) for given in headers["webhook-signature"].split())


class Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        try:
            length = int(self.headers["content-length"])
            if length > 64 * 1024 * 1024:
                self.close_connection = True
                return self.answer(413)
            body = self.rfile.read(length)
            if not signed(self.headers, body):
                return self.answer(401)
            parsed = json.loads(body)
        except (KeyError, TypeError, ValueError, AttributeError):
            return self.answer(400)
        try:
            for event in parsed if isinstance(parsed, list) else [parsed]:
                inbox.take(event)
        except Exception as error:                          # whatever your work raises: not acknowledged
            self.log_error("%s", error)
            return self.answer(500)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128                                # connections that wait to be accepted; 5 is too few for max_in_flight


inbox = Inbox(os.environ.get("STATE", "seen.txt"))
Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), Hook).serve_forever()
