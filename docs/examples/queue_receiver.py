#!/usr/bin/env python3
"""A receiver that answers at once and works later, with a queue in SQLite: PORT=8080 SECRET=whsec_... QUEUE=queue.db python3 queue_receiver.py

The request ends when the event is in the queue, on disk: that is what the 2xx promises.  The id is the queue's key, so a
duplicate is taken once.  One thread takes events out in the order in which they came, which is the order of each document; an
event that fails stays at the head of its document, and other documents go on.

With another queue the same rules hold: the id deduplicates, the partitionkey orders.  Amazon SQS: a FIFO queue with
MessageGroupId = partitionkey and MessageDeduplicationId = id.  Kafka: the partitionkey is the key.  RabbitMQ: publisher confirms
before the 2xx, and a single active consumer.  Celery does not keep order: only for work that does not need it.
"""
import base64
import hashlib
import hmac
import json
import os
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
come = threading.Event()


def connect():
    db = sqlite3.connect(os.environ["QUEUE"], timeout=30, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE IF NOT EXISTS queue (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, key TEXT, event TEXT)")
    return db


def signed(headers, body):
    message = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
    want = b"v1," + base64.b64encode(hmac.digest(KEY, message, hashlib.sha256))
    given = headers.get("webhook-signature", "").encode("latin-1").split()
    return any(hmac.compare_digest(want, one) for one in given) and abs(time.time() - int(headers["webhook-timestamp"])) <= 300


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status = 401
        if signed(self.headers, body):
            event = json.loads(body)
            db = connect()
            db.execute("INSERT INTO queue (id, key, event) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (event["id"], event["partitionkey"], body.decode()))
            db.close()
            come.set()
            status = 204
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


def work(event):
    print(event["type"], event["subject"], flush=True)      # yours; it raises where it fails


def worker():
    db = connect()
    while True:
        come.clear()
        failed = set()
        for n, key, event in db.execute("SELECT n, key, event FROM queue WHERE event IS NOT NULL ORDER BY n").fetchall():
            if key in failed:
                continue
            try:
                work(json.loads(event))
                db.execute("UPDATE queue SET event = NULL WHERE n = ?", (n,))       # its id stays, so that a replay is known
            except Exception as error:
                print(f"{key}: {error}", flush=True)
                failed.add(key)
        come.wait(5 if failed else None)


threading.Thread(target=worker, daemon=True).start()
Server(("", int(os.environ["PORT"])), Hook).serve_forever()
