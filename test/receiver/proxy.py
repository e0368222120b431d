#!/usr/bin/env python3
"""A forward proxy for tests: absolute URIs and CONNECT tunnels, one line per request in the ledger.

  proxy.py --port-file F --ledger F
"""
import argparse
import http.client
import os
import select
import socket
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def note(self):
        with open(self.server.ledger, "a", encoding="utf-8") as f:
            f.write(f"{self.command} {self.path}\n")

    def do_CONNECT(self):
        self.note()
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as there:
            self.send_response_only(200, "Connection established")
            for header in self.server.headers:
                self.send_header(*header.split(": ", 1))
            self.end_headers()
            self.wfile.flush()
            self.close_connection = True
            other = {self.connection: there, there: self.connection}
            while True:
                for s in select.select(list(other), [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    other[s].sendall(data)

    def do_POST(self):
        self.note()
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        there = http.client.HTTPConnection(url.hostname, url.port or 80)
        there.request("POST", url.path, body, {k: v for k, v in self.headers.items() if not k.lower().startswith("proxy-")})
        answer = there.getresponse()
        data = answer.read()
        self.send_response_only(answer.status, answer.reason)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        there.close()

    def log_message(self, *args):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--header", action="append", default=[], help="Name: value, in the answer to CONNECT")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    server.ledger, server.headers = options.ledger, options.header
    with open(options.port_file + ".tmp", "w", encoding="ascii") as f:
        f.write(f"{server.server_address[1]}\n")
    os.rename(options.port_file + ".tmp", options.port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
