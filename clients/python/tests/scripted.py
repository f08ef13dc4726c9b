"""A server that answers as a test says, on a real port.

What httpx's mock transport cannot show is shown here: connections that are kept, cut or
refused, and bodies that arrive in pieces.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """One response.

    Attributes:
        pieces: Chunks of the body, each sent by itself; `None` cuts the connection.
        delay_s: Waited before anything is sent.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes | None] = ()
    delay_s: float = 0.0


CUT = Reply(status=0)
"""The connection ends without a response."""


def json_reply(body: object, status: int = 200, **headers: str) -> Reply:
    """A body of JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    pieces = [json.dumps(body).encode()]
    return Reply(status, {"Content-Type": "application/json", **named}, pieces)


def stream_reply(pieces: Iterable[bytes | None]) -> Reply:
    """An event stream."""
    return Reply(200, {"Content-Type": "text/event-stream; charset=utf-8"}, pieces)


class ScriptedServer(ThreadingHTTPServer):
    """Gives its replies one after the other; the last one again and again.

    Attributes:
        received: Path and body of each request; a body of JSON is parsed.
        heads: Method and headers of each.
        connections: How many were opened.
    """

    daemon_threads = True
    # Many connections at once are what some tests are about.
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: deque[Reply] = deque()
        self.received: list[tuple[str, Any]] = []
        self.heads: list[tuple[str, Message]] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def say(self, *replies: Reply) -> None:
        """Replaces what is to be answered, and forgets what was received."""
        self.replies = deque(replies)
        self.received.clear()
        self.heads.clear()

    def next_reply(self, method: str, path: str, headers: Message, body: bytes) -> Reply:
        """Notes a request and gives its reply."""
        is_json = headers.get("Content-Type") == "application/json"
        with self._lock:
            self.heads.append((method, headers))
            self.received.append((path, json.loads(body) if is_json else body or None))
            return self.replies.popleft() if len(self.replies) > 1 else self.replies[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are part of the tests."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def do_PUT(self) -> None:
        self._reply()

    def do_DELETE(self) -> None:
        self._reply()

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.next_reply(self.command, self.path, self.headers, body)
        time.sleep(reply.delay_s)
        if reply.status == 0:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in reply.pieces:
                if piece is None:
                    self.close_connection = True
                    return
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has heard enough

    def log_message(self, format: str, *args: object) -> None:
        pass
