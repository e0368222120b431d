#!/usr/bin/python3
"""A helper program that misbehaves when told to (test/t/180_programs.pl).

It speaks the frames of src/deliver/transport/program/frame.h, has no broker, and keeps a ledger: one JSON object per line, for each
frame that came.  Its directory is the one that it stands in (odoo_events.program_directory):

  ledger         what came
  rule           read before each answer: {"do": ..., "match": text of a body or topic, "times": n, "text": ...}; do is
                 acknowledge (default), refuse, retry, crash (SIGSEGV), hang (no answer), stop (SIGSTOP to itself),
                 garbage (a frame that makes no sense), memory (allocates until it may not)
"""
import json
import os
import signal
import socket
import struct
import sys

here = os.path.dirname(os.path.abspath(sys.argv[0]))
kind = os.path.basename(sys.argv[0]).rsplit("_", 1)[1]
ledger = open(os.path.join(here, "ledger"), "a", buffering=1)
s = socket.socket(fileno=3)
used = {}


def note(**what):
    ledger.write(json.dumps(what) + "\n")


def frame(letter, payload):
    s.sendall(struct.pack(">IB", len(payload) + 1, ord(letter)) + payload)


def string(text):
    return struct.pack(">I", len(text.encode())) + text.encode()


def read(n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            note(kind=kind, pid=os.getpid(), frame="end")
            sys.exit(0)
        data += piece
    return data


class Payload:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, size):
        self.at += size
        return int.from_bytes(self.data[self.at - size:self.at], "big")

    def text(self):
        n = self.number(4)
        if n == 0xFFFFFFFF:
            return None
        self.at += n
        return self.data[self.at - n:self.at].decode()


def rule(message):
    try:
        with open(os.path.join(here, "rule")) as f:
            r = json.load(f)
    except (OSError, ValueError):
        return {}
    text = (message["body"] or "") + message["topic"]
    if r.get("match", "") not in text:
        return {}
    n = used[json.dumps(r)] = used.get(json.dumps(r), 0) + 1
    return r if n <= r.get("times", 1 << 30) else {}


def answer(message):
    r = rule(message)
    do = r.get("do", "acknowledge")
    item = struct.pack(">Q", message["item"])
    if do == "acknowledge":
        frame("K", item)
    elif do == "refuse":
        frame("F", item + string(r["text"]))
    elif do == "retry":
        frame("T", item + b"\0" + string(r["text"]))
    elif do == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif do == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif do == "garbage":
        frame("?", b"\xff" * 20)
    elif do == "memory":
        hoard = []
        while True:
            hoard.append(bytearray(64 << 20))


def message(p):
    m = {"connection": p.number(4), "item": p.number(8), "timestamp": p.number(8), "flags": p.number(4), "topic": p.text(), "key": p.text(),
         "body": p.text()}
    m["headers"] = [[p.text(), p.text()] for _ in range(p.number(4))]
    m["expiry"] = p.number(4)
    return m


status = dict(line.split(":", 1) for line in open("/proc/self/status"))
note(kind=kind, pid=os.getpid(), frame="start", environment=sorted(os.environ), directory=os.getcwd(), score=open("/proc/self/oom_score_adj").read().strip(),
     descriptors=sorted(os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)),
     limits={line[:25].strip(): line[26:].split()[0] for line in open("/proc/self/limits")}, privileges=status["NoNewPrivs"].strip())
frame("R", string(json.dumps({"program": "test", "version": "1", "protocol": 1})))
while True:
    length, letter = struct.unpack(">IB", read(5))
    payload = Payload(read(length - 1))
    letter = chr(letter)
    if letter == "C":
        note(kind=kind, pid=os.getpid(), frame="C", connection=payload.number(4), configuration=json.loads(payload.text()))
    elif letter == "M":
        m = message(payload)
        note(kind=kind, pid=os.getpid(), frame="M", **{**m, "body": m["body"] and m["body"][:4000]})
        answer(m)
    else:
        note(kind=kind, pid=os.getpid(), frame=letter)
