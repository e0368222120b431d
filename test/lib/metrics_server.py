#!/usr/bin/env python3
"""Serves what metrics_text() answers on http://127.0.0.1:PORT/metrics, as an exporter would.

  metrics_server.py PORT-FILE CONNSTR
"""
import http.server
import os
import subprocess
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        done = subprocess.run(["psql", "-XAtq", "-d", sys.argv[2], "-c", "SELECT odoo_events.metrics_text()"], capture_output=True)
        self.send_response(200 if done.returncode == 0 else 500)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(done.stdout or done.stderr)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(f"{server.server_address[1]}\n")
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
