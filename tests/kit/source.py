"""A server that speaks the user pools API and says what a test lets it say: what no other server at hand would show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Source(ThreadingHTTPServer):
    """`answers` are by operation; where there is none, UnknownOperationException. `files` are by path, for GET."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Source

    def do_POST(self) -> None:
        members = json.loads(self.rfile.read(int(self.headers["content-length"])))
        operation = self.headers["x-amz-target"].rpartition(".")[2]
        answer = self.server.answers.get(operation)
        answer = answer(members) if callable(answer) else answer
        if answer is None:
            self._send(400, json.dumps({"__type": "UnknownOperationException"}).encode())
        else:
            self._send(200, json.dumps(answer).encode())

    def do_GET(self) -> None:
        file = self.server.files.get(self.path)
        self._send(404 if file is None else 200, file or b"")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running() -> Iterator[Source]:
    source = Source()
    thread = Thread(target=source.serve_forever)
    thread.start()
    try:
        yield source
    finally:
        source.shutdown()
        thread.join()
        source.server_close()
