#!/usr/bin/env python3
"""An HTTP/1.1 server that answers 204 to every request after a fixed delay, for many connections at once: slow_server.py PORT MILLISECONDS

Requests must have a Content-Length or no body, as ours and the prototype's have.
"""
import asyncio
import sys

PORT, DELAY = int(sys.argv[1]), float(sys.argv[2]) / 1000
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            at = self.buffer[:end].lower().find(b"content-length:")
            length = int(self.buffer[at + 15:end].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length:]
            LOOP.call_later(DELAY, self.transport.write, ANSWER)


LOOP = asyncio.new_event_loop()
LOOP.run_until_complete(LOOP.create_server(Connection, "127.0.0.1", PORT, backlog=1024))
LOOP.run_forever()
